import { latin1, unhex } from './decode.ts';
import { bytes, ms, pid, ses, uid, UNSET } from './units.ts';
import type { Bytes, Ms, Pid, Ses, Uid } from './units.ts';

/** What a PATH record says a name was to the system call; `other` covers UNKNOWN and whatever a kernel may add. */
export type NameType = 'NORMAL' | 'PARENT' | 'CREATE' | 'DELETE' | 'other';

/** One PATH record. `name` is undefined for `(null)`: the call had a descriptor, not a name. `inode` is -1 where nothing existed. */
export interface PathItem {
  name: Bytes | undefined;
  inode: number;
  /** major * 2^20 + minor, 0 where nothing existed. */
  dev: number;
  /** st_mode, 0 where unknown. */
  mode: number;
  nametype: NameType;
}

/** The kernel's SYSCALL record. Arguments keep their low 32 bits: enough for flags, modes and descriptors. */
export interface SyscallRecord {
  arch: number;
  nr: number;
  success: boolean;
  /** Return value; -errno of a failed call. */
  exit: number;
  a0: number;
  a1: number;
  a2: number;
  a3: number;
  ppid: Pid;
  pid: Pid;
  auid: Uid;
  uid: Uid;
  euid: Uid;
  ses: Ses;
  /** No controlling terminal: `tty=(none)`. */
  notty: boolean;
  comm: Bytes;
  exe: Bytes;
}

/** LOGIN: the kernel set the login uid and session of `pid`. */
export interface LoginRecord {
  pid: Pid;
  auid: Uid;
  ses: Ses;
}

/** USER_START: a login program says that it opened a session, and for whom. `address` is empty when it came from nowhere. */
export interface OpenedRecord {
  ses: Ses;
  address: Bytes;
}

/**
 * CONFIG_CHANGE: what was done to auditing itself, as `remove_rule`, `enabled=0` and the like. `auid` is whose login did it; the call, where
 * it was recorded, tells the program.
 */
export interface ConfigRecord {
  change: string;
  auid: Uid;
}

/** DAEMON_*: auditd tells of itself. `pid` and `auid`: who started it, or sent it the signal; unset when nobody is named. */
export interface DaemonRecord {
  what: 'start' | 'end' | 'abort' | 'rotate';
  pid: Pid;
  auid: Uid;
}

/**
 * All that the records with one (node, time stamp, serial) told. Events are pooled: whoever receives one may not keep it.
 * `syscall`, `login` and so on are valid only where `has` names the record.
 */
export interface Event {
  /** The `node=` prefix of aggregated logs, mostly empty. */
  node: string;
  /** When the call began: one that blocked is logged long after. */
  time: Ms;
  serial: number;
  /** Where the log stood when its records were last left for those of another event; the reassembler's own. */
  left: Ms;
  /** Bit set of {@link Has}. */
  has: number;
  readonly syscall: SyscallRecord;
  readonly login: LoginRecord;
  readonly opened: OpenedRecord;
  readonly config: ConfigRecord;
  readonly daemon: DaemonRecord;
  cwd: Bytes;
  /** Only the first `pathCount` items are of this event. */
  readonly paths: PathItem[];
  pathCount: number;
  /** EXECVE arguments, at most {@link MAX_ARGUMENTS} and {@link MAX_ARGUMENT_BYTES}. */
  argv: Bytes[];
  argvBytes: number;
  /** SOCKADDR in hex, as logged. */
  saddr: string;
  /** PROCTITLE, still encoded, in title[titleStart, titleEnd); read it with {@link proctitle}. */
  title: Buffer;
  titleStart: number;
  titleEnd: number;
  /** OBJ_PID: whom a ptrace or signal was for. */
  objectPid: Pid;
  /** KERN_MODULE. */
  module: Bytes;
  /** OPENAT2: open flags. */
  openFlags: number;
}

/** `shutdown`: a SERVICE_STOP by which the service manager closes the machine to logins, as it does when the machine goes down. */
export const Has = {
  syscall: 1, cwd: 2, path: 4, execve: 8, sockaddr: 16, proctitle: 32, login: 64, objPid: 128, module: 256, openat2: 512, opened: 1024, config: 2048, daemon: 4096, shutdown: 8192,
} as const;

/** The kernel allows some 2 MiB of arguments; nobody reads more than this, and an attacker may not choose our memory. */
export const MAX_ARGUMENTS = 1024;
export const MAX_ARGUMENT_BYTES = 65536;
/** A system call names a handful of paths; more are dropped and counted. */
export const MAX_PATHS = 64;

const EMPTY = bytes('');
const NOTHING = Buffer.alloc(0);

export const newPathItem = (): PathItem => ({ name: undefined, inode: -1, dev: 0, mode: 0, nametype: 'other' });

export const newEvent = (): Event => ({
  node: '', time: ms(0), serial: 0, left: ms(0), has: 0,
  syscall: {
    arch: 0, nr: 0, success: false, exit: 0, a0: 0, a1: 0, a2: 0, a3: 0,
    ppid: pid(0), pid: pid(0), auid: uid(UNSET), uid: uid(0), euid: uid(0), ses: ses(UNSET), notty: false, comm: EMPTY, exe: EMPTY,
  },
  login: { pid: pid(0), auid: uid(UNSET), ses: ses(UNSET) },
  opened: { ses: ses(UNSET), address: EMPTY },
  config: { change: '', auid: uid(UNSET) },
  daemon: { what: 'start', pid: pid(0), auid: uid(UNSET) },
  cwd: EMPTY, paths: [], pathCount: 0, argv: [], argvBytes: 0, saddr: '', title: NOTHING, titleStart: 0, titleEnd: 0, objectPid: pid(0), module: EMPTY, openFlags: 0,
});

/** Makes a delivered event fit for the next use; lets go of what it held. */
export const clearEvent = (event: Event): void => {
  event.has = 0;
  event.pathCount = 0;
  if (event.argv.length > 0) event.argv = [];
  event.argvBytes = 0;
  event.title = NOTHING;
};

/** An unfinished event. It has no title yet: with that it would be whole. */
export type EventState = Omit<Event, 'title' | 'titleStart' | 'titleEnd' | 'pathCount'>;

export const saveEvent = ({ node, time, serial, left, has, syscall, login, opened, config, daemon, cwd, paths, pathCount, argv, argvBytes, saddr, objectPid, module, openFlags }: Event): EventState => ({
  node, time, serial, left, has, syscall, login, opened, config, daemon, cwd, paths: paths.slice(0, pathCount), argv, argvBytes, saddr, objectPid, module, openFlags,
});

export const restoreEvent = (saved: EventState): Event => ({
  ...newEvent(), ...saved, paths: saved.paths.map((item) => ({ ...newPathItem(), ...item })), pathCount: saved.paths.length,
});

/** The command line as the process itself shows it, at most 128 bytes, arguments separated by NUL; valid only while the event is. */
export const proctitle = (event: Event): Bytes => {
  if ((event.has & Has.proctitle) === 0) return EMPTY;
  const [value = ''] = latin1(event.title, event.titleStart, event.titleEnd).trimEnd().split('\x1d', 1);
  return value.startsWith('"') ? bytes(value.slice(1).replace(/"$/, '')) : (unhex(value) ?? bytes(value === '(null)' ? '' : value));
};
