import { latin1 } from './decode.ts';
import { ms } from './units.ts';
import type { Ms } from './units.ts';

/** Record types that tell fullmon something; every other type is understood as "nothing for us", of auditd itself or of anybody else. */
export type RecordType =
  | 'SYSCALL' | 'CWD' | 'PATH' | 'EXECVE' | 'SOCKADDR' | 'PROCTITLE' | 'LOGIN' | 'USER_START' | 'CONFIG_CHANGE' | 'DAEMON_START' | 'DAEMON_END' | 'DAEMON_ABORT' | 'DAEMON_ROTATE' | 'SERVICE_STOP' | 'OBJ_PID' | 'KERN_MODULE' | 'OPENAT2' | 'EOE' | 'auditd' | 'other';

/** By the kernel. What auditd tells of itself it numbers by its own, from somewhere in ten thousand: no hole, and no other boot behind it. */
export const isNumbered = (type: RecordType): boolean => type !== 'DAEMON_START' && type !== 'DAEMON_END' && type !== 'DAEMON_ABORT' && type !== 'DAEMON_ROTATE' && type !== 'auditd';

/** `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): BODY` */
export interface Header {
  node: string;
  type: RecordType;
  time: Ms;
  serial: number;
  /** Where the body starts. */
  body: number;
}

export const newHeader = (): Header => ({ node: '', type: 'other', time: ms(0), serial: 0, body: 0 });

const SPACE = 32;
const DOT = 46;
const COLON = 58;
const CLOSE = 41;

/** By length and last letter, so that a name is compared once. */
const slot = (length: number, last: number): number => (length << 8) | last;

interface Named {
  readonly name: Buffer;
  readonly type: RecordType;
  /** Another type of this length and last letter. */
  readonly other: Named | undefined;
}

const TYPES: (Named | undefined)[] = [];
const note = (name: string, type: RecordType): void => {
  const at = slot(name.length, name.charCodeAt(name.length - 1));
  TYPES[at] = { name: Buffer.from(name), type, other: TYPES[at] };
};
for (const type of [
  'PATH', 'SYSCALL', 'PROCTITLE', 'CWD', 'SOCKADDR', 'EXECVE', 'LOGIN', 'USER_START', 'EOE', 'OBJ_PID', 'KERN_MODULE', 'OPENAT2', 'CONFIG_CHANGE',
  'DAEMON_START', 'DAEMON_END', 'DAEMON_ABORT', 'DAEMON_ROTATE', 'SERVICE_STOP',
] as const) note(type, type);
for (const name of ['DAEMON_CONFIG', 'DAEMON_RESUME', 'DAEMON_ACCEPT', 'DAEMON_CLOSE', 'DAEMON_ERR']) note(name, 'auditd');

const NODE = Buffer.from('node=');
const STAMP = Buffer.from(' msg=audit(');

export const startsWith = (buffer: Buffer, p: number, end: number, text: Buffer): boolean => {
  if (end - p < text.length) return false;
  for (let i = 0; i < text.length; i++) if (buffer[p + i] !== text[i]) return false;
  return true;
};

const typeOf = (buffer: Buffer, from: number, to: number): RecordType => {
  let candidate = to - from < 16 ? TYPES[slot(to - from, buffer[to - 1] ?? 0)] : undefined;
  while (candidate !== undefined && !startsWith(buffer, from, to, candidate.name)) candidate = candidate.other;
  return candidate?.type ?? 'other';
};

/**
 * Reads the header of the line in buffer[start, end) into `header`. Digits are checked strictly, since time and serial decide what
 * belongs together; the colon after the stamp is optional, as some distributions leave it out.
 * `false`: a header, but a bad one. `undefined`: the line does not even look like a record.
 */
export const readHeader = (buffer: Buffer, start: number, end: number, header: Header): boolean | undefined => {
  let p = start;
  header.node = '';
  if (buffer[p] === NODE[0] && startsWith(buffer, p, end, NODE)) {
    const space = buffer.indexOf(SPACE, p);
    if (space < 0 || space >= end) return false;
    header.node = latin1(buffer, p + NODE.length, space);
    p = space + 1;
  }
  // t, y, p, e, =
  if (end - p < 5 || buffer[p] !== 116 || buffer[p + 1] !== 121 || buffer[p + 2] !== 112 || buffer[p + 3] !== 101 || buffer[p + 4] !== 61) return undefined;
  const name = (p += 5);
  while (p < end && buffer[p] !== SPACE) p++;
  header.type = typeOf(buffer, name, p);
  if (p === name || !startsWith(buffer, p, end, STAMP)) return false;
  p += STAMP.length;

  let c = 0;
  let digits = p;
  let seconds = 0;
  for (; (c = (buffer[p] ?? 0) - 48) >= 0 && c <= 9; p++) seconds = seconds * 10 + c;
  if (p === digits || p - digits > 11 || buffer[p] !== DOT) return false;
  digits = ++p;
  let millis = 0;
  for (; (c = (buffer[p] ?? 0) - 48) >= 0 && c <= 9; p++) millis = millis * 10 + c;
  if (p - digits !== 3 || buffer[p] !== COLON) return false;
  digits = ++p;
  let serial = 0;
  for (; (c = (buffer[p] ?? 0) - 48) >= 0 && c <= 9; p++) serial = serial * 10 + c;
  if (p === digits || p - digits > 15 || buffer[p] !== CLOSE) return false;
  p++;
  if (p > end) return false;
  if (p < end && buffer[p] === COLON) p++;
  header.time = ms(seconds * 1000 + millis);
  header.serial = serial;
  header.body = p;
  return true;
};
