import { allRows } from '../audit/rows.ts';
import type { Rows } from '../audit/rows.ts';
import type { Bytes, Pid, Ses } from '../audit/units.ts';
import { parseSubject } from './edge.ts';
import type { NodeText, Subject } from './edge.ts';
import type { Process } from './processes.ts';

type ProcessRow = readonly [id: number, pid: Pid, ppid: Pid, exe: Bytes, script: Bytes, service: Bytes, daemon: boolean, container: Bytes, ses: Ses, lineage: number, command: Bytes];
/** What may change of one. */
type StandingRow = readonly [id: number, /** Its number; -1 without one. */ parent: number, confirmed: number, active: boolean, node: NodeText];

/** Processes as plain data by number, parents before children; who shared a parent shares it again. */
export interface RosterState {
  readonly processes: Rows<ProcessRow>;
  readonly standing: Rows<StandingRow>;
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
  let standing: StandingRow[] = [];
  let count = 0;
  /** Numbers count from here: lower ones are of an earlier whole save, and mean nothing any more. */
  let least = 0;

  const stand = (p: Process, parent: number): void => {
    standing.push([p.id - least, parent, p.confirmed, p.active, p.node]);
    p.isSaved = true;
  };

  const idOf = (p: Process): number => {
    if (p.id >= least) return p.id - least;
    // As deep as ancestry is kept.
    const parent = p.parent === undefined ? -1 : idOf(p.parent);
    p.id = count++;
    processes.push([p.id - least, p.pid, p.ppid, p.exe, p.script, p.service, p.daemon, p.container, p.ses, p.lineage, p.command]);
    stand(p, parent);
    return p.id - least;
  };

  return {
    begin(whole) {
      if (whole) least = count;
    },
    idOf,
    renew(p) {
      if (p.id >= least) stand(p, p.parent === undefined ? -1 : idOf(p.parent));
    },
    take() {
      const taken = { processes: allRows(processes), standing: allRows(standing) };
      processes = [];
      standing = [];
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
  const { processes, standing } = saved ?? { processes: allRows([]), standing: allRows([]) };
  const how = new Map(standing.rows.map((row) => [row[0], row]));
  for (const [id, pid, ppid, exe, script, service, daemon, container, ses, lineage, command] of processes.rows) {
    const row = how.get(id);
    if (row === undefined) throw new TypeError('no process');
    const [, parent, confirmed, active, node] = row;
    all.set(id, {
      pid, ppid, exe, script, service, daemon, container, ses, lineage, parent: parent < 0 ? undefined : at(parent), command, confirmed, active,
      subject: restoreSubject(node), node, id: -1, isSaved: false,
    });
  }
  return at;
};
