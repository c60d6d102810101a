import { Has, proctitle } from '../audit/event.ts';
import type { Event, SyscallRecord } from '../audit/event.ts';
import { newestOf } from '../audit/oldest.ts';
import { openTable } from '../audit/rows.ts';
import type { Rows } from '../audit/rows.ts';
import { bytes, isSet, pid } from '../audit/units.ts';
import type { Bytes, Pid, Ses, Uid } from '../audit/units.ts';
import { NONE, printSubject, UNKNOWN } from './edge.ts';
import type { NodeText, Subject } from './edge.ts';
import { baseName } from './paths.ts';
import type { Enrolled, Roster } from './roster.ts';
import { isInterpreter, scriptOf } from './script.ts';

/** A process as last seen. An exec makes a new one with the same pid. */
export interface Process {
  readonly pid: Pid;
  ppid: Pid;
  readonly exe: Bytes;
  readonly script: Bytes;
  readonly service: Bytes;
  /** Started by init: what it executes in the same pid is still the daemon, what its forks execute is not. */
  readonly daemon: boolean;
  readonly container: Bytes;
  readonly ses: Ses;
  /** Names all that descends from one session, daemon or unknown ancestor; incidents are told by it. */
  readonly lineage: number;
  /** Parent while it is of use for ancestry; cut after {@link MAX_DEPTH} generations. */
  parent: Process | undefined;
  /** Arguments joined by blanks, at most {@link MAX_COMMAND} bytes; what the process shows of itself when its exec was not seen. */
  command: Bytes;
  /** Where the pid counter stood when the process was last known to live. */
  confirmed: number;
  /** Heard of since the table last looked for room. */
  active: boolean;
  /** The node for the credentials of the latest record. */
  subject: Subject;
  node: NodeText;
  /** Its number in the state, and whether it stands there as it is, but for when it was heard of, and whether that does. */
  id: number;
  isSaved: boolean;
  isHeard: boolean;
}

/** What `/proc` tells about a process that ran before the first record. */
export interface ProcessFact {
  readonly pid: Pid;
  readonly ppid: Pid;
  readonly exe: Bytes;
  readonly argv: readonly Bytes[];
  readonly cwd: Bytes;
  readonly login: Uid;
  readonly euid: Uid;
  readonly ses: Ses;
  readonly notty: boolean;
  /** Its systemd service and its container, by its cgroup; empty or missing without. */
  readonly unit?: Bytes;
  readonly container?: Bytes;
}

/** Asks the live system about a pid. */
export interface Lookup {
  /** A process that has been there for a while. */
  readonly process: (pid: Pid) => ProcessFact | undefined;
  /** The container of a process that may have been started a moment ago; empty on the host, and when it is gone. */
  readonly container: (pid: Pid) => Bytes;
}

export interface Processes {
  /** The process that made the call, as it is after it. */
  readonly caller: (event: Event) => Process;
  /** For a successful exec: who called it, and what runs now. */
  readonly exec: (event: Event) => { readonly before: Process; readonly after: Process };
  /** The process after it bound a port of its own: a fork that does so outside of any session has left its starter, and is a daemon of its own. */
  readonly bound: (p: Process) => Process;
  /** A login session begins. */
  readonly login: (event: Event) => void;
  /** A login program tells where a session came from. */
  readonly opened: (event: Event) => void;
  /** The address that a session came from; empty when it was not told. */
  readonly originOf: (session: Ses) => Bytes;
  /** The program that runs under a pid now; undefined when unknown or stale. */
  readonly exeOf: (pid: Pid) => Bytes | undefined;
  /** Takes in a snapshot, parents before children; `lastPid` is where the pid counter stands. */
  readonly learn: (facts: readonly ProcessFact[], lastPid?: Pid) => void;
  /** How many were forgotten for want of room since the start, in parts of all there is room for. */
  readonly forgotten: () => Forgotten;
  /** The machine was started anew: pids and sessions mean others from now on. */
  readonly reboot: () => void;
  readonly save: (whole: boolean, roster: Roster) => ProcessesState;
}

interface Forgotten {
  readonly processes: number;
  readonly sessions: number;
}

export interface ProcessesState {
  /** Numbers in the roster. */
  readonly table: Rows<readonly [Pid, id: number]>;
  readonly sessions: Rows<readonly [Ses, Session]>;
  readonly lineages: number;
  readonly pids: { readonly turns: number; readonly counter: number; /** Where the counter is known to come to. */ readonly top: number; readonly start: number; readonly low: number; readonly lows: number };
}

/** There are no exit records, so most of the table is dead; what is still at work is kept, and asked for again when it is not. */
export const MAX_PROCESSES = 65536;
/** The length of all their names and command lines, bytes: anybody may have a path of 4 KB. */
const MAX_LENGTH = 12 * 2 ** 20;
/** What becomes, or starts, the first program of a container; runtimes run from a copy in memory or from a mount of their own (`/`), so that no container can write to them. */
const RUNTIME = /\/(?:runc|crun|youki|conmon|containerd-shim(?:-[a-z0-9-]+)?)$|^\/memfd:[a-z]+_cloned|^\/$/;
/** A full table lets go of this part of its processes at once. */
const PART = 128;
const MAX_SESSIONS = 8192;
/** Texts that processes share, and how long each may be: they stay when the processes are gone. */
const MAX_SHARED = 4096;
const SHORT = 256;
export const MAX_DEPTH = 16;
export const MAX_COMMAND = 1024;

const INIT = 1;
/** A program with a file: what runs from memory is nobody's daemon. */
const ON_DISK = /^\/(?!memfd:)(?!.* \(deleted\)$)/;
/** More than any kernel's pid_max: one turn of the pid counter. */
const TURN = 2 ** 22;
/** Where the counter ends at the earliest: the kernel's default, which systemd and large machines only raise. */
const PID_MAX = 32768;
/** Pids below are given out once, at boot. */
const RESERVED = 300;
/** Execs follow their forks by a little, so pids seen are out of order by this much at most. */
const JITTER = 1024;
/** Programs start every so many forks at least; where they do not, a turn of the counter may pass unnoticed. */
const STRIDE = 4096;

type Caller = Pick<SyscallRecord, 'pid' | 'ppid' | 'ses' | 'exe' | 'auid' | 'euid'>;

interface Session {
  readonly service: Bytes;
  readonly lineage: number;
  /** The address it came from, once that was told. */
  readonly origin?: Bytes;
}

/** The same process as a daemon. Written out: to the engine a copy by three dots is of another kind, and all that meets both kinds is slower. */
const asDaemon = ({ pid, ppid, exe, script, container, ses, lineage, parent, command, confirmed, active }: Process, { subject, node }: Pick<Process, 'subject' | 'node'>): Process =>
  ({ pid, ppid, exe, script, service: NONE, daemon: true, container, ses, lineage, parent, command, confirmed, active, subject, node, id: -1, isSaved: false, isHeard: false });

/** Names stand in the node, too. */
const lengthOf = ({ exe, script, command }: Process): number => 2 * (exe.length + script.length) + command.length;

/** `lookup` asks the live system about a pid nobody knows; leave it out when replaying. */
export const trackProcesses = (lookup?: Lookup, saved?: Enrolled<ProcessesState>): Processes => {
  const byPid = openTable<Pid, Process>(saved?.state.table.rows.map(([pid, id]) => [pid, saved.processOf(id)]));
  const { map: table } = byPid;
  let length = 0;
  for (const p of table.values()) length += lengthOf(p);
  const bySes = openTable<Ses, Session>(saved?.state.sessions.rows);
  const { map: sessions } = bySes;
  const trimSessions = newestOf(bySes, MAX_SESSIONS);
  /** Saved before, and not as they are now. */
  let changed: Process[] = [];
  let lineages = saved?.state.lineages ?? 0;
  const forgotten = { processes: 0, sessions: 0 };
  const kinds = new Map<NodeText, Pick<Process, 'subject' | 'node'>>();
  const commands = new Map<Bytes, Bytes>();

  // The kernel hands out pids in turn. There are no fork and exit records, so this is all that tells an old entry from a reused pid:
  // once the counter has come round to a pid again, whatever was known of it may be of a process that is gone.
  let { turns, counter, top, start, low, lows } = saved?.state.pids ?? { turns: 0, counter: -1, top: PID_MAX, start: 0, low: -1, lows: 0 };
  /** Where the counter stands, over all turns; -1 before the first pid. */
  let position = turns * TURN + counter;

  const advance = (pid: Pid): void => {
    count(pid);
    position = turns * TURN + counter;
  };

  const count = (pid: Pid): void => {
    if (counter < 0) {
      counter = pid;
      start = pid;
    } else if (pid > counter) {
      counter = pid;
      if (pid > top) top = pid;
      if (lows > 0) lows--;
    } else if (counter - pid > JITTER) {
      // One low pid may be an old process; three that rise together are the counter's new turn.
      lows = lows > 0 && pid >= low && pid - low < STRIDE ? lows + 1 : 1;
      low = pid;
      if (lows < 3) return;
      turns++;
      counter = pid;
      lows = 0;
    }
  };

  /** Can the counter have come round? It ends where it ended before, and begins above the reserved pids. */
  const mayHaveTurned = (): boolean => lows > 0 && low < RESERVED + lows * STRIDE && top - counter < STRIDE;

  const isPassed = (p: Process, turn: number, at: number): boolean => (p.pid <= at ? turn : turn - 1) * TURN + p.pid > Math.max(p.confirmed, start);

  /** Once a low pid was seen, a new turn may have begun: who is stale in that case is not named either. */
  const isStale = (p: Process): boolean => p.pid >= RESERVED && counter >= 0 && (isPassed(p, turns, counter) || (mayHaveTurned() && isPassed(p, turns + 1, low)));

  const fresh = (pid: Pid): Process | undefined => {
    const p = table.get(pid);
    return p === undefined || isStale(p) ? undefined : p;
  };

  const changes = (p: Process): void => {
    if (!p.isSaved) return;
    if (p.isHeard) changed.push(p);
    p.isSaved = false;
  };

  const hears = (p: Process): void => {
    if (!p.isHeard) return;
    if (p.isSaved) changed.push(p);
    p.isHeard = false;
  };

  const live = (p: Process): void => {
    hears(p);
    p.confirmed = position;
    p.active = true;
  };

  const confirm = (p: Process): void => {
    live(p);
    // A process that still has the parent it had keeps that parent alive too: orphans get another one.
    if (p.parent !== undefined && p.parent.pid === p.ppid && table.get(p.ppid) === p.parent) live(p.parent);
  };

  const put = (p: Process): void => {
    length += lengthOf(p);
    byPid.set(p.pid, p);
  };

  const drop = (p: Process | undefined): void => {
    if (p === undefined) return;
    length -= lengthOf(p);
    byPid.delete(p.pid);
  };

  const isFull = (): boolean => table.size >= MAX_PROCESSES || length > MAX_LENGTH;

  /** Drops the oldest processes that have not been heard of since they were last considered, some at once: to find the first, the engine passes over all that were deleted before it. */
  const makeRoom = (): void => {
    let room = Math.ceil(table.size / PART);
    for (const [id, p] of table) {
      if (!p.active) {
        forgotten.processes += 1 / table.size;
        drop(p);
        if (--room === 0) return;
        continue;
      }
      byPid.delete(id);
      hears(p);
      p.active = false;
      byPid.set(id, p);
    }
  };

  const add = (p: Process): Process => {
    drop(table.get(p.pid));
    while (isFull()) makeRoom();
    put(p);
    let ancestor = p.parent;
    for (let depth = 1; ancestor !== undefined && depth < MAX_DEPTH; depth++) ancestor = ancestor.parent;
    if (ancestor?.parent !== undefined) {
      changes(ancestor);
      ancestor.parent = undefined;
    }
    return p;
  };

  /** A subject and its node: most processes are one of a few programs, and share what says which. */
  const alike = (subject: Subject): Pick<Process, 'subject' | 'node'> => {
    const node = printSubject(subject);
    const known = kinds.get(node);
    if (known !== undefined) return known;
    if (kinds.size >= MAX_SHARED) kinds.clear();
    if (node.length <= SHORT) kinds.set(node, { subject, node });
    return { subject, node };
  };

  const shared = (command: Bytes): Bytes => {
    if (command.length > SHORT) return command;
    const known = commands.get(command);
    if (known !== undefined) return known;
    if (commands.size >= MAX_SHARED) commands.clear();
    commands.set(command, command);
    return command;
  };

  const make = (r: Caller, script: Bytes, { service, lineage }: Session, parent: Process | undefined, command: Bytes, container = parent?.container ?? NONE): Process => {
    const { subject, node } = alike({ container, login: r.auid, euid: r.euid, exe: r.exe === '' ? UNKNOWN : r.exe, script, service });
    const { exe } = subject;
    return {
      pid: r.pid, ppid: r.ppid, exe, script: subject.script, service, daemon: service === NONE && r.ppid === INIT, container, ses: r.ses, lineage, parent, command: shared(command),
      // Ahead of the counter: forks went by unseen, and it has come so far at least.
      confirmed: Math.max(position, turns * TURN + r.pid), active: false, subject, node, id: -1, isSaved: false, isHeard: false,
    };
  };

  /** Service and lineage of a program that `parent` started, or became. */
  const inherit = (session: Ses, ppid: Pid, parent: Process | undefined, became: boolean): Session => {
    if (isSet(session)) {
      const known = sessions.get(session);
      if (known !== undefined) return known;
      // The session began before the first record; its processes still belong together.
      const unknown = { service: UNKNOWN, lineage: ++lineages };
      openSession(session, unknown);
      return unknown;
    }
    if (parent === undefined) return { service: ppid <= INIT ? NONE : UNKNOWN, lineage: ++lineages };
    // Init forks before it becomes a unit, and each unit is a life of its own.
    const ofInit = parent.pid === INIT || (parent.ppid === INIT && parent.exe === table.get(pid(INIT))?.exe);
    if (became && parent.daemon && !ofInit) return parent;
    if (ofInit) return { service: NONE, lineage: ++lineages };
    return { service: parent.service === NONE ? baseName(parent.exe) : parent.service, lineage: parent.lineage };
  };

  const openSession = (id: Ses, session: Session): void => {
    bySes.set(id, session);
    const { size } = sessions;
    trimSessions();
    forgotten.sessions += (size - sessions.size) / MAX_SESSIONS;
  };

  const ask = (pid: Pid): Process | undefined => {
    const fact = pid > 0 ? lookup?.process(pid) : undefined;
    return fact && fromFact(fact);
  };

  /** A child is in its parent's session unless it opened its own, and that is logged: else the pid has been reused behind our back. */
  const fits = (p: Process, session: Ses): boolean => p.ses === session || (!isSet(p.ses) && !sessions.has(session));

  const parentOf = (r: SyscallRecord): Process | undefined => {
    const p = fresh(r.ppid);
    return p !== undefined && fits(p, r.ses) ? p : ask(r.ppid);
  };

  /** The process that executes, if it has done so before: with the parent it had then, or with init, which takes in orphans. */
  const selfOf = (r: SyscallRecord): Process | undefined => {
    const p = table.get(r.pid);
    if (p === undefined || p.ses !== r.ses) return undefined;
    return p.ppid === r.ppid ? (isPassed(p, turns, counter) ? undefined : p) : r.ppid === INIT && !isStale(p) ? p : undefined;
  };

  /** A shell from before the turn that ends itself in another program has its pid far ahead: taken for the counter's, all that began since was stale. */
  const isOld = (r: SyscallRecord): boolean => counter >= 0 && r.pid - counter > STRIDE && selfOf(r) !== undefined;

  const dress = (p: Process, r: SyscallRecord): Process => {
    if (p.subject.euid !== r.euid || p.subject.login !== r.auid) {
      changes(p);
      Object.assign(p, alike({ ...p.subject, login: r.auid, euid: r.euid }));
    }
    return p;
  };

  /** A process whose exec was not seen: a fork of its parent, or older than the log. */
  const discover = (event: Event): Process => {
    const r = event.syscall;
    if (r.pid > counter && r.pid - counter <= JITTER) advance(r.pid);
    // Who has forks of its own program is still that program, however long ago it was heard of.
    const kin = table.get(r.ppid);
    const parent = kin?.exe === r.exe && fits(kin, r.ses) ? kin : parentOf(r);
    const forked = parent !== undefined && parent.exe === r.exe;
    if (forked) confirm(parent);
    // Without a session and a known parent it is taken for a daemon that was running before: its own service.
    const from = forked && !isSet(r.ses) ? parent
      : parent === undefined && !isSet(r.ses) ? { service: NONE, lineage: ++lineages }
      : inherit(r.ses, r.ppid, parent, false);
    if (forked) return add(make(r, parent.script, from, parent, parent.command));
    // Alive it can still be asked what it was started for; what it calls itself in a record is only good for a person.
    const fact = lookup?.process(r.pid);
    const script = fact?.exe === r.exe ? scriptOf(fact.exe, fact.argv, fact.cwd, fact.notty) : NONE;
    return add(make(r, script, from, parent, joined(proctitle(event).split('\0'))));
  };

  const callerOf = (event: Event): Process => {
    const r = event.syscall;
    const p = table.get(r.pid);
    // A stale entry whose program, session and parent are still the same is the same process, or a fork that behaves as it does; init takes in orphans.
    if (p === undefined || p.exe !== r.exe || p.ses !== r.ses || (p.ppid !== r.ppid && r.ppid !== INIT && isStale(p))) return discover(event);
    p.ppid = r.ppid;
    confirm(p);
    return dress(p, r);
  };

  /** `mains`: the oldest process of each service that init looks after. */
  const fromFact = (fact: ProcessFact, mains?: Map<Bytes, Process>): Process => {
    const parent = table.get(fact.ppid);
    const record = { ...fact, auid: fact.login };
    const forked = parent !== undefined && parent.exe === fact.exe && parent.ses === fact.ses;
    const first = isSet(fact.ses) && !sessions.has(fact.ses);
    // The topmost process of a session is the program that opened it.
    if (first) openSession(fact.ses, { service: baseName(fact.exe), lineage: ++lineages });
    // Init takes in orphans: whose they are their unit tells.
    const orphaned = fact.unit !== undefined && fact.unit !== NONE && fact.ppid === INIT && !isSet(fact.ses) ? mains?.get(fact.unit) : undefined;
    const from = forked && !isSet(fact.ses) ? parent
      : orphaned !== undefined && orphaned.exe !== fact.exe ? { service: orphaned.service || baseName(orphaned.exe), lineage: orphaned.lineage }
      : inherit(fact.ses, fact.ppid, parent, false);
    const p = add(make(record, scriptOf(fact.exe, fact.argv, fact.cwd, fact.notty), from, parent, joined(fact.argv), fact.container || parent?.container));
    if (fact.unit !== undefined && fact.ppid === INIT && orphaned === undefined) mains?.set(fact.unit, p);
    return p;
  };

  return {
    caller: callerOf,

    exec(event) {
      const r = event.syscall;
      if (!isOld(r)) advance(r.pid);
      const self = selfOf(r);
      const before = self ?? parentOf(r);
      const argv = (event.has & Has.execve) === 0 ? [] : event.argv;
      const cwd = (event.has & Has.cwd) === 0 ? NONE : event.cwd;
      const from = inherit(r.ses, r.ppid, before, self !== undefined);
      const parent = self === undefined ? before : self.parent;
      // A runtime has put it into its container by now; what that starts stays inside.
      const entered = before !== undefined && RUNTIME.test(before.exe) && !RUNTIME.test(r.exe) ? lookup?.container(r.pid) : undefined;
      const after = add(make(r, scriptOf(r.exe, argv, cwd, r.notty), from, parent, joined(argv), entered || before?.container));
      if (before !== undefined && before !== self) confirm(before);
      return { before: before ?? make({ ...r, exe: UNKNOWN }, NONE, { service: NONE, lineage: after.lineage }, undefined, NONE), after };
    },

    // There is no record of a process that has lost its parent. Postfix is started by postmulti, and was `qmgr@postmulti` after a restart what
    // /proc had called `qmgr@master` before.
    bound(p) {
      if (isSet(p.ses) || p.service === NONE || p.parent?.exe !== p.exe || isInterpreter(p.exe) || !ON_DISK.test(p.exe)) return p;
      return add(asDaemon(p, alike({ ...p.subject, service: NONE })));
    },

    login(event) {
      const { pid, ses } = event.login;
      if (!isSet(ses)) return;
      const byRecord = (event.has & Has.syscall) !== 0 && event.syscall.pid === pid;
      const exe = byRecord ? event.syscall.exe : fresh(pid)?.exe;
      openSession(ses, { service: exe === undefined ? UNKNOWN : baseName(exe), lineage: ++lineages });
      if (!byRecord) return;
      // Whoever opens a session was forked to do so.
      advance(pid);
      callerOf(event);
    },

    opened({ opened: { ses, address } }) {
      const session = sessions.get(ses);
      if (session !== undefined && session.origin === undefined && address !== '') bySes.set(ses, { ...session, origin: address });
    },

    forgotten: () => ({ ...forgotten }),

    originOf: (session) => sessions.get(session)?.origin ?? NONE,

    exeOf: (pid) => (fresh(pid) ?? ask(pid))?.exe,

    learn(facts, lastPid) {
      if (lastPid !== undefined) advance(lastPid);
      const mains = new Map<Bytes, Process>();
      for (const fact of facts) {
        const known = fresh(fact.pid);
        if (known?.exe !== fact.exe || known.ses !== fact.ses) fromFact(fact, mains);
      }
    },

    reboot() {
      byPid.clear();
      length = 0;
      bySes.clear();
      [turns, counter, top, start, low, lows, position] = [0, -1, PID_MAX, 0, -1, 0, -1];
    },

    save(whole, roster) {
      if (!whole) for (const p of changed) roster.renew(p);
      changed = [];
      return {
        table: byPid.save(whole, (p, id) => [id, roster.idOf(p)]),
        sessions: bySes.save(whole, ({ service, lineage, origin }, id) => [id, origin === undefined ? { service, lineage } : { service, lineage, origin }]),
        lineages, pids: { turns, counter, top, start, low, lows },
      };
    },
  };
};

/** Copied, since a slice would keep all of an argument list in memory: 6,000 of 56 KB each once did. */
const joined = (argv: readonly string[]): Bytes => bytes(Buffer.from(argv.join(' ').slice(0, MAX_COMMAND).trimEnd(), 'latin1').toString('latin1'));

