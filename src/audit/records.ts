import { latin1, latin1Again, low32, unhex, untrusted } from './decode.ts';
import { Has, MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, MAX_PATHS, newPathItem } from './event.ts';
import type { DaemonRecord, Event, NameType } from './event.ts';
import { ENRICHED, EQUALS, layout, locate, QUOTE, SPACE, TORN } from './fields.ts';
import type { Layout } from './fields.ts';
import { startsWith } from './header.ts';
import type { RecordType } from './header.ts';
import type { Losses } from './losses.ts';
import { bytes, pid, ses, uid, UNSET } from './units.ts';
import type { Bytes } from './units.ts';

const EMPTY = bytes('');

/** How the records of one type are read. */
interface Reader {
  /** Its fields, located before `read` is called; undefined for bodies that are read in another way. */
  readonly layout: Layout | undefined;
  /** Takes the body in buffer[p, end) into the event; false when it is damaged, and then the event is as it was before. */
  readonly read: (event: Event, buffer: Buffer, p: number, end: number, losses: Losses) => boolean;
}

const at = (l: Layout, i: number): number => l.spans[2 * i] ?? -1;
const to = (l: Layout, i: number): number => l.spans[2 * i + 1] ?? -1;
const missing = (l: Layout, i: number): boolean => at(l, i) < 0;
const number = (l: Layout, i: number): number => {
  const n = l.numbers[i] ?? Number.NaN;
  // What fits is a small integer again, whatever the array holds: to the engine a key that might have a fraction is an object of its own, and hashed by a call.
  const small = n | 0;
  return small === n ? small : n;
};
/** The number, or `otherwise` where there is none. */
const numberOr = (l: Layout, i: number, otherwise: number): number => {
  const n = number(l, i);
  return Number.isNaN(n) ? otherwise : n;
};
/** Old kernels print an unset id as -1; one that is missing is unset too. */
const id = (l: Layout, i: number): number => numberOr(l, i, UNSET) >>> 0;
/** `previous` is what the pooled event held before: mostly the same text. */
const text = (buffer: Buffer, l: Layout, i: number, previous: string = EMPTY): Bytes | undefined =>
  missing(l, i) ? undefined : untrusted(buffer, at(l, i), to(l, i), l.quoted[i] === 1, previous);
const first = (buffer: Buffer, l: Layout, i: number): number => (missing(l, i) ? -1 : (buffer[at(l, i)] ?? -1));

const OPEN = 40; // (
const COLON = 58;
const YES = 121; // y
const LETTER_A = 97;
const ARGC = Buffer.from('argc=');

const SYSCALL = layout({
  arch: 'hex', syscall: 'decimal', success: 'span', exit: 'decimal', a0: 'hex', a1: 'hex', a2: 'hex', a3: 'hex', items: 'span',
  ppid: 'decimal', pid: 'decimal', auid: 'decimal', uid: 'decimal', gid: 'span', euid: 'decimal', suid: 'span', fsuid: 'span', egid: 'span', sgid: 'span', fsgid: 'span',
  tty: 'span', ses: 'decimal', comm: 'span', exe: 'span',
});

const readSyscall: Reader['read'] = (event, buffer) => {
  const l = SYSCALL;
  if (Number.isNaN(number(l, 0) + number(l, 1) + number(l, 10) + number(l, 14)) || missing(l, 23)) return false;
  const r = event.syscall;
  r.arch = number(l, 0);
  r.nr = number(l, 1);
  // A call that did not return (exit, a signal) has neither success nor exit.
  r.success = first(buffer, l, 2) === YES;
  r.exit = numberOr(l, 3, 0);
  r.a0 = numberOr(l, 4, 0);
  r.a1 = numberOr(l, 5, 0);
  r.a2 = numberOr(l, 6, 0);
  r.a3 = numberOr(l, 7, 0);
  r.ppid = pid(numberOr(l, 9, 0));
  r.pid = pid(number(l, 10));
  r.auid = uid(id(l, 11));
  r.uid = uid(id(l, 12));
  r.euid = uid(id(l, 14));
  r.notty = first(buffer, l, 20) === OPEN;
  r.ses = ses(id(l, 21));
  r.comm = text(buffer, l, 22, r.comm) ?? EMPTY;
  r.exe = text(buffer, l, 23, r.exe) ?? EMPTY;
  event.has |= Has.syscall;
  return true;
};

const CWD = layout({ cwd: 'span' });

const readCwd: Reader['read'] = (event, buffer) => {
  if (missing(CWD, 0)) return false;
  event.cwd = text(buffer, CWD, 0, event.cwd) ?? EMPTY;
  event.has |= Has.cwd;
  return true;
};

const PATH = layout({ item: 'span', name: 'span', inode: 'decimal', dev: 'span', mode: 'octal', ouid: 'span', ogid: 'span', rdev: 'span', nametype: 'span' });
// RHEL 6 and 7 say objtype where others say nametype.
const OLD_PATH = layout({ objtype: 'span' });

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

const readPath: Reader['read'] = (event, buffer, p, end, losses) => {
  const l = PATH;
  if (missing(l, 0) || missing(l, 1)) return false;
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
  item.inode = numberOr(l, 2, -1);
  item.dev = missing(l, 3) ? 0 : device(buffer, at(l, 3), to(l, 3));
  item.mode = numberOr(l, 4, 0);
  item.nametype = kind;
  event.has |= Has.path;
  return true;
};

const MSG = Buffer.from('msg=audit(');

const isDigit = (c: number): boolean => c >= 48 && c <= 57;

/** `argc=3 a0="x" a1=6120 a2_len=9000 a2[0]=... a2[1]=...`, over as many records as it takes. */
const readExecve: Reader['read'] = (event, buffer, start, end, losses) => {
  const args = event.argv;
  const before = args.length;
  const last = args[before - 1];
  let p = start;
  let fields = 0;
  /** Two records have run together, and their arguments with them. */
  const undo = (): false => {
    args.length = before;
    if (last !== undefined) args[before - 1] = last;
    return false;
  };
  while (p < end) {
    const c = buffer[p] ?? 0;
    if (c === ENRICHED) break;
    if (c <= SPACE) {
      p++;
      continue;
    }
    if (c === MSG[0] && startsWith(buffer, p, end, MSG)) return undo();
    let q = p + 1;
    let index = 0;
    if (c === LETTER_A) for (; q < end && q - p < 9 && isDigit(buffer[q] ?? 0); q++) index = index * 10 + (buffer[q] ?? 0) - 48;
    const numbered = c === LETTER_A && q > p + 1;
    const part = numbered && buffer[q] === 91; // [
    if (part) {
      for (q++; q < end && isDigit(buffer[q] ?? 0); ) q++;
      if (buffer[q] === 93) q++; // ]
    }
    if (!numbered || buffer[q] !== EQUALS) {
      if (startsWith(buffer, p, end, ARGC)) fields++;
      while (p < end && (buffer[p] ?? 0) > SPACE) p++;
      continue;
    }
    q++;
    const quoted = buffer[q] === QUOTE;
    const from = quoted ? q + 1 : q;
    let to = from;
    if (quoted) {
      to = buffer.indexOf(QUOTE, from);
      if (to < 0 || to >= end) break; // never closed: the record was cut
    } else while (to < end && (buffer[to] ?? 0) > SPACE) to++;
    p = quoted ? to + 1 : to;
    if (p < end && (buffer[p] ?? 0) > SPACE) {
      // Something behind the closing quote is nothing the kernel writes, and a whole header before it is another record.
      if (latin1(buffer, from, to).includes('msg=audit(')) return undo();
      while (p < end && (buffer[p] ?? 0) > SPACE) p++;
      continue;
    }
    fields++;
    const text = latin1(buffer, from, to);
    const value = quoted ? text : text === '(null)' ? '' : (unhex(text) ?? text);
    if (index >= MAX_ARGUMENTS || event.argvBytes + value.length > MAX_ARGUMENT_BYTES) {
      losses.truncated++;
      event.argvBytes = MAX_ARGUMENT_BYTES; // a later, shorter piece would hide that something is missing before it
      break;
    }
    while (args.length < index) args.push(EMPTY);
    args[index] = bytes(part ? (args[index] ?? '') + value : value);
    event.argvBytes += value.length;
  }
  if (fields === 0) return false;
  event.has |= Has.execve;
  return true;
};

const SOCKADDR = layout({ saddr: 'span' });

const readSockaddr: Reader['read'] = (event, buffer) => {
  if (missing(SOCKADDR, 0)) return false;
  const from = at(SOCKADDR, 0);
  const until = to(SOCKADDR, 0);
  const saddr = latin1Again(buffer, from, until, event.saddr);
  if (saddr !== event.saddr && (until - from < 4 || (until - from) % 2 !== 0 || Number.isNaN(low32(buffer, from, until)))) return false;
  event.saddr = saddr;
  event.has |= Has.sockaddr;
  return true;
};

const PROCTITLE = Buffer.from(' proctitle=');

const readProctitle: Reader['read'] = (event, buffer, p, end) => {
  // The longest value of all, and hardly ever looked at: its bytes are only pointed to.
  if (!startsWith(buffer, p, end, PROCTITLE)) return false;
  event.title = buffer;
  event.titleStart = p + PROCTITLE.length;
  event.titleEnd = end;
  event.has |= Has.proctitle;
  return true;
};

const LOGIN = layout({ pid: 'decimal', auid: 'decimal', ses: 'decimal' });
// Before Linux 3.14: `login pid=1 uid=0 old auid=... new auid=... old ses=... new ses=...`, at first without the sessions.
const NEW_AUID = / new auid=(\d{1,10})/;
const NEW_SES = / new ses=(\d{1,10})/;

const readLogin: Reader['read'] = (event, buffer, p, end) => {
  const body = latin1(buffer, p, end);
  const old = NEW_AUID.exec(body)?.[1];
  const process = number(LOGIN, 0);
  const login = old === undefined ? number(LOGIN, 1) : Number(old);
  const session = old === undefined ? number(LOGIN, 2) : Number(NEW_SES.exec(body)?.[1] ?? UNSET);
  if (Number.isNaN(process + login + session)) return false;
  event.login.pid = pid(process);
  event.login.auid = uid(login >>> 0);
  event.login.ses = ses(session >>> 0);
  event.has |= Has.login;
  return true;
};

// The rest is the word of a program: only good to be shown.
const MESSAGE = " msg='";
const ADDRESS = ' addr=';
const IP = /[0-9A-Fa-f.:]{2,45}(?= )/y;

/** The address in what a program said: the last, for what comes before is of anybody. */
const addressIn = (body: string): Bytes => {
  const at = body.lastIndexOf(ADDRESS);
  const message = body.indexOf(MESSAGE);
  IP.lastIndex = at + ADDRESS.length;
  return bytes(message < 0 || at < message ? '' : (IP.exec(body)?.[0] ?? ''));
};

const SESSION = / ses=(\d{1,10})(?= |$)/;

const readUserStart: Reader['read'] = (event, buffer, p, end) => {
  const body = latin1(buffer, p, end);
  const message = body.indexOf(' msg=');
  const session = SESSION.exec(message < 0 ? body : body.slice(0, message))?.[1];
  // Old kernels name no session; and a message that is none is the next record, which this one ran into.
  if (session === undefined) return message >= 0 && body.startsWith(MESSAGE, message);
  event.opened.ses = ses(Number(session) >>> 0);
  event.opened.address = addressIn(body);
  event.has |= Has.opened;
  return true;
};

// `op=remove_rule ... res=1`, `op=set audit_enabled=0 old=1 ... res=1`, before Linux 3.14 without op and res.
const OPERATION = / op="?([a-z_]{1,40})"?(?= |$)/;
const SETTING = / audit_([a-z_]{1,40})=(\d{1,20})(?= |$)/;
const OLD = / old=(\d{1,20})(?= |$)/;
const FAILED = / res=(?:0|failed)\b/;
const CONFIG_CHANGE = layout({ auid: 'decimal' });

const readConfigChange: Reader['read'] = (event, buffer, p, end) => {
  const body = latin1(buffer, p, end);
  const setting = SETTING.exec(body);
  // Each start of auditd has another pid; only that it has none says something.
  const change = setting === null ? OPERATION.exec(body)?.[1] : setting[1] === 'pid' && setting[2] !== '0' ? 'pid' : `${setting[1]}=${setting[2]}`;
  // What was refused changed nothing, nor did what was so before: each boot sets it all anew.
  if (change === undefined || FAILED.test(body) || (setting !== null && setting[2] === OLD.exec(body)?.[1])) return true;
  event.config.change = change;
  event.config.auid = uid(id(CONFIG_CHANGE, 0));
  event.has |= Has.config;
  return true;
};

const DAEMON = layout({ auid: 'decimal', pid: 'decimal' });

const readDaemon = (what: DaemonRecord['what']): Reader['read'] => (event) => {
  event.daemon.what = what;
  event.daemon.pid = pid(numberOr(DAEMON, 1, 0));
  event.daemon.auid = uid(id(DAEMON, 0));
  event.has |= Has.daemon;
  return true;
};

// By the kernel's word it is process 1 that says so. Not all systems log SYSTEM_SHUTDOWN any more.
const CLOSES = /^ pid=1 uid=0 [^']*msg='unit=systemd-user-sessions /;

const readServiceStop: Reader['read'] = (event, buffer, p, end) => {
  if (CLOSES.test(latin1(buffer, p, end))) event.has |= Has.shutdown;
  return true;
};

const OBJ_PID = layout({ opid: 'decimal' });

const readObjPid: Reader['read'] = (event) => {
  const target = number(OBJ_PID, 0);
  if (Number.isNaN(target)) return false;
  event.objectPid = pid(target);
  event.has |= Has.objPid;
  return true;
};

const MODULE = layout({ name: 'span' });

const readModule: Reader['read'] = (event, buffer) => {
  if (missing(MODULE, 0)) return false;
  event.module = text(buffer, MODULE, 0) ?? EMPTY;
  event.has |= Has.module;
  return true;
};

const OPENAT2 = layout({ oflag: 'octal' });

const readOpenat2: Reader['read'] = (event) => {
  const flags = number(OPENAT2, 0);
  if (Number.isNaN(flags)) return false;
  event.openFlags = flags;
  event.has |= Has.openat2;
  return true;
};

const READERS = {
  SYSCALL: { layout: SYSCALL, read: readSyscall },
  CWD: { layout: CWD, read: readCwd },
  PATH: { layout: PATH, read: readPath },
  EXECVE: { layout: undefined, read: readExecve },
  SOCKADDR: { layout: SOCKADDR, read: readSockaddr },
  PROCTITLE: { layout: undefined, read: readProctitle },
  LOGIN: { layout: LOGIN, read: readLogin },
  USER_START: { layout: undefined, read: readUserStart },
  CONFIG_CHANGE: { layout: CONFIG_CHANGE, read: readConfigChange },
  DAEMON_START: { layout: DAEMON, read: readDaemon('start') },
  DAEMON_END: { layout: DAEMON, read: readDaemon('end') },
  DAEMON_ABORT: { layout: DAEMON, read: readDaemon('abort') },
  DAEMON_ROTATE: { layout: DAEMON, read: readDaemon('rotate') },
  SERVICE_STOP: { layout: undefined, read: readServiceStop },
  OBJ_PID: { layout: OBJ_PID, read: readObjPid },
  KERN_MODULE: { layout: MODULE, read: readModule },
  OPENAT2: { layout: OPENAT2, read: readOpenat2 },
} as const satisfies Record<Exclude<RecordType, 'EOE' | 'auditd' | 'other'>, Reader>;

/** Takes the record of `type` whose body is in buffer[p, end) into the event; false when it is damaged, and then the event is as it was before. */
export const readRecord = (type: keyof typeof READERS, event: Event, buffer: Buffer, p: number, end: number, losses: Losses): boolean => {
  const { layout, read }: Reader = READERS[type];
  // One call for all types: the engine would compile a copy of the loop into every reader.
  return (layout === undefined || locate(buffer, p, end, layout) !== TORN) && read(event, buffer, p, end, losses);
};
