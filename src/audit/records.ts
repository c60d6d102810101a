import { decimal, latin1, low32, unhex, untrusted } from './decode.ts';
import { Has, MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, MAX_PATHS, newPathItem } from './event.ts';
import type { Event, NameType } from './event.ts';
import { layout, locate, TORN } from './fields.ts';
import type { Layout } from './fields.ts';
import { startsWith } from './header.ts';
import type { RecordType } from './header.ts';
import type { Losses } from './losses.ts';
import { bytes, pid, ses, uid, UNSET } from './units.ts';
import type { Bytes } from './units.ts';

const EMPTY = bytes('');

/** Reads the body in buffer[p, end) into the event; false when it is damaged, and then the event is as it was before. */
type Reader = (event: Event, buffer: Buffer, p: number, end: number, losses: Losses) => boolean;

const at = (l: Layout, i: number): number => l.spans[2 * i] ?? -1;
const to = (l: Layout, i: number): number => l.spans[2 * i + 1] ?? -1;
const missing = (l: Layout, i: number): boolean => at(l, i) < 0;
const number = (buffer: Buffer, l: Layout, i: number): number => (missing(l, i) ? Number.NaN : decimal(buffer, at(l, i), to(l, i)));
const hex = (buffer: Buffer, l: Layout, i: number): number => (missing(l, i) ? 0 : low32(buffer, at(l, i), to(l, i)));
/** `previous` is what the pooled event held before: mostly the same text. */
const text = (buffer: Buffer, l: Layout, i: number, previous: string = EMPTY): Bytes | undefined =>
  missing(l, i) ? undefined : untrusted(buffer, at(l, i), to(l, i), l.quoted[i] === 1, previous);
const first = (buffer: Buffer, l: Layout, i: number): number => (missing(l, i) ? -1 : (buffer[at(l, i)] ?? -1));

const OPEN = 40; // (
const COLON = 58;
const YES = 121; // y

const SYSCALL = layout(
  'arch', 'syscall', 'success', 'exit', 'a0', 'a1', 'a2', 'a3', 'items', 'ppid', 'pid', 'auid', 'uid', 'gid', 'euid', 'suid', 'fsuid', 'egid', 'sgid', 'fsgid',
  'tty', 'ses', 'comm', 'exe',
);

const readSyscall: Reader = (event, buffer, p, end) => {
  const l = SYSCALL;
  locate(buffer, p, end, l);
  const arch = missing(l, 0) ? Number.NaN : low32(buffer, at(l, 0), to(l, 0));
  const nr = number(buffer, l, 1);
  const id = number(buffer, l, 10);
  const euid = number(buffer, l, 14);
  if (Number.isNaN(arch + nr + id + euid) || missing(l, 23)) return false;
  const r = event.syscall;
  r.arch = arch;
  r.nr = nr;
  // A call that did not return (exit, a signal) has neither success nor exit.
  r.success = first(buffer, l, 2) === YES;
  const exit = number(buffer, l, 3);
  r.exit = Number.isNaN(exit) ? 0 : exit;
  r.a0 = hex(buffer, l, 4);
  r.a1 = hex(buffer, l, 5);
  r.a2 = hex(buffer, l, 6);
  r.a3 = hex(buffer, l, 7);
  const parent = number(buffer, l, 9);
  r.ppid = pid(Number.isNaN(parent) ? 0 : parent);
  r.pid = pid(id);
  r.auid = uid(unsigned(number(buffer, l, 11)));
  r.uid = uid(unsigned(number(buffer, l, 12)));
  r.euid = uid(unsigned(euid));
  r.notty = first(buffer, l, 20) === OPEN;
  r.ses = ses(unsigned(number(buffer, l, 21)));
  r.comm = text(buffer, l, 22, r.comm) ?? EMPTY;
  r.exe = text(buffer, l, 23, r.exe) ?? EMPTY;
  event.has |= Has.syscall;
  return true;
};

/** Old kernels print an unset id as -1; one that is missing is unset too. */
const unsigned = (n: number): number => (Number.isNaN(n) ? UNSET : n >>> 0);

const CWD = layout('cwd');

const readCwd: Reader = (event, buffer, p, end) => {
  if (locate(buffer, p, end, CWD) !== 1) return false;
  event.cwd = text(buffer, CWD, 0, event.cwd) ?? EMPTY;
  event.has |= Has.cwd;
  return true;
};

// RHEL 6 and 7 say objtype where others say nametype.
const PATH = layout('item', 'name', 'inode', 'dev', 'mode', 'ouid', 'ogid', 'rdev', 'nametype');
const OLD_PATH = layout('objtype');

/** The four names that matter differ in their first letter and are all six long; UNKNOWN is not. */
const nameType = (buffer: Buffer, from: number, end: number): NameType => {
  if (end - from !== 6) return 'other';
  switch (buffer[from]) {
    case 78: return 'NORMAL';
    case 80: return 'PARENT';
    case 67: return 'CREATE';
    case 68: return 'DELETE';
    default: return 'other';
  }
};

/** `dev=fe:00` as one number, see {@link PathItem}. */
const device = (buffer: Buffer, from: number, end: number): number => {
  let colon = from;
  while (colon < end && buffer[colon] !== COLON) colon++;
  const dev = low32(buffer, from, colon) * 2 ** 20 + low32(buffer, colon + 1, end);
  return Number.isNaN(dev) ? 0 : dev;
};

const readPath: Reader = (event, buffer, p, end, losses) => {
  const l = PATH;
  if (locate(buffer, p, end, l) === TORN || missing(l, 0) || missing(l, 1)) return false;
  let kind: NameType = 'other';
  if (!missing(l, 8)) kind = nameType(buffer, at(l, 8), to(l, 8));
  else if (locate(buffer, p, end, OLD_PATH) === 1) kind = nameType(buffer, at(OLD_PATH, 0), to(OLD_PATH, 0));
  if (event.pathCount >= MAX_PATHS) {
    losses.truncated++;
    return true;
  }
  const item = (event.paths[event.pathCount] ??= newPathItem());
  event.pathCount++;
  item.name = text(buffer, l, 1, item.name);
  const inode = number(buffer, l, 2);
  item.inode = Number.isNaN(inode) ? -1 : inode;
  item.dev = missing(l, 3) ? 0 : device(buffer, at(l, 3), to(l, 3));
  const mode = missing(l, 4) ? 0 : low32(buffer, at(l, 4), to(l, 4), 3);
  item.mode = Number.isNaN(mode) ? 0 : mode;
  item.nametype = kind;
  event.has |= Has.path;
  return true;
};

/** `a0="x" a1=6120 a2_len=9000 a2[0]=... a2[1]=...`, over as many records as it takes. */
const ARGUMENT = /(?:^|\s)a(\d{1,7})(?:\[(\d{1,7})\])?=(?:"([^"]*)"|([^\s"]*))(?=[\s]|$)/g;

const readExecve: Reader = (event, buffer, p, end, losses) => {
  const [body = ''] = latin1(buffer, p, end).split('\x1d', 1);
  // In quotes there is no space: where a second header stands, two records have run together, and their arguments with them.
  if (body.includes(' msg=audit(')) return false;
  const args = event.argv;
  let any = false;
  for (const { index: start, 0: field, 1: index = '', 2: part, 3: quoted, 4: plain = '' } of body.matchAll(ARGUMENT)) {
    any = true;
    const i = Number(index);
    // Copied, since a part of the body would keep all of it in memory.
    const stop = p + start + field.length - 1;
    const value = quoted === undefined ? (plain === '(null)' ? '' : (unhex(plain) ?? plain)) : latin1(buffer, stop - quoted.length, stop);
    if (i >= MAX_ARGUMENTS || event.argvBytes + value.length > MAX_ARGUMENT_BYTES) {
      losses.truncated++;
      event.argvBytes = MAX_ARGUMENT_BYTES; // a later, shorter piece would hide that something is missing before it
      break;
    }
    while (args.length < i) args.push(EMPTY);
    args[i] = bytes(part === undefined ? value : (args[i] ?? '') + value);
    event.argvBytes += value.length;
  }
  if (!any && !/(?:^|\s)argc=\d/.test(body)) return false;
  event.has |= Has.execve;
  return true;
};

const SOCKADDR = layout('saddr');

const readSockaddr: Reader = (event, buffer, p, end) => {
  if (locate(buffer, p, end, SOCKADDR) !== 1) return false;
  const from = at(SOCKADDR, 0);
  const until = to(SOCKADDR, 0);
  if (until - from < 4 || (until - from) % 2 !== 0 || Number.isNaN(low32(buffer, from, until))) return false;
  event.saddr = latin1(buffer, from, until);
  event.has |= Has.sockaddr;
  return true;
};

const PROCTITLE = Buffer.from(' proctitle=');

const readProctitle: Reader = (event, buffer, p, end) => {
  // The longest value of all, and hardly ever looked at: its bytes are only pointed to.
  if (!startsWith(buffer, p, end, PROCTITLE)) return false;
  event.title = buffer;
  event.titleStart = p + PROCTITLE.length;
  event.titleEnd = end;
  event.has |= Has.proctitle;
  return true;
};

const LOGIN = layout('pid', 'auid', 'ses');
// Before Linux 3.14: `login pid=1 uid=0 old auid=... new auid=... old ses=... new ses=...`, at first without the sessions.
const NEW_AUID = / new auid=(\d{1,10})/;
const NEW_SES = / new ses=(\d{1,10})/;

const readLogin: Reader = (event, buffer, p, end) => {
  if (locate(buffer, p, end, LOGIN) === TORN) return false;
  const body = latin1(buffer, p, end);
  const old = NEW_AUID.exec(body)?.[1];
  const id = number(buffer, LOGIN, 0);
  const login = old === undefined ? number(buffer, LOGIN, 1) : Number(old);
  const session = old === undefined ? number(buffer, LOGIN, 2) : Number(NEW_SES.exec(body)?.[1] ?? UNSET);
  if (Number.isNaN(id + login + session)) return false;
  event.login.pid = pid(id);
  event.login.auid = uid(unsigned(login));
  event.login.ses = ses(unsigned(session));
  event.has |= Has.login;
  return true;
};

const OBJ_PID = layout('opid');

const readObjPid: Reader = (event, buffer, p, end) => {
  locate(buffer, p, end, OBJ_PID);
  const target = number(buffer, OBJ_PID, 0);
  if (Number.isNaN(target)) return false;
  event.objectPid = pid(target);
  event.has |= Has.objPid;
  return true;
};

const MODULE = layout('name');

const readModule: Reader = (event, buffer, p, end) => {
  if (locate(buffer, p, end, MODULE) !== 1) return false;
  event.module = text(buffer, MODULE, 0) ?? EMPTY;
  event.has |= Has.module;
  return true;
};

const OPENAT2 = layout('oflag');

const readOpenat2: Reader = (event, buffer, p, end) => {
  if (locate(buffer, p, end, OPENAT2) !== 1) return false;
  const flags = low32(buffer, at(OPENAT2, 0), to(OPENAT2, 0), 3);
  if (Number.isNaN(flags)) return false;
  event.openFlags = flags;
  event.has |= Has.openat2;
  return true;
};

export const readers = {
  SYSCALL: readSyscall, CWD: readCwd, PATH: readPath, EXECVE: readExecve, SOCKADDR: readSockaddr, PROCTITLE: readProctitle,
  LOGIN: readLogin, OBJ_PID: readObjPid, KERN_MODULE: readModule, OPENAT2: readOpenat2,
} as const satisfies Record<Exclude<RecordType, 'EOE' | 'other'>, Reader>;
