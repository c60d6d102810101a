import type { Bytes, Ms } from '../audit/units.ts';
import { NONE } from './edge.ts';
import type { EdgeKind, NodeText, Subject } from './edge.ts';
import type { See } from './handler.ts';
import type { Process } from './processes.ts';

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
}

type ByKind = Partial<Record<EdgeKind, Map<Bytes, Sighting>>>;

export const collectSightings = (): Sightings => {
  let byNode = new Map<NodeText, ByKind>();
  let all: Sighting[] = [];

  return {
    add(event, actor, kind, name, traits = 0, from = NONE) {
      let kinds = byNode.get(actor.node);
      if (kinds === undefined) byNode.set(actor.node, (kinds = {}));
      const names = (kinds[kind] ??= new Map<Bytes, Sighting>());
      const known = names.get(name);
      if (known !== undefined) {
        known.count++;
        known.traits |= traits;
        if (event.time > known.last) known.last = event.time;
        else if (event.time < known.first) known.first = event.time;
        return;
      }
      const sighting: Sighting = {
        subject: actor.subject, node: actor.node, kind, name, first: event.time, last: event.time, count: 1, traits, from, actor, serial: event.serial,
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
  };
};
