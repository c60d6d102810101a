import { Has } from '../audit/event.ts';
import type { Event } from '../audit/event.ts';
import { SYSCALLS } from '../audit/syscalls.ts';
import { bytes, pid } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { NONE, printSubject, UNKNOWN } from './edge.ts';
import { fileCalls, O_WRITES } from './files.ts';
import { AT_FDCWD, isDenied, Trait } from './handler.ts';
import type { Handler, See } from './handler.ts';
import type { Hostnames } from './hostnames.ts';
import type { Names } from './names.ts';
import { absolute } from './paths.ts';
import { isProtected } from './places.ts';
import type { Process, Processes } from './processes.ts';
import { socketCalls } from './sockets.ts';

const X86_64 = 0xc000003e;
/** Bit of an x32 call number: the same calls under another ABI. */
const X32 = 0x40000000;
/** Calls that have another number there; in the tables of x86-64 these are free. */
const X32_CALLS = ' 518 sendmsg 520 execve 521 ptrace 538 sendmmsg 540 process_vm_writev 545 execveat';
/** CLONE_NEW* flags. */
const CLONE_NAMESPACES = 0x7e020080;
/** ptrace requests that take hold of a process or change it (POKE*, SETREGS*, ATTACH, SEIZE); all others follow one of these. */
const PTRACE_INTRUDES = new Set([4, 5, 6, 13, 15, 16, 0x4205, 0x4206]);

/** Turns events into edges. Classified by system call and records; the rule's key is the administrator's own affair. */
export const deriveEdges = (processes: Processes, names: Names, hostnames: Pick<Hostnames, 'nameOf'>, see: See): ((event: Event) => void) => {
  const { opens, creates, deletes, attributes, renames } = fileCalls(names, see);
  const { connects, binds, servesPort, opensSocket } = socketCalls(hostnames, see);
  const bindings: Handler = (e, p) => {
    const actor = servesPort(e) ? processes.bound(p) : p;
    binds(e, actor);
    // A unix socket is a file too.
    creates(e, actor, AT_FDCWD, 'create');
  };
  const SOCKETCALL: Readonly<Record<number, Handler>> = { 2: bindings, 3: connects, 11: connects, 16: connects, 20: connects };

  const execs = (event: Event): void => {
    const { before, after } = processes.exec(event);
    see(event, after, 'exec', bytes(after.node), event.syscall.euid === 0 && event.syscall.uid !== 0 ? Trait.risen : 0, NONE, NONE, before);
  };

  /** A program that may not be run is no process; the attempt is worth telling when it was one of the system's. */
  const failedExecs: Handler = (event, actor) => {
    const item = event.paths[0];
    if (!isDenied(event) || item?.name === undefined || event.pathCount === 0) return;
    const exe = absolute(item.name, event.cwd);
    if (isProtected(exe)) see(event, actor, 'exec', bytes(printSubject({ ...actor.subject, exe, script: NONE })), Trait.denied);
  };

  const kernel = (event: Event, actor: Process, what: string): void => see(event, actor, 'kernel', bytes(what), event.syscall.success ? 0 : Trait.denied);

  const traces = (event: Event, actor: Process, target: number): void => see(event, actor, 'trace', processes.exeOf(pid(target)) ?? UNKNOWN, event.syscall.success ? 0 : Trait.denied);

  const mounts = (event: Event, actor: Process, what: 'mount' | 'umount' | 'pivot_root', to: 'first' | 'last' = 'first'): void => {
    let path: Bytes | undefined;
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item === undefined || item.name === undefined || item.nametype === 'PARENT') continue;
      path = absolute(item.name, event.cwd);
      if (to === 'first') break;
    }
    kernel(event, actor, `${what}:${path ?? UNKNOWN}`);
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
    socket: opensSocket,
    connect: connects,
    sendto: connects,
    sendmsg: connects,
    sendmmsg: connects,
    bind: bindings,
    socketcall: (e, p) => SOCKETCALL[e.syscall.a0]?.(e, p),
    ptrace: (e, p) => (PTRACE_INTRUDES.has(e.syscall.a0) ? traces(e, p, (e.has & Has.objPid) === 0 ? e.syscall.a1 : e.objectPid) : undefined),
    process_vm_writev: (e, p) => traces(e, p, e.syscall.a0),
    init_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    finit_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    delete_module: (e, p) => kernel(e, p, `module:${(e.has & Has.module) === 0 ? UNKNOWN : e.module}`),
    kexec_load: (e, p) => kernel(e, p, 'kexec'),
    kexec_file_load: (e, p) => kernel(e, p, 'kexec'),
    bpf: (e, p) => kernel(e, p, 'bpf'),
    mount: (e, p) => mounts(e, p, 'mount'),
    move_mount: (e, p) => mounts(e, p, 'mount', 'last'),
    umount: (e, p) => mounts(e, p, 'umount'),
    umount2: (e, p) => mounts(e, p, 'umount'),
    pivot_root: (e, p) => mounts(e, p, 'pivot_root'),
    unshare: (e, p) => kernel(e, p, 'unshare'),
    clone: (e, p) => ((e.syscall.a0 & CLONE_NAMESPACES) === 0 ? undefined : kernel(e, p, 'unshare')),
    setns: (e, p) => kernel(e, p, 'setns'),
    memfd_create: (e, p) => (e.syscall.success ? kernel(e, p, 'memfd') : undefined),
    io_uring_setup: (e, p) => (e.syscall.success ? kernel(e, p, 'io_uring') : undefined),
  };
  for (const name of ['chown', 'lchown', 'fchown', 'utime', 'utimes', 'setxattr', 'lsetxattr', 'fsetxattr', 'removexattr', 'lremovexattr', 'fremovexattr']) {
    Object.assign(HANDLERS, { [name]: (e: Event, p: Process) => attributes(e, p, AT_FDCWD), [`${name}32`]: (e: Event, p: Process) => attributes(e, p, AT_FDCWD) });
  }

  const byArch = new Map<number, readonly (Handler | undefined)[]>();
  const handlersFor = (arch: number): readonly (Handler | undefined)[] => {
    const known = byArch.get(arch);
    if (known !== undefined) return known;
    // A made-up architecture has no calls; only those of the tables are kept.
    const table = SYSCALLS.get(arch);
    if (table === undefined) return [];
    const handlers = handlersOf(arch === X86_64 ? table + X32_CALLS : table, HANDLERS);
    byArch.set(arch, handlers);
    return handlers;
  };

  return (event) => {
    if ((event.has & Has.login) !== 0) processes.login(event);
    if ((event.has & Has.opened) !== 0) processes.opened(event);
    if ((event.has & Has.syscall) === 0) return;
    // Events are pooled: without a record of its own it would be another call's directory.
    if ((event.has & Has.cwd) === 0) event.cwd = NONE;
    const { arch, nr } = event.syscall;
    const handler = handlersFor(arch)[nr & ~X32];
    if (handler === failedExecs && event.syscall.success) execs(event);
    else {
      // Also where no edge comes of it: who is seen at all is known from then on.
      const actor = processes.caller(event);
      if ((event.has & Has.config) === 0) handler?.(event, actor);
      else kernel(event, actor, `audit:${event.config.change}`);
    }
  };
};

const handlersOf = (table: string, handlers: Readonly<Record<string, Handler>>): readonly (Handler | undefined)[] => {
  const words = table.split(/\s+/);
  const byNumber: (Handler | undefined)[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) byNumber[Number(words[i])] = handlers[words[i + 1] ?? ''];
  return byNumber;
};
