import type { Bytes, Ms } from '../audit/units.ts';
import { NONE } from './edge.ts';
import type { EdgeKind, NodeText, Subject } from './edge.ts';
import type { See } from './handler.ts';
import type { Process } from './processes.ts';
import { restoreSubject } from './roster.ts';
import type { Enrolled } from './roster.ts';

/** One distinct edge of a window and what its first event told. Printed with `printObject`, once somebody wants to see it. */
export interface Sighting {
  readonly subject: Subject;
  readonly node: NodeText;
  readonly kind: EdgeKind;
  readonly name: Bytes;
  first: Ms;
  last: Ms;
  count: number;
  /** All traits seen, see {@link Trait}. */
  traits: number;
  /** Old name of a rename. */
  readonly from: Bytes;
  /** The address behind a name, `ADDRESS:PORT`; else empty. */
  readonly address: Bytes;
  /** Who made the first call, and with which event. */
  readonly actor: Process;
  readonly serial: number;
  /**
   * The rename or delete by which the subject put an end to a name that it had made in this same window; on such a delete, itself. What
   * it did to that name before was only on the way there.
   */
  end: Sighting | undefined;
}

/** The distinct edges of a window, by subject, kind and name. */
export interface Sightings {
  readonly add: See;
  /** Hands over what was seen, in order of first sight, and starts anew. */
  readonly take: () => readonly Sighting[];
  /** Into the window that has just been begun anew. */
  readonly putBack: (taken: readonly Sighting[]) => void;
  /** They should be taken before more come: many, or long ones. */
  readonly isFull: () => boolean;
  /** Distinct edges so far. */
  readonly size: () => number;
  /** `idOf`: the number under which an actor is saved. */
  readonly save: (idOf: (actor: Process) => number) => SightingsState;
}

/** In order of first sight. */
export type SightingsState = readonly (readonly [
  /** Empty where it is the actor's. */
  node: NodeText | '', kind: EdgeKind, name: Bytes, first: Ms, last: Ms, count: number, traits: number, from: Bytes, address: Bytes, actor: number, serial: number,
  /** Its place in this list; -1 without one. */
  end: number,
])[];

/** Of one window, until it is full. The length of names and command lines, bytes. */
const MAX_EDGES = 50_000;
const MAX_LENGTH = 16 * 2 ** 20;

/** Texts that only this edge keeps in memory. */
const lengthOf = ({ kind, name, from, actor }: Sighting): number => name.length + from.length + (kind === 'exec' ? 2 * (actor.node.length + actor.command.length) : 0);

type ByKind = Partial<Record<EdgeKind, Map<Bytes, Sighting>>>;

export const collectSightings = (saved?: Enrolled<SightingsState>): Sightings => {
  let byNode = new Map<NodeText, ByKind>();
  let all: Sighting[] = [];
  let length = 0;

  const namesOf = (node: NodeText, kind: EdgeKind): Map<Bytes, Sighting> => {
    let kinds = byNode.get(node);
    if (kinds === undefined) byNode.set(node, (kinds = {}));
    return (kinds[kind] ??= new Map());
  };

  /** The file has got another name, or none. */
  const finish = (name: Bytes, end: Sighting): void => {
    const kinds = byNode.get(end.node);
    const made = kinds?.create?.get(name) ?? kinds?.rename?.get(name) ?? kinds?.link?.get(name);
    if (made === undefined || made === end) return;
    made.end = end;
    for (const kind of ['write', 'attr'] as const) {
      const touched = kinds?.[kind]?.get(name);
      if (touched) touched.end = end;
    }
    if (end.kind === 'delete') end.end = end;
  };

  const note = (sighting: Sighting, from: Bytes): void => {
    switch (sighting.kind) {
      case 'create':
      case 'link':
        // It is there again.
        sighting.end = undefined;
        return;
      case 'rename':
        sighting.end = undefined;
        if (from !== NONE) finish(from, sighting);
        return;
      case 'delete':
        finish(sighting.name, sighting);
    }
  };

  const put = (names: Map<Bytes, Sighting>, sighting: Sighting): void => {
    names.set(sighting.name, sighting);
    all.push(sighting);
    length += lengthOf(sighting);
  };

  if (saved) {
    for (const [node, kind, name, first, last, count, traits, from, address, actor, serial] of saved.state) {
      const by = saved.processOf(actor);
      const whose = node === '' ? { subject: by.subject, node: by.node } : { subject: restoreSubject(node), node };
      const sighting: Sighting = { ...whose, kind, name, first, last, count, traits, from, address, actor: by, serial, end: undefined };
      put(namesOf(whose.node, kind), sighting);
    }
    for (const [i, [, , , , , , , , , , , end]] of saved.state.entries()) {
      const sighting = all[i];
      if (sighting) sighting.end = all[end];
    }
  }

  return {
    add(event, actor, kind, name, traits = 0, from = NONE, address = NONE, { subject, node } = actor) {
      const names = namesOf(node, kind);
      const known = names.get(name);
      if (known !== undefined) {
        known.count++;
        known.traits |= traits;
        if (event.time > known.last) known.last = event.time;
        else if (event.time < known.first) known.first = event.time;
        note(known, from);
        return;
      }
      const sighting: Sighting = {
        subject, node, kind, name, first: event.time, last: event.time, count: 1, traits, from, address, actor, serial: event.serial, end: undefined,
      };
      put(names, sighting);
      note(sighting, from);
    },
    take() {
      const taken = all;
      byNode = new Map();
      all = [];
      length = 0;
      return taken;
    },
    putBack(taken) {
      for (const sighting of taken) put(namesOf(sighting.node, sighting.kind), sighting);
    },
    isFull: () => all.length >= MAX_EDGES || length >= MAX_LENGTH,
    size: () => all.length,
    save(idOf) {
      const places = new Map(all.map((s, i) => [s, i]));
      return all.map((s) => [
        s.node === s.actor.node ? '' : s.node, s.kind, s.name, s.first, s.last, s.count, s.traits, s.from, s.address, idOf(s.actor), s.serial, s.end === undefined ? -1 : places.get(s.end) ?? -1,
      ]);
    },
  };
};
