import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { codeOf } from './files.ts';

/** What `/proc` tells about one process; strings are raw bytes, one char each. */
export interface ProcEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly exe: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly login: number;
  readonly euid: number;
  readonly ses: number;
  readonly notty: boolean;
  /** When it was started, in ticks since the boot: with its pid the name of a process, until the next boot. */
  readonly start: number;
  /** Seconds since then. */
  readonly age: number;
  /** The systemd service it belongs to, `nginx.service`; empty outside of services. */
  readonly unit: string;
  /** The first 12 digits of its container's id; empty on the host. */
  readonly container: string;
}

const UNSET = 4294967295;
/** USER_HZ: start times in `/proc` are in hundredths of a second on every architecture here. */
const TICKS = 100;

const read = (path: string): string => readFileSync(path, 'latin1');

const optional = <T>(get: () => T, otherwise: T): T => {
  try {
    return get();
  } catch {
    return otherwise;
  }
};

const UNIT = /\/([^/\n]+\.service)$/m;
// docker/ID, docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, crio-ID.scope, kubepods/.../ID; of containers in containers the outermost.
const CONTAINER = /[/-]([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/m;

/** What `/proc/PID/cgroup` says, of either version. */
export const readGroup = (cgroup: string): Pick<ProcEntry, 'unit' | 'container'> => ({ unit: UNIT.exec(cgroup)?.[1] ?? '', container: CONTAINER.exec(cgroup)?.[1] ?? '' });

/** The container of a process; empty on the host, and when the process is gone. Anybody may ask. */
export const readContainer = (pid: number): string => readGroup(optional(() => read(`/proc/${pid}/cgroup`), '')).container;

/** What of a process only root and its owner may see. */
export interface Links {
  readonly start: number;
  readonly exe: string;
  readonly cwd: string;
}

const CLOSED = new Set(['EACCES', 'EPERM']);

/** Where its links lead, or led when somebody who may look wrote it down. Throws when nobody did, and for a kernel thread. */
const linksOf = (pid: number, start: number, seen: ReadonlyMap<number, Links> | undefined): Links => {
  const dir = `/proc/${pid}`;
  try {
    return { start, exe: readlinkSync(`${dir}/exe`, 'latin1'), cwd: optional(() => readlinkSync(`${dir}/cwd`, 'latin1'), '') };
  } catch (error) {
    const before = seen?.get(pid);
    if (!CLOSED.has(codeOf(error)) || before?.start !== start) throw error;
    return before;
  }
};

/** Fields behind pid and comm, which stands in brackets and may hold anything, brackets too. */
const statOf = (pid: number): readonly string[] => {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** One process; undefined when it is gone, a kernel thread, or not ours to see. `seen`: what root wrote down, for who is not root. */
export const readProcess = (pid: number, seen?: ReadonlyMap<number, Links>): ProcEntry | undefined => {
  try {
    const dir = `/proc/${pid}`;
    const fields = statOf(pid);
    const start = Number(fields[19]);
    const uids = /^Uid:\t\d+\t(\d+)/m.exec(read(`${dir}/status`));
    const argv = read(`${dir}/cmdline`).split('\0');
    argv.pop();
    return {
      pid,
      ppid: Number(fields[1]),
      argv,
      ...linksOf(pid, start, seen),
      login: optional(() => Number(read(`${dir}/loginuid`)), UNSET),
      euid: Number(uids?.[1] ?? 0),
      ses: optional(() => Number(read(`${dir}/sessionid`)), UNSET),
      notty: fields[4] === '0',
      age: optional(() => Number(read('/proc/uptime').split(' ')[0]) - start / TICKS, 0),
      ...readGroup(optional(() => read(`${dir}/cgroup`), '')),
    };
  } catch {
    return undefined;
  }
};

const pids = (): readonly number[] => optional(() => readdirSync('/proc'), []).filter((name) => /^\d+$/.test(name)).map(Number);

/** The links of all processes, to be written down for who may not see them. */
export const readLinks = (): ReadonlyMap<number, Links> =>
  new Map(pids().flatMap((pid) => optional((): readonly (readonly [number, Links])[] => [[pid, linksOf(pid, Number(statOf(pid)[19]), undefined)]], [])));

/** All processes that can be seen, parents before children, and the pid handed out last. */
export const readProcesses = (seen?: ReadonlyMap<number, Links>): { readonly processes: readonly ProcEntry[]; readonly lastPid: number | undefined } => {
  const all = new Map<number, ProcEntry>();
  for (const pid of pids()) {
    const entry = readProcess(pid, seen);
    if (entry) all.set(pid, entry);
  }
  const ordered = new Map<number, ProcEntry>();
  const place = (entry: ProcEntry): void => {
    // Down from the topmost ancestor; a snapshot of a moving system may hold no loop, but a loop must not hang us.
    const line: ProcEntry[] = [];
    for (let e: ProcEntry | undefined = entry; e && !ordered.has(e.pid) && !line.includes(e); e = all.get(e.ppid)) line.push(e);
    for (const e of line.toReversed()) ordered.set(e.pid, e);
  };
  for (const entry of all.values()) place(entry);
  const last = optional(() => Number(read('/proc/loadavg').trim().split(' ')[4]), Number.NaN);
  return { processes: [...ordered.values()], lastPid: Number.isInteger(last) ? last : undefined };
};

/** What is mounted where this process runs, as `/proc/self/mountinfo` says it; empty where that cannot be read. */
export const readMounts = (): string => optional(() => read('/proc/self/mountinfo'), '');
