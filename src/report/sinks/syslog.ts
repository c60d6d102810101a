import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { priorityOf } from '../gravity.ts';
import { run } from './command.ts';
import { fit } from './format.ts';
import { FACILITIES } from './schema.ts';
import type { Entry, Sink } from './sink.ts';

type Send = Sink['send'];

/** Bytes of a message, at most: what rsyslog and syslog-ng take by themselves. */
const MAX_MESSAGE = 8000;
/** Ms in which a host says that nobody listens there. */
const REFUSAL = 50;

/** RFC 5424: printable ASCII without blanks, so long at most. */
const word = (text: string, most: number): string => text.replaceAll(/[^\x21-\x7e]/g, '').slice(0, most) || '-';

const textOf = ({ body }: Entry): string => fit(body, MAX_MESSAGE).replaceAll(/\p{Cc}/gu, ' ');

const number = (facility: (typeof FACILITIES)[number], { severity }: Entry): number => FACILITIES.indexOf(facility) * 8 + priorityOf(severity);

/** A message of RFC 5424. */
const message = (facility: (typeof FACILITIES)[number], entry: Entry): Buffer =>
  Buffer.from(`<${number(facility, entry)}>1 ${new Date().toISOString()} ${word(hostname(), 255)} fullmon ${process.pid} ${word(entry.id, 32)} - ${textOf(entry)}`);

/** Sent is all that is known, unless the host says that nobody listens. */
const byUdp = (host: string, port: number, facility: (typeof FACILITIES)[number]): Send => async (entries) => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    const refused = new Promise<never>((_, reject) => socket.on('error', reject));
    refused.catch(() => undefined);
    socket.connect(port, host);
    await Promise.race([once(socket, 'connect'), refused]);
    for (const entry of entries) socket.send(message(facility, entry));
    await Promise.race([sleep(REFUSAL), refused]);
  } finally {
    socket.close();
  }
};

/**
 * One connection a batch, counted octets (RFC 6587). The protocol has no receipt, and what a dead daemon's kernel took is lost; so ours is
 * closed for writing, and that the other end then closes it in good order says that it has read all.
 */
const byStream = (connect: () => Socket, facility: (typeof FACILITIES)[number]): Send => (entries, signal) =>
  new Promise((resolve, reject) => {
    const socket = connect();
    const giveUp = (): void => void socket.destroy(new Error('not taken in time'));
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('error', reject).on('close', () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    }).resume();
    socket.end(Buffer.concat(entries.flatMap((entry) => {
      const bytes = message(facility, entry);
      return [Buffer.from(`${bytes.length} `), bytes];
    })));
  });

/** Node has no datagram sockets of that family; logger(1), which every Debian has, does. */
const byLogger = (path: string, facility: (typeof FACILITIES)[number]): Send => (entries, signal) =>
  run(['/usr/bin/logger', '--socket', path, '--socket-errors=on', '--tag', 'fullmon', '--prio-prefix', '--size', String(2 * MAX_MESSAGE)], entries.map((entry) => `<${number(facility, entry)}>${textOf(entry)}\n`).join(''), signal);

/** `to`: `udp:HOST:PORT`, `tcp:HOST:PORT`, `tls:HOST:PORT`, `unix:PATH`. */
export const sendSyslog = (to: string, facility: (typeof FACILITIES)[number]): Send => {
  const [, kind, host = '', digits] = /^(udp|tcp|tls):\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  const port = Number(digits);
  switch (kind) {
    case 'udp': return byUdp(host, port, facility);
    case 'tcp': return byStream(() => connectTcp(port, host), facility);
    case 'tls': return byStream(() => connectTls({ host, port, servername: host }), facility);
    default: return byLogger(to.slice('unix:'.length), facility);
  }
};
