import type { Bytes, Pid, Ses } from '../audit/units.ts';
import { parseSubject } from './edge.ts';
import type { NodeText, Subject } from './edge.ts';
import type { Process } from './processes.ts';

/** Processes as plain data, parents before children; who shared a parent shares it again. */
export type RosterState = readonly (readonly [
  pid: Pid, ppid: Pid, exe: Bytes, script: Bytes, service: Bytes, daemon: boolean, container: Bytes, ses: Ses, lineage: number,
  /** Its place in this list; -1 without one. */
  parent: number, command: Bytes, confirmed: number, active: boolean, node: NodeText,
])[];

/** A saved state that points into a roster. */
export interface Enrolled<T> {
  readonly state: T;
  readonly processOf: (id: number) => Process;
}

export interface Roster {
  /** The place of the process in the list; puts it there first if need be. */
  readonly idOf: (p: Process) => number;
  readonly list: RosterState;
}

/** Gives numbers to processes that are being saved. */
export const openRoster = (): Roster => {
  const ids = new Map<Process, number>();
  const list: RosterState[number][] = [];

  const idOf = (p: Process): number => {
    const known = ids.get(p);
    if (known !== undefined) return known;
    // As deep as ancestry is kept.
    const parent = p.parent === undefined ? -1 : idOf(p.parent);
    ids.set(p, list.length);
    return list.push([p.pid, p.ppid, p.exe, p.script, p.service, p.daemon, p.container, p.ses, p.lineage, parent, p.command, p.confirmed, p.active, p.node]) - 1;
  };

  return { idOf, list };
};

/** Inverse of `printSubject` for what was saved. Throws when it is none: the state is damaged. */
export const restoreSubject = (node: NodeText): Subject => {
  const subject = parseSubject(node);
  if (subject === undefined) throw new TypeError('no subject');
  return subject;
};

/** The processes of a list, and the one at a place in it. Throws when there is none: the state is damaged. */
export const readRoster = (list: RosterState): ((id: number) => Process) => {
  const all: Process[] = [];
  const at = (id: number): Process => {
    const p = all[id];
    if (p === undefined) throw new TypeError('no process');
    return p;
  };
  for (const [pid, ppid, exe, script, service, daemon, container, ses, lineage, parent, command, confirmed, active, node] of list) {
    all.push({
      pid, ppid, exe, script, service, daemon, container, ses, lineage, parent: parent < 0 ? undefined : at(parent), command, confirmed, active,
      subject: restoreSubject(node), node,
    });
  }
  return at;
};
