import { newestOf } from '../audit/oldest.ts';
import { ms } from '../audit/units.ts';
import { printIpv4, printIpv6 } from './address.ts';
import type { Answer } from './answer.ts';
import { A, AAAA, questionName, readMessage } from './wire.ts';

/** Queries without an answer kept in mind; the oldest go first. */
const MAX_QUERIES = 8192;
const HEADER = 24;
const RECORD = 16;
/** What tcpdump keeps of a packet at most. Bytes. */
const MAX_PACKET = 262_144;
const UDP = 17;
const DNS = 53;

/** Bytes before the IP header by link type of the capture, https://www.tcpdump.org/linktypes.html */
const LINK: Readonly<Record<number, number>> = { 0: 4, 1: 14, 12: 0, 101: 0, 108: 4, 113: 16, 228: 0, 229: 0, 276: 20 };
const ETHERNET = 1;
const VLAN = new Set([0x8100, 0x88a8]);

interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly body: Buffer;
}

/** Where the IP header of an Ethernet frame begins, behind up to two VLAN tags. */
const behindTags = (frame: Buffer): number => {
  let ip = LINK[ETHERNET] ?? 0;
  while (ip < 22 && ip <= frame.length && VLAN.has(frame.readUInt16BE(ip - 2))) ip += 4;
  return ip;
};

/** The UDP datagram in a packet; undefined for all else, fragments too. */
const datagram = (packet: Buffer, link: number): Datagram | undefined => {
  // Options of IPv6 are not looked behind: resolvers send plain packets.
  const ip = link === ETHERNET ? behindTags(packet) : (LINK[link] ?? packet.length);
  if (ip + 20 > packet.length) return undefined;
  const version = (packet[ip] ?? 0) >> 4;
  const is4 = version === 4;
  if (!is4 && (version !== 6 || ip + 40 > packet.length)) return undefined;
  if (packet[ip + (is4 ? 9 : 6)] !== UDP || (is4 && (packet.readUInt16BE(ip + 6) & 0x3fff) !== 0)) return undefined;
  const udp = ip + (is4 ? ((packet[ip] ?? 0) & 15) * 4 : 40);
  if (udp + 8 > packet.length) return undefined;
  return {
    from: is4 ? printIpv4(packet, ip + 12) : printIpv6(packet, ip + 8), to: is4 ? printIpv4(packet, ip + 16) : printIpv6(packet, ip + 24),
    fromPort: packet.readUInt16BE(udp), toPort: packet.readUInt16BE(udp + 2), body: packet.subarray(udp + 8),
  };
};

interface Format {
  readonly u32: (b: Buffer, at: number) => number;
  /** Of the smaller part of a stamp. */
  readonly perMs: number;
  readonly link: number;
}

export interface Capture {
  /** The next bytes; not kept. */
  readonly feed: (chunk: Buffer) => void;
  /** The file has ended; another begins with a header of its own. */
  readonly end: () => void;
}

/**
 * Reads a capture of port 53 as `tcpdump -w` writes it. Only what one of the resolvers answers, to the address, port and number of a query that
 * was seen, counts: anybody may run a server of his own, and have it say what he likes. `unreadable` is called once for what is no capture.
 */
export const readCapture = (resolvers: ReadonlySet<string>, found: (answer: Answer) => void, unreadable: (why: string) => void): Capture => {
  const queries = new Set<string>();
  const trim = newestOf(queries, MAX_QUERIES);
  let carry = Buffer.alloc(0);
  let format: Format | undefined;
  let given = false;

  const giveUp = (why: string): void => {
    given = true;
    carry = Buffer.alloc(0);
    unreadable(why);
  };

  const readHeader = (b: Buffer): Format | undefined => {
    const magic = b.readUInt32LE(0);
    const isLittle = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
    const u32 = (c: Buffer, at: number): number => (isLittle ? c.readUInt32LE(at) : c.readUInt32BE(at));
    const number = u32(b, 0);
    const link = u32(b, 20) & 0xffff;
    if (number === 0x0a0d0d0a) giveUp('is pcapng: write it with tcpdump -w, or convert it with editcap -F pcap');
    else if (number !== 0xa1b2c3d4 && number !== 0xa1b23c4d) giveUp('is no capture of tcpdump -w');
    else if (LINK[link] === undefined) giveUp(`has the link type ${link}, which is not known: capture with tcpdump -i any`);
    else return { u32, perMs: number === 0xa1b2c3d4 ? 1e3 : 1e6, link };
    return undefined;
  };

  const packet = (time: number, raw: Buffer, link: number): void => {
    const sent = datagram(raw, link);
    if (sent === undefined || (sent.fromPort !== DNS && sent.toPort !== DNS)) return;
    const { from, to, fromPort, toPort, body } = sent;
    const message = readMessage(body);
    if (message === undefined || (message.type !== A && message.type !== AAAA)) return;
    const asked = `${message.id} ${message.type} ${message.question}`;
    if (!message.isAnswer) {
      if (toPort !== DNS || !resolvers.has(to)) return;
      queries.add(`${from} ${fromPort} ${to} ${asked}`);
      trim();
      return;
    }
    // The first answer is the one that the program took.
    if (fromPort !== DNS || !queries.delete(`${to} ${toPort} ${from} ${asked}`)) return;
    const name = questionName(message);
    if (name !== undefined && message.addresses.length > 0) found({ time: ms(Math.floor(time)), name, addresses: message.addresses, ttl: message.ttl });
  };

  /** Reads what is whole; returns where the rest begins. */
  const readPackets = (all: Buffer, from: number, { u32, perMs, link }: Format): number => {
    let p = from;
    while (p + RECORD <= all.length) {
      const length = u32(all, p + 8);
      if (length > MAX_PACKET) {
        giveUp('is damaged: read up to there');
        break;
      }
      if (p + RECORD + length > all.length) break;
      packet(u32(all, p) * 1000 + u32(all, p + 4) / perMs, all.subarray(p + RECORD, p + RECORD + length), link);
      p += RECORD + length;
    }
    return p;
  };

  return {
    feed(chunk) {
      if (given) return;
      const all = carry.length > 0 ? Buffer.concat([carry, chunk]) : chunk;
      let p = 0;
      if (format === undefined && all.length >= HEADER) {
        format = readHeader(all);
        p = HEADER;
      }
      if (given) return;
      if (format !== undefined) p = readPackets(all, p, format);
      if (!given) carry = Buffer.from(all.subarray(p));
    },

    end() {
      carry = Buffer.alloc(0);
      format = undefined;
      given = false;
    },
  };
};
