import { statSync } from 'node:fs';
import { noLosses } from '../audit/losses.ts';
import { splitLines } from '../audit/lines.ts';
import type { Lines } from '../audit/lines.ts';
import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import type { Hostnames } from '../behaviour/hostnames.ts';
import { readAddress } from '../dns/address.ts';
import { inZone, nearestYear, zoneOf } from '../dns/calendar.ts';
import type { Stamp, Zone } from '../dns/calendar.ts';
import { dnsmasqLog } from '../dns/dnsmasq.ts';
import { readHosts, readResolvers } from '../dns/hosts.ts';
import { readCapture } from '../dns/pcap.ts';
import { readResolved, SUBSCRIBE } from '../dns/resolved.ts';
import { unboundCache } from '../dns/unbound.ts';
import { followVarlink, pollProgram, readSmall, watchFile } from '../input/dns.ts';
import { FullmonError } from '../input/errors.ts';
import { replayFiles, STDIN } from '../input/replay.ts';

/** What `--dns` names. */
export type Source =
  | { readonly kind: 'dnsmasq'; readonly file: string }
  /** `resolvers`: whose answers count; those of `/etc/resolv.conf` when left out. */
  | { readonly kind: 'pcap'; readonly file: string; readonly resolvers: readonly string[] | undefined }
  | { readonly kind: 'resolved' | 'unbound' | 'hosts' };

type Learn = Pick<Hostnames, 'learn' | 'replace' | 'dropped'>;

const HOSTS = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';
const DUMP_CACHE = ['unbound-control', 'dump_cache'] as const;

/** `pcap:FILE@ADDRESS,ADDRESS`: as long as what follows the last at sign is addresses. */
const readPcap = (text: string): Source => {
  const at = text.lastIndexOf('@');
  const listed = at < 0 ? [] : text.slice(at + 1).split(',').map(readAddress);
  const resolvers = listed.flatMap((one) => one ?? []);
  const isListed = resolvers.length > 0 && resolvers.length === listed.length;
  const file = isListed ? text.slice(0, at) : text;
  if (file === '') throw new FullmonError('--dns pcap: name the capture, or - for stdin');
  return { kind: 'pcap', file: file === '-' ? STDIN : file, resolvers: isListed ? resolvers : undefined };
};

/** Reads one `--dns`. Throws a {@link FullmonError}. */
export const readSource = (text: string): Source => {
  if (text === 'resolved' || text === 'unbound' || text === 'hosts') return { kind: text };
  if (text.startsWith('pcap:')) return readPcap(text.slice('pcap:'.length));
  if (text === '' || text === '-' || text === STDIN) throw new FullmonError("--dns: name a log of dnsmasq, or one of resolved, unbound, hosts, pcap:FILE, pcap:-");
  return { kind: 'dnsmasq', file: text };
};

/** Reads all `--dns`. Throws a {@link FullmonError}; `logs` may not come by the same way. */
const readSources = (texts: readonly string[], logs: readonly string[]): readonly Source[] => {
  const sources = texts.map(readSource);
  if ([...logs, ...sources.map((source) => ('file' in source ? source.file : ''))].filter((file) => file === STDIN).length > 1) throw new FullmonError('--dns pcap:-: stdin is read already; write the capture into a file');
  return sources;
};

const localZone: Zone = (time) => -new Date(time).getTimezoneOffset() * 60_000;

const resolversOf = (source: Extract<Source, { kind: 'pcap' }>): ReadonlySet<string> => new Set(source.resolvers ?? readResolvers(readSmall(RESOLV_CONF)));

const linesOf = (line: (text: string) => void): Lines => splitLines(noLosses(), (buffer, start, end) => line(buffer.toString('latin1', start, end)));

const all = async (file: string, chunk: (bytes: Buffer) => void, end: () => void): Promise<void> =>
  replayFiles([file], { chunk, fileEnd: end, progress: () => undefined }, () => false);

/** A stamp as if clocks showed UTC; `near`: time of the audit log. */
const shownAt = (time: Ms | Stamp, near: Ms): Ms => (typeof time === 'number' ? time : nearestYear(time, near));

/** Throws a {@link FullmonError} for what cannot be read twice. */
const checkStored = (file: string): void => {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new FullmonError(`--dns ${file}: name a file, plain or .gz`);
};

/** A stored log of dnsmasq beside an audit log that has a stamp at `near`. */
const replayDnsmasq = async (file: string, near: Ms, to: Learn): Promise<void> => {
  let first = Infinity;
  let last = -Infinity;
  // Where it lies in time is only known once all of it was seen.
  const span = dnsmasqLog(({ time }) => {
    const shown = shownAt(time, near);
    first = Math.min(first, shown);
    last = Math.max(last, shown);
  });
  const spanLines = linesOf(span);
  await all(file, spanLines.feed, spanLines.end);
  if (first > last) return;
  const zone = zoneOf(ms(first), ms(last), near, localZone);
  const log = dnsmasqLog((answer) => to.learn({ ...answer, time: typeof answer.time === 'number' ? answer.time : inZone(nearestYear(answer.time, near), zone) }));
  const lines = linesOf(log);
  await all(file, lines.feed, lines.end);
};

const STAMP = /msg=audit\((\d{1,11})\.(\d{3}):/;

/** The first stamp of a piece of an audit log. */
const stampIn = (bytes: Buffer): Ms | undefined => {
  const m = STAMP.exec(bytes.toString('latin1'));
  return m ? ms(Number(m[1]) * 1000 + Number(m[2])) : undefined;
};

/**
 * The names for stored logs. To be called with each piece of the audit log before it is fed; what it returns is to be waited for. Throws a
 * {@link FullmonError} for a source that cannot be had afterwards.
 */
export const replayNames = (texts: readonly string[], logs: readonly string[], to: Learn, notice: (text: string) => void): ((bytes: Buffer) => Promise<void> | undefined) => {
  const sources = readSources(texts, logs);
  for (const source of sources) {
    const { kind } = source;
    if (kind === 'dnsmasq') checkStored(source.file);
    else if (kind === 'resolved' || kind === 'unbound') throw new FullmonError(`--dns ${kind}: can only be asked while it happens; for a replay name a log of dnsmasq or a capture`);
  }
  let isOpen = false;

  const readAll = async (near: Ms): Promise<void> => {
    for (const source of sources) {
      if (source.kind === 'dnsmasq') await replayDnsmasq(source.file, near, to);
      else if (source.kind === 'hosts') to.replace(readHosts(readSmall(HOSTS)));
      else if (source.kind === 'pcap') {
        const resolvers = resolversOf(source);
        let answers = 0;
        const capture = readCapture(resolvers, (answer) => {
          answers++;
          to.learn(answer);
        }, (why) => notice(`${source.file}: ${why}`));
        await all(source.file, capture.feed, capture.end);
        if (answers === 0) notice(`${source.file}: no answer of ${[...resolvers].join(', ') || 'a resolver'} in it; name the machine's resolver with --dns pcap:FILE@ADDRESS`);
      }
    }
    if (to.dropped() > 0) notice(`more names than there is room for: the ${to.dropped()} oldest are left out; replay the logs in parts`);
  };

  return (bytes) => {
    const near = isOpen ? undefined : stampIn(bytes);
    if (near === undefined) return undefined;
    isOpen = true;
    return readAll(near);
  };
};

/** Names are looked for at least this often, since what happens is held back for only a second. Seconds. */
const LOOK = 0.5;

export interface Names {
  /** All that was there already has been read. */
  readonly ready: Promise<void>;
  /** Reads what has been written up to now, and closes everything. */
  readonly stop: () => Promise<void>;
}

/** The names of hosts as they are asked for. `wait`: seconds between two looks at a file. */
export const followNames = async (texts: readonly string[], log: string, to: Learn, wait: number, notice: (text: string) => void): Promise<Names> => {
  const opened: { readonly stop: () => void | Promise<void> }[] = [];
  const ready: Promise<void>[] = [];

  const followFile = async (file: string, chunk: (bytes: Buffer) => void, end: () => void, caughtUp: () => void): Promise<void> => {
    const { follow } = await import('../input/tail.ts');
    ready.push(
      new Promise((resolve) => {
        const follower = follow(file, { wait: Math.min(wait, LOOK), from: 'start' }, {
          chunk,
          fileEnd: end,
          idle() {
            caughtUp();
            resolve();
          },
          notice(n) {
            if (n.kind === 'waiting') notice(`${file}: no such file yet, waiting for it; no names until then`);
            else if (n.kind === 'unreadable') notice(`${file}: cannot be read (${n.code}), trying again; no names until then`);
          },
        });
        opened.push(follower);
      }),
    );
  };

  for (const source of readSources(texts, [log])) {
    switch (source.kind) {
      case 'dnsmasq': {
        let fresh = false;
        const log = dnsmasqLog((answer) => {
          if (typeof answer.time === 'number') return to.learn({ ...answer, time: answer.time });
          const now = ms(Date.now());
          const shown = nearestYear(answer.time, now);
          const local = inZone(shown, localZone);
          // What is written now tells in which zone; nothing was written in the future.
          to.learn({ ...answer, time: fresh || local > now ? inZone(shown, zoneOf(shown, shown, now, localZone)) : local });
        });
        const lines = linesOf(log);
        await followFile(source.file, lines.feed, lines.end, () => (fresh = true));
        break;
      }
      case 'pcap': {
        const capture = readCapture(resolversOf(source), to.learn, (why) => notice(`${source.file}: ${why}`));
        if (source.file !== STDIN) await followFile(source.file, capture.feed, capture.end, () => undefined);
        else {
          process.stdin.on('data', capture.feed).on('end', () => notice('the capture on stdin has ended: no names from now on'));
          opened.push({ stop: () => void process.stdin.destroy() });
        }
        break;
      }
      case 'resolved':
        opened.push(followVarlink(SUBSCRIBE, (text) => {
          const answer = readResolved(text, ms(Date.now()));
          if (answer) to.learn(answer);
        }, { notice }));
        break;
      case 'unbound': {
        const read = unboundCache();
        opened.push(pollProgram(DUMP_CACHE, (text, asked) => {
          for (const answer of read(text, ms(asked))) to.learn(answer);
        }, { notice }));
        break;
      }
      case 'hosts':
        opened.push(watchFile(HOSTS, (text) => to.replace(readHosts(text))));
        break;
    }
  }
  return {
    ready: Promise.all(ready).then(() => undefined),
    async stop() {
      await Promise.all(opened.map(({ stop }) => stop()));
    },
  };
};
