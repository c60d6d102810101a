import { allRows } from '../audit/rows.ts';
import type { Rows } from '../audit/rows.ts';
import type { Bytes, Pid, Ses } from '../audit/units.ts';
import { parseSubject } from './edge.ts';
import type { NodeText, Subject } from './edge.ts';
import type { Process } from './processes.ts';

type ProcessRow = readonly [
  id: number, pid: Pid, ppid: Pid, exe: Bytes, script: Bytes, service: Bytes, daemon: boolean, container: Bytes, ses: Ses, lineage: number,
  /** Its number; -1 without one. */
  parent: number, command: Bytes, node: NodeText,
];
/** What changes of one whenever it is heard of. */
type HeardRow = readonly [id: number, confirmed: number, active: boolean];

/** Processes as plain data by number, parents before children; who shared a parent shares it again. */
export interface RosterState {
  readonly processes: Rows<ProcessRow>;
  readonly heard: Rows<HeardRow>;
}

/** A saved state that points into a roster. */
export interface Enrolled<T> {
  readonly state: T;
  readonly processOf: (id: number) => Process;
}

/** Gives numbers to the processes that are saved. */
export interface Roster {
  /** A save begins: of all there is, or of what has changed since the last one. */
  readonly begin: (whole: boolean) => void;
  /** The number of a process, which is saved with it. */
  readonly idOf: (p: Process) => number;
  /** Saves again what was saved before. */
  readonly renew: (p: Process) => void;
  /** The save ends: what was saved. */
  readonly take: () => RosterState;
}

export const openRoster = (): Roster => {
  let processes: ProcessRow[] = [];
  let heard: HeardRow[] = [];
  let count = 0;
  /** Numbers count from here: lower ones are of an earlier whole save, and mean nothing any more. */
  let least = 0;

  const write = (p: Process, parent: number): void => {
    processes.push([p.id - least, p.pid, p.ppid, p.exe, p.script, p.service, p.daemon, p.container, p.ses, p.lineage, parent, p.command, p.node]);
    p.isSaved = true;
  };

  const hear = (p: Process): void => {
    heard.push([p.id - least, p.confirmed, p.active]);
    p.isHeard = true;
  };

  const idOf = (p: Process): number => {
    if (p.id >= least) return p.id - least;
    // As deep as ancestry is kept.
    const parent = p.parent === undefined ? -1 : idOf(p.parent);
    p.id = count++;
    write(p, parent);
    hear(p);
    return p.id - least;
  };

  return {
    begin(whole) {
      if (whole) least = count;
    },
    idOf,
    renew(p) {
      if (p.id < least) return;
      if (!p.isSaved) write(p, p.parent === undefined ? -1 : idOf(p.parent));
      if (!p.isHeard) hear(p);
    },
    take() {
      const taken = { processes: allRows(processes), heard: allRows(heard) };
      processes = [];
      heard = [];
      return taken;
    },
  };
};

/** Inverse of `printSubject` for what was saved. Throws when it is none: the state is damaged. */
export const restoreSubject = (node: NodeText): Subject => {
  const subject = parseSubject(node);
  if (subject === undefined) throw new TypeError('no subject');
  return subject;
};

/** The process of a number. Throws when there is none: the state is damaged. */
export const readRoster = (saved?: RosterState): ((id: number) => Process) => {
  const all = new Map<number, Process>();
  const at = (id: number): Process => {
    const p = all.get(id);
    if (p === undefined) throw new TypeError('no process');
    return p;
  };
  const last = new Map(saved?.heard.rows.map((row) => [row[0], row]));
  for (const [id, pid, ppid, exe, script, service, daemon, container, ses, lineage, parent, command, node] of saved?.processes.rows ?? []) {
    const row = last.get(id);
    if (row === undefined) throw new TypeError('no process');
    const [, confirmed, active] = row;
    all.set(id, {
      pid, ppid, exe, script, service, daemon, container, ses, lineage, parent: parent < 0 ? undefined : at(parent), command, confirmed, active,
      subject: restoreSubject(node), node, id: -1, isSaved: false, isHeard: false,
    });
  }
  return at;
};
