import { Has, proctitle } from '../../src/audit/event.ts';
import type { Event } from '../../src/audit/event.ts';
import { noLosses } from '../../src/audit/losses.ts';
import type { Losses } from '../../src/audit/losses.ts';
import { watchSerials } from '../../src/audit/serials.ts';
import { reassemble } from '../../src/audit/reassembler.ts';
import type { Break, Reassembler } from '../../src/audit/reassembler.ts';

/** What an event told, as data that may be kept: only what its records said. Names are bytes, one char each. */
export const told = (event: Event) => {
  const said = (bit: number): boolean => (event.has & bit) !== 0;
  return {
    node: event.node,
    time: event.time,
    serial: event.serial,
    ...(said(Has.syscall) && { syscall: { ...event.syscall } }),
    ...(said(Has.login) && { login: { ...event.login } }),
    ...(said(Has.cwd) && { cwd: event.cwd }),
    ...(said(Has.path) && { paths: event.paths.slice(0, event.pathCount).map((item) => ({ ...item })) }),
    ...(said(Has.execve) && { argv: [...event.argv] }),
    ...(said(Has.sockaddr) && { saddr: event.saddr }),
    ...(said(Has.proctitle) && { proctitle: proctitle(event) }),
    ...(said(Has.objPid) && { objectPid: event.objectPid }),
    ...(said(Has.module) && { module: event.module }),
    ...(said(Has.openat2) && { openFlags: event.openFlags }),
  };
};

export type Told = ReturnType<typeof told>;

/** A log that is being read. */
export interface Log extends Reassembler {
  readonly events: Told[];
  readonly breaks: Break[];
  readonly losses: Losses;
  /** Feeds whole lines. */
  readonly write: (...lines: readonly string[]) => void;
}

/** One char of `text` is one byte. */
export const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

export const openLog = (): Log => {
  const events: Told[] = [];
  const breaks: Break[] = [];
  const losses = noLosses();
  const reader = reassemble(losses, watchSerials(), (event) => void events.push(told(event)), (at) => void breaks.push(at));
  return { ...reader, events, breaks, losses, write: (...lines) => reader.feed(raw(lines.map((line) => `${line}\n`).join(''))) };
};

/** Reads lines to their end. */
export const read = (...lines: readonly string[]): Log => {
  const log = openLog();
  log.write(...lines);
  log.end();
  return log;
};

/** The only event of some lines. */
export const readOne = (...lines: readonly string[]): Told => {
  const { events } = read(...lines);
  const [event] = events;
  if (event === undefined || events.length !== 1) throw new Error(`${events.length} events`);
  return event;
};

/** Where the time of {@link record} starts, ms. */
export const T0 = 1_700_000_000_000;

/** A line of the log, written at {@link T0} plus `after` ms. */
export const record = (type: string, body: string, serial = 1, after = 0): string => {
  const time = T0 + after;
  return `type=${type} msg=audit(${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}:${serial}): ${body}`;
};

const SYSCALL_FIELDS = {
  arch: 'c000003e', syscall: '59', success: 'yes', exit: '0', a0: '55d85d6719d0', a1: '1', a2: '2', a3: '8', items: '2', ppid: '10', pid: '11', auid: '1000', uid: '33', gid: '33',
  euid: '34', suid: '34', fsuid: '34', egid: '33', sgid: '33', fsgid: '33', tty: '(none)', ses: '7', comm: '"ls"', exe: '"/usr/bin/ls"', subj: 'unconfined', key: '(null)',
} as const;

/** Body of a SYSCALL record in the kernel's order; `undefined` leaves a field out. */
export const syscall = (fields: Readonly<Partial<Record<keyof typeof SYSCALL_FIELDS, string | undefined>>> = {}): string =>
  Object.entries({ ...SYSCALL_FIELDS, ...fields }).filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${value}`).join(' ');

/** Upper case hex of bytes, as the kernel writes them. */
export const hex = (text: string): string => raw(text).toString('hex').toUpperCase();

/** As the kernel writes a string it does not trust. */
export const untrusted = (text: string): string => (/^[\x21\x23-\x7e]*$/.test(text) ? `"${text}"` : hex(text));

/** A write to a file by nobody that lives here, at this moment. */
export const writes = (name: string, serial: number): string => {
  const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:${serial})`;
  return [
    record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: '4190001', ppid: '4190000', exe: '"/usr/bin/tee"', auid: '4294967295', ses: '4294967295' })),
    record('CWD', 'cwd="/srv"'),
    record('PATH', `item=0 name="${name}" inode=9 dev=fe:00 mode=0100644 nametype=CREATE`),
    record('PROCTITLE', 'proctitle="tee"'),
  ].map((line) => `${line.replace(/audit\([^)]*\)/, stamp)}\n`).join('');
};
