import { Has } from '../audit/event.ts';
import type { Event, PathItem } from '../audit/event.ts';
import { SYSCALLS } from '../audit/syscalls.ts';
import { bytes, pid } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { decodeAddress } from './address.ts';
import type { Address } from './address.ts';
import { NONE, printSubject, UNKNOWN } from './edge.ts';
import type { EdgeKind, FileKind } from './edge.ts';
import { absolute, baseName, inodeNames } from './paths.ts';
import { isPowerSocket, isProtected, isSecret } from './places.ts';
import type { Process, Processes } from './processes.ts';

/** What a single event adds to an edge beyond its text. Bit set. */
export const Trait = { executable: 1, setId: 2, denied: 4 } as const;

/** Called for each edge an event shows. `from` is the old name of a rename, else empty. */
export type See = (event: Event, actor: Process, kind: EdgeKind, name: Bytes, traits: number, from: Bytes) => void;

const EPERM = -1;
const EINTR = -4;
const EACCES = -13;
const ETIMEDOUT = -110;
const ECONNREFUSED = -111;
const EHOSTUNREACH = -113;
const EINPROGRESS = -115;
/** Outcomes of connect that show an intent: the address was tried. ENETUNREACH and its like are resolvers probing for IPv6. */
const TRIED = new Set([EPERM, EINTR, EACCES, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EINPROGRESS]);

const O_WRITES = 0o1 | 0o2 | 0o1000; // O_WRONLY, O_RDWR, O_TRUNC
const AT_FDCWD = 0xffffff9c;
/** Bit of an x32 call number: the same calls under another ABI. */
const X32 = 0x40000000;
const CLONE_NAMESPACES = 0x7e020080;
/** The first of `net.ipv4.ip_local_port_range`: ports from here on are handed out by the kernel and say nothing. */
const EPHEMERAL = 32768;
/** ptrace requests that take hold of a process or change it; all others follow one of these. */
const PTRACE_INTRUDES = new Set([4, 5, 6, 13, 15, 16, 0x4205, 0x4206]);

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;

/** `actor` made the call. */
type Handler = (event: Event, actor: Process) => void;

/** Turns events into edges. Classified by system call and records; the rule's key is the administrator's own affair. */
export const deriveEdges = (processes: Processes, see: See): ((event: Event) => void) => {
  const names = inodeNames();
  const addresses = new Map<string, Address | undefined>();

  const denied = (event: Event): boolean => {
    const { success, exit } = event.syscall;
    return !success && (exit === EACCES || exit === EPERM);
  };

  const tell = (event: Event, actor: Process, kind: EdgeKind, name: Bytes, traits = 0, from = NONE): void =>
    see(event, actor, kind, name, event.syscall.success ? traits : traits | Trait.denied, from);

  // ---- names ------------------------------------------------------------------------------------------------------

  const unnamed = (item: PathItem): string =>
    `<${[Math.floor(item.dev / 2 ** 20), item.dev % 2 ** 20].map((n) => n.toString(16).padStart(2, '0')).join(':')}:${item.inode}>`;

  /**
   * Absolute path of an item. `dirfd` is the descriptor that relative names start from; when it is not the working directory, the
   * record does not say which it is, and even prints the working directory as PARENT: only the PARENT's inode can be trusted.
   */
  const pathOf = (event: Event, item: PathItem, dirfd: number, parent: PathItem | undefined): Bytes => {
    const { name } = item;
    if (name === undefined || name === '') return item.inode < 0 ? UNKNOWN : (names.find(item.dev, item.inode) ?? bytes(unnamed(item)));
    if (name.charCodeAt(0) === 47 || dirfd === AT_FDCWD) {
      const path = absolute(name, event.cwd);
      if (item.nametype === 'DELETE') names.forget(item.dev, item.inode);
      else if (item.inode >= 0) names.learn(item.dev, item.inode, path);
      return path;
    }
    // Calls that change no directory (fchmodat) log the file alone.
    if (parent === undefined || parent.inode < 0) return names.find(item.dev, item.inode) ?? bytes(unnamed(item));
    // `a/b` below a descriptor: the PARENT is that of `b`.
    const directory = names.find(parent.dev, parent.inode) ?? unnamed(parent);
    const path = bytes(`${directory === '/' ? '' : directory}/${baseName(name)}`);
    if (item.inode >= 0 && path.charCodeAt(0) === 47) names.learn(item.dev, item.inode, path);
    return path;
  };

  /** The directories that a call named, remembered for later calls by descriptor. */
  const learnParents = (event: Event, dirfd: number): PathItem | undefined => {
    let last: PathItem | undefined;
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item?.nametype !== 'PARENT') continue;
      last = item;
      if (dirfd === AT_FDCWD && item.name !== undefined && item.inode >= 0) names.learn(item.dev, item.inode, absolute(item.name, event.cwd));
    }
    return last;
  };

  const traitsOf = (mode: number): number => {
    if ((mode & S_IFMT) !== S_IFREG) return 0;
    return ((mode & 0o111) === 0 ? 0 : Trait.executable) | ((mode & 0o6000) === 0 ? 0 : Trait.setId);
  };

  // ---- files ------------------------------------------------------------------------------------------------------

  /** Files are told when they happened; when denied, only if that shows intent. */
  const file = (event: Event, actor: Process, kind: FileKind, path: Bytes, traits = 0, from = NONE): void => {
    if (event.syscall.success || isProtected(path) || isSecret(path)) tell(event, actor, kind, path, traits, from);
  };

  const opens = (event: Event, actor: Process, flags: number, dirfd: number): void => {
    if (!event.syscall.success && !denied(event)) return;
    const parent = learnParents(event, dirfd);
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item === undefined || item.nametype === 'PARENT') continue;
      const path = pathOf(event, item, dirfd, parent);
      const type = item.mode & S_IFMT;
      if (item.nametype === 'CREATE') file(event, actor, 'create', path, traitsOf(item.mode));
      else if ((flags & O_WRITES) === 0) {
        if (isSecret(path)) file(event, actor, 'read', path);
      } else if (type !== S_IFDIR && (type !== S_IFCHR || isProtected(path))) file(event, actor, 'write', path);
    }
  };

  /** Calls that make, remove or change the items of one name type. */
  const changes = (event: Event, actor: Process, dirfd: number, kind: FileKind, nametype: 'CREATE' | 'DELETE' | 'NORMAL', mode = 0): void => {
    if (!event.syscall.success && !denied(event)) return;
    const parent = learnParents(event, dirfd);
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item === undefined || item.nametype === 'PARENT' || (event.syscall.success && item.nametype !== nametype)) continue;
      const path = pathOf(event, item, dirfd, parent);
      const regular = (item.mode & S_IFMT) === S_IFREG;
      file(event, actor, kind, path, kind === 'attr' ? (regular ? traitsOf(S_IFREG | mode) : 0) : kind === 'delete' ? 0 : traitsOf(item.mode));
    }
  };

  const creates = (event: Event, actor: Process, dirfd: number, kind: FileKind): void => changes(event, actor, dirfd, kind, 'CREATE');
  const deletes = (event: Event, actor: Process, dirfd: number): void => changes(event, actor, dirfd, 'delete', 'DELETE');
  const attributes = (event: Event, actor: Process, dirfd: number, mode = 0): void => changes(event, actor, dirfd, 'attr', 'NORMAL', mode);

  const renames = (event: Event, actor: Process, fromFd: number, toFd: number): void => {
    if (!event.syscall.success && !denied(event)) return;
    let fromParent: PathItem | undefined;
    let toParent: PathItem | undefined;
    let gone: PathItem | undefined;
    let made: PathItem | undefined;
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item?.nametype === 'PARENT') {
        if (fromParent === undefined) fromParent = item;
        else toParent ??= item;
        const fd = toParent === item ? toFd : fromFd;
        if (fd === AT_FDCWD && item.name !== undefined && item.inode >= 0) names.learn(item.dev, item.inode, absolute(item.name, event.cwd));
      } else if (item?.nametype === 'DELETE') gone ??= item;
      else if (item?.nametype === 'CREATE') made = item;
    }
    if (made === undefined) return;
    const from = gone === undefined ? NONE : pathOf(event, gone, fromFd, fromParent);
    file(event, actor, 'rename', pathOf(event, made, toFd, toParent ?? fromParent), traitsOf(made.mode), from);
  };

  // ---- sockets ----------------------------------------------------------------------------------------------------

  const addressOf = (event: Event): Address | undefined => {
    if ((event.has & Has.sockaddr) === 0) return undefined;
    const key = event.saddr;
    if (addresses.has(key)) return addresses.get(key);
    const address = decodeAddress(key, event.syscall.arch);
    if (addresses.size >= 4096) addresses.clear();
    addresses.set(key, address);
    return address;
  };

  const socketPath = (event: Event, name: Bytes): Bytes => (name === '' || name.startsWith('@') ? name : absolute(name, event.cwd));

  const connects: Handler = (event, actor) => {
    const address = addressOf(event);
    if (address === undefined || (!event.syscall.success && !TRIED.has(event.syscall.exit))) return;
    switch (address.family) {
      case 'ip': return tell(event, actor, 'connect', bytes(`${address.host}:${address.port}`));
      case 'vsock': return tell(event, actor, 'connect', bytes(`vsock/${address.cid}:${address.port}`));
      case 'unix': {
        const path = socketPath(event, address.name);
        return isPowerSocket(path) ? tell(event, actor, 'sock', path) : undefined;
      }
      case 'packet':
      case 'other': return undefined;
    }
  };

  const binds: Handler = (event, actor) => {
    const address = addressOf(event);
    if (address === undefined || !event.syscall.success) return;
    switch (address.family) {
      case 'ip': return tell(event, actor, 'listen', bytes(`${address.host}:${address.port === 0 || address.port >= EPHEMERAL ? '*' : address.port}`));
      case 'vsock': return tell(event, actor, 'listen', bytes(`vsock/${address.cid}:${address.port}`));
      // Who binds a packet socket reads everybody's traffic.
      case 'packet': return tell(event, actor, 'listen', bytes('packet:*'));
      case 'unix':
      case 'other': return undefined;
    }
  };

  const SOCKETCALL: Readonly<Record<number, Handler>> = { 2: binds, 3: connects, 11: connects, 16: connects, 20: connects };

  // ---- processes and the kernel -----------------------------------------------------------------------------------

  const execs = (event: Event): void => {
    const { before, after } = processes.exec(event);
    see(event, { ...after, subject: before.subject, node: before.node }, 'exec', bytes(after.node), 0, NONE);
  };

  /** A program that may not be run is no process; the attempt is worth telling when it was one of the system's. */
  const failedExecs: Handler = (event, actor) => {
    const item = event.paths[0];
    if (!denied(event) || item === undefined || event.pathCount === 0) return;
    const exe = pathOf(event, item, AT_FDCWD, undefined);
    if (isProtected(exe)) tell(event, actor, 'exec', bytes(printSubject({ ...actor.subject, exe, script: NONE })));
  };

  const kernel = (event: Event, actor: Process, what: string): void => tell(event, actor, 'kernel', bytes(what));

  const traces = (event: Event, actor: Process, target: number): void => tell(event, actor, 'trace', processes.exeOf(pid(target)) ?? UNKNOWN);

  const mounts = (event: Event, actor: Process, to: 'first' | 'last'): void => {
    let path: Bytes | undefined;
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item === undefined || item.name === undefined || item.nametype === 'PARENT') continue;
      path = absolute(item.name, event.cwd);
      if (to === 'first') break;
    }
    kernel(event, actor, `mount:${path ?? UNKNOWN}`);
  };

  const HANDLERS: Readonly<Record<string, Handler>> = {
    execve: failedExecs,
    execveat: failedExecs,
    open: (e, p) => opens(e, p, e.syscall.a1, AT_FDCWD),
    openat: (e, p) => opens(e, p, e.syscall.a2, e.syscall.a0),
    // Before Linux 5.16 its flags stand in no record; the rule that logged it asked for writes.
    openat2: (e, p) => opens(e, p, (e.has & Has.openat2) === 0 ? O_WRITES : e.openFlags, e.syscall.a0),
    creat: (e, p) => opens(e, p, O_WRITES, AT_FDCWD),
    truncate: (e, p) => opens(e, p, O_WRITES, AT_FDCWD),
    truncate64: (e, p) => opens(e, p, O_WRITES, AT_FDCWD),
    mkdir: (e, p) => creates(e, p, AT_FDCWD, 'create'),
    mkdirat: (e, p) => creates(e, p, e.syscall.a0, 'create'),
    mknod: (e, p) => creates(e, p, AT_FDCWD, 'create'),
    mknodat: (e, p) => creates(e, p, e.syscall.a0, 'create'),
    unlink: (e, p) => deletes(e, p, AT_FDCWD),
    rmdir: (e, p) => deletes(e, p, AT_FDCWD),
    unlinkat: (e, p) => deletes(e, p, e.syscall.a0),
    rename: (e, p) => renames(e, p, AT_FDCWD, AT_FDCWD),
    renameat: (e, p) => renames(e, p, e.syscall.a0, e.syscall.a2),
    renameat2: (e, p) => renames(e, p, e.syscall.a0, e.syscall.a2),
    link: (e, p) => creates(e, p, AT_FDCWD, 'link'),
    linkat: (e, p) => creates(e, p, e.syscall.a2, 'link'),
    symlink: (e, p) => creates(e, p, AT_FDCWD, 'link'),
    symlinkat: (e, p) => creates(e, p, e.syscall.a1, 'link'),
    chmod: (e, p) => attributes(e, p, AT_FDCWD, e.syscall.a1),
    fchmod: (e, p) => attributes(e, p, AT_FDCWD, e.syscall.a1),
    fchmodat: (e, p) => attributes(e, p, e.syscall.a0, e.syscall.a2),
    fchmodat2: (e, p) => attributes(e, p, e.syscall.a0, e.syscall.a2),
    fchownat: (e, p) => attributes(e, p, e.syscall.a0),
    futimesat: (e, p) => attributes(e, p, e.syscall.a0),
    utimensat: (e, p) => attributes(e, p, e.syscall.a0),
    setxattrat: (e, p) => attributes(e, p, e.syscall.a0),
    removexattrat: (e, p) => attributes(e, p, e.syscall.a0),
    file_setattr: (e, p) => attributes(e, p, e.syscall.a0),
    connect: connects,
    sendto: connects,
    sendmsg: connects,
    sendmmsg: connects,
    bind: binds,
    socketcall: (e, p) => SOCKETCALL[e.syscall.a0]?.(e, p),
    ptrace: (e, p) => (PTRACE_INTRUDES.has(e.syscall.a0) ? traces(e, p, (e.has & Has.objPid) === 0 ? e.syscall.a1 : e.objectPid) : undefined),
    process_vm_writev: (e, p) => traces(e, p, e.syscall.a0),
    init_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    finit_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    delete_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    kexec_load: (e, p) => kernel(e, p, 'kexec'),
    kexec_file_load: (e, p) => kernel(e, p, 'kexec'),
    bpf: (e, p) => kernel(e, p, 'bpf'),
    mount: (e, p) => mounts(e, p, 'first'),
    move_mount: (e, p) => mounts(e, p, 'last'),
    unshare: (e, p) => (e.syscall.success ? kernel(e, p, 'unshare') : undefined),
    clone: (e, p) => (e.syscall.success && (e.syscall.a0 & CLONE_NAMESPACES) !== 0 ? kernel(e, p, 'unshare') : undefined),
    setns: (e, p) => (e.syscall.success ? kernel(e, p, 'setns') : undefined),
    memfd_create: (e, p) => (e.syscall.success ? kernel(e, p, 'memfd') : undefined),
    io_uring_setup: (e, p) => (e.syscall.success ? kernel(e, p, 'io_uring') : undefined),
  };
  for (const name of ['chown', 'lchown', 'fchown', 'utime', 'utimes', 'setxattr', 'lsetxattr', 'fsetxattr', 'removexattr', 'lremovexattr', 'fremovexattr']) {
    Object.assign(HANDLERS, { [name]: (e: Event, p: Process) => attributes(e, p, AT_FDCWD), [`${name}32`]: (e: Event, p: Process) => attributes(e, p, AT_FDCWD) });
  }

  const byArch = new Map([...SYSCALLS].map(([arch, table]) => [arch, handlersOf(table, HANDLERS)]));

  return (event) => {
    if ((event.has & Has.login) !== 0) processes.login(event);
    if ((event.has & Has.syscall) === 0) return;
    const { arch, nr } = event.syscall;
    const handler = byArch.get(arch)?.[nr & ~X32];
    if (handler === failedExecs && event.syscall.success) execs(event);
    else {
      // Also where no edge comes of it: who is seen at all is known from then on.
      const actor = processes.caller(event);
      handler?.(event, actor);
    }
  };
};

const handlersOf = (table: string, handlers: Readonly<Record<string, Handler>>): readonly (Handler | undefined)[] => {
  const words = table.split(/\s+/);
  const byNumber: (Handler | undefined)[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) byNumber[Number(words[i])] = handlers[words[i + 1] ?? ''];
  return byNumber;
};
