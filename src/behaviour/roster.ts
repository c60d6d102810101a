import { allRows } from '../audit/rows.ts';
import type { Rows } from '../audit/rows.ts';
import { bytes, isSet, ses, UNSET } from '../audit/units.ts';
import type { Bytes, Pid } from '../audit/units.ts';
import { parseSubject, printSubject } from './edge.ts';
import type { Subject } from './edge.ts';
import type { Process } from './processes.ts';

/** A text, or its number: most processes are one of a few programs. */
type Text = Bytes | number;
type ProcessRow = readonly [
  id: number, pid: Pid, ppid: Pid, daemon: boolean,
  /** -1 without one, which the engine prints faster than what the kernel logs. */
  ses: number, lineage: number,
  /** Its number; -1 without one. */
  parent: number, command: Text, /** What program it is, too. */ node: Text, confirmed: number, active: boolean,
];
/** What changes of one whenever it is heard of, where that is newer than its row. */
type HeardRow = readonly [id: number, confirmed: number, active: boolean];

/** Processes as plain data by number, parents before children; who shared a parent shares it again. */
export interface RosterState {
  readonly texts: Rows<readonly [id: number, text: Bytes]>;
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

/** Texts that have a number, and how long these are: shorter ones are no longer than a number is. */
const MAX_TEXTS = 4096;
const [SHORTEST, LONGEST] = [5, 256];

export const openRoster = (): Roster => {
  const numbers = new Map<Bytes, number>();
  let texts: (readonly [number, Bytes])[] = [];
  let processes: ProcessRow[] = [];
  let heard: HeardRow[] = [];
  let count = 0;
  /** Numbers count from here: lower ones are of an earlier whole save, and mean nothing any more. */
  let least = 0;

  const textOf = (text: Bytes): Text => {
    if (text.length < SHORTEST || text.length > LONGEST) return text;
    const known = numbers.get(text);
    if (known !== undefined) return known;
    const number = numbers.size;
    if (number >= MAX_TEXTS) return text;
    numbers.set(text, number);
    texts.push([number, text]);
    return number;
  };

  const write = (p: Process, parent: number): void => {
    processes.push([
      p.id - least, p.pid, p.ppid, p.daemon, isSet(p.ses) ? p.ses : -1, p.lineage, parent, textOf(p.command), textOf(bytes(p.node)), p.confirmed, p.active,
    ]);
    p.isSaved = true;
    p.isHeard = true;
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
    return p.id - least;
  };

  return {
    begin(whole) {
      if (!whole) return;
      least = count;
      numbers.clear();
    },
    idOf,
    renew(p) {
      if (p.id < least) return;
      if (!p.isSaved) write(p, p.parent === undefined ? -1 : idOf(p.parent));
      // Also of one that was written: what had been heard of it before may be there, too.
      hear(p);
    },
    take() {
      const taken = { texts: allRows(texts), processes: allRows(processes), heard: allRows(heard) };
      texts = [];
      processes = [];
      heard = [];
      return taken;
    },
  };
};

/** Inverse of `printSubject` for what was saved. Throws when it is none: the state is damaged. */
export const restoreSubject = (node: string): Subject => {
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
  const texts = new Map(saved?.texts.rows);
  const read = (text: Text): Bytes => {
    const found = typeof text === 'number' ? texts.get(text) : text;
    if (found === undefined) throw new TypeError('no text');
    return found;
  };
  const last = new Map(saved?.heard.rows.map((row) => [row[0], row]));
  for (const [id, pid, ppid, daemon, session, lineage, parent, command, node, ...first] of saved?.processes.rows ?? []) {
    const [, confirmed, active] = last.get(id) ?? [id, ...first];
    if (active === undefined) throw new TypeError('no process');
    const subject = restoreSubject(read(node));
    const { exe, script, service, container } = subject;
    all.set(id, {
      pid, ppid, exe, script, service, daemon, container, ses: ses(session < 0 ? UNSET : session), lineage, parent: parent < 0 ? undefined : at(parent),
      command: read(command), confirmed, active, subject, node: printSubject(subject), id: -1, isSaved: false, isHeard: false,
    });
  }
  return at;
};
