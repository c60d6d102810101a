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
}

/** The distinct edges of a window, by subject, kind and name. */
export interface Sightings {
  readonly add: See;
  /** Hands over what was seen, in order of first sight, and starts anew. */
  readonly take: () => readonly Sighting[];
  readonly size: () => number;
  /** `idOf`: the number under which an actor is saved. */
  readonly save: (idOf: (actor: Process) => number) => SightingsState;
}

/** In order of first sight. */
export type SightingsState = readonly (readonly [
  node: NodeText, kind: EdgeKind, name: Bytes, first: Ms, last: Ms, count: number, traits: number, from: Bytes, address: Bytes, actor: number, serial: number,
])[];

type ByKind = Partial<Record<EdgeKind, Map<Bytes, Sighting>>>;

export const collectSightings = (saved?: Enrolled<SightingsState>): Sightings => {
  let byNode = new Map<NodeText, ByKind>();
  let all: Sighting[] = [];

  const namesOf = (node: NodeText, kind: EdgeKind): Map<Bytes, Sighting> => {
    let kinds = byNode.get(node);
    if (kinds === undefined) byNode.set(node, (kinds = {}));
    return (kinds[kind] ??= new Map());
  };

  if (saved) {
    for (const [node, kind, name, first, last, count, traits, from, address, actor, serial] of saved.state) {
      const sighting: Sighting = { subject: restoreSubject(node), node, kind, name, first, last, count, traits, from, address, actor: saved.processOf(actor), serial };
      namesOf(node, kind).set(name, sighting);
      all.push(sighting);
    }
  }

  return {
    add(event, actor, kind, name, traits = 0, from = NONE) {
      const names = namesOf(actor.node, kind);
      const known = names.get(name);
      if (known !== undefined) {
        known.count++;
        known.traits |= traits;
        if (event.time > known.last) known.last = event.time;
        else if (event.time < known.first) known.first = event.time;
        return;
      }
      const sighting: Sighting = {
        subject: actor.subject, node: actor.node, kind, name, first: event.time, last: event.time, count: 1, traits, from, address: NONE, actor, serial: event.serial,
      };
      names.set(name, sighting);
      all.push(sighting);
    },
    take() {
      const taken = all;
      byNode = new Map();
      all = [];
      return taken;
    },
    size: () => all.length,
    save: (idOf) => all.map((s) => [s.node, s.kind, s.name, s.first, s.last, s.count, s.traits, s.from, s.address, idOf(s.actor), s.serial]),
  };
};
