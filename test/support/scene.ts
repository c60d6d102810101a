import { UNSET } from '../../src/audit/units.ts';
import { record, syscall, untrusted } from './log.ts';

/** Who makes a call; all but `pid` and `exe` as for a daemon's child with uid 33. */
export interface Actor {
  readonly pid: number;
  readonly exe: string;
  readonly ppid?: number;
  readonly euid?: number;
  /** The real one, if another. */
  readonly uid?: number;
  readonly auid?: number;
  readonly ses?: number;
  readonly tty?: string;
  /** What it calls itself. */
  readonly comm?: string;
}

export interface Outcome {
  readonly success?: boolean;
  readonly exit?: number;
  /** Arguments a0 to a3. */
  readonly args?: readonly number[];
  readonly cwd?: string;
  /** Little endian x86-64 unless told otherwise. */
  readonly arch?: string;
}

/** One PATH record; without a name it is a call by descriptor. */
export interface Item {
  readonly name?: string;
  readonly type: 'NORMAL' | 'PARENT' | 'CREATE' | 'DELETE' | 'UNKNOWN';
  readonly inode?: number;
  /** st_mode; a regular file by default. */
  readonly mode?: number;
}

export const CWD = 0xffffff9c;
export const DENIED: Outcome = { success: false, exit: -13 };

/** Call numbers of x86-64. */
export const NR = {
  write: 1, socket: 41, connect: 42, sendto: 44, bind: 49, execve: 59, rename: 82, mkdir: 83, link: 86, unlink: 87, symlink: 88, chmod: 90, fchmod: 91, fchown: 93, ptrace: 101, mknod: 133,
  pivot_root: 155, mount: 165, umount2: 166, init_module: 175, delete_module: 176, openat: 257, mkdirat: 258, unlinkat: 263, renameat: 264, linkat: 265, symlinkat: 266, fchmodat: 268, unshare: 272,
  process_vm_writev: 311, finit_module: 313, setns: 308, memfd_create: 319, bpf: 321, execveat: 322, clone: 56, io_uring_setup: 425, openat2: 437,
} as const;

export const ipv4 = (host: string, port: number): string =>
  Buffer.from([2, 0, port >> 8, port & 255, ...host.split('.').map(Number), 0, 0, 0, 0, 0, 0, 0, 0]).toString('hex').toUpperCase();

/** Writes the log of what some processes do, call by call, at a time that only {@link Scene.wait} moves. */
export interface Scene {
  readonly lines: readonly string[];
  /** Lets time pass, ms; backwards too. */
  readonly wait: (ms: number) => Scene;
  readonly call: (actor: Actor, nr: number, outcome?: Outcome, ...records: readonly (readonly [type: string, body: string])[]) => Scene;
  readonly exec: (actor: Actor, argv: readonly string[], outcome?: Outcome) => Scene;
  readonly login: (actor: Actor, auid: number, ses: number) => Scene;
  readonly files: (actor: Actor, nr: number, items: readonly Item[], outcome?: Outcome) => Scene;
  readonly create: (actor: Actor, path: string, mode?: number) => Scene;
  readonly connect: (actor: Actor, saddr: string, outcome?: Outcome) => Scene;
}

export const openScene = (): Scene => {
  const lines: string[] = [];
  let serial = 0;
  let now = 0;

  const scene: Scene = {
    lines,
    wait(ms) {
      now += ms;
      return scene;
    },
    call(actor, nr, { success = true, exit = 0, args = [], arch = 'c000003e' } = {}, ...records) {
      serial++;
      const [a0, a1, a2, a3] = [0, 1, 2, 3].map((i) => (args[i] ?? 0).toString(16));
      const euid = String(actor.euid ?? 33);
      const body = syscall({
        arch, syscall: String(nr), success: success ? 'yes' : 'no', exit: String(exit), a0, a1, a2, a3,
        ppid: String(actor.ppid ?? 1), pid: String(actor.pid), auid: String(actor.auid ?? UNSET), uid: String(actor.uid ?? euid), euid, ses: String(actor.ses ?? UNSET),
        tty: actor.tty ?? '(none)', comm: untrusted(actor.comm ?? 'x'), exe: untrusted(actor.exe),
      });
      for (const [type, text] of [['SYSCALL', body], ...records, ['PROCTITLE', 'proctitle="x"']] as const) lines.push(record(type, text, serial, now));
      return scene;
    },
    exec: (actor, argv, outcome = {}) =>
      scene.call(actor, NR.execve, outcome, ['EXECVE', `argc=${argv.length} ${argv.map((arg, i) => `a${i}=${untrusted(arg)}`).join(' ')}`], ['CWD', `cwd=${untrusted(outcome.cwd ?? '/')}`]),
    login: (actor, auid, ses) =>
      scene.call({ ...actor, auid, ses }, NR.write, {}, ['LOGIN', `pid=${actor.pid} uid=0 old-auid=4294967295 auid=${auid} tty=(none) old-ses=4294967295 ses=${ses} res=1`]),
    files: (actor, nr, items, outcome = {}) =>
      scene.call(actor, nr, outcome, ...(outcome.cwd === '' ? [] : [['CWD', `cwd=${untrusted(outcome.cwd ?? '/')}`] as const]), ...items.map(
        ({ name, type, inode = 1000 + serial, mode = 0o100644 }, i) =>
          ['PATH', `item=${i} name=${name === undefined ? '(null)' : untrusted(name)} inode=${inode} dev=fe:00 mode=0${mode.toString(8)} ouid=0 ogid=0 rdev=00:00 nametype=${type}`] as const,
      )),
    create: (actor, path, mode = 0o100644) =>
      scene.files(actor, NR.openat, [{ name: path.slice(0, path.lastIndexOf('/') + 1), type: 'PARENT', inode: 2, mode: 0o040755 }, { name: path, type: 'CREATE', mode }], { args: [CWD, 0, 0o101] }),
    connect: (actor, saddr, outcome = {}) => scene.call(actor, NR.connect, outcome, ['SOCKADDR', `saddr=${saddr}`]),
  };
  return scene;
};
