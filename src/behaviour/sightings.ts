import { proctitle } from '../audit/event.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes, Ms, Pid } from '../audit/units.ts';
import type { EdgeKind, NodeText, Subject } from './edge.ts';
import { NONE, printObject } from './edge.ts';
import type { See } from './handler.ts';

/** One distinct edge of a window and what its first event told. */
export interface Sighting {
  readonly subject: Subject;
  readonly node: NodeText;
  readonly kind: EdgeKind;
  readonly name: Bytes;
  /** The printed object. */
  readonly object: NodeText;
  first: Ms;
  last: Ms;
  count: number;
  /** All traits seen, see {@link Trait}. */
  traits: number;
  /** Old name of a rename. */
  readonly from: Bytes;
  readonly serial: number;
  readonly pid: Pid;
  readonly ppid: Pid;
  readonly lineage: number;
  /** Command line of the process, arguments joined by blanks; raw bytes. */
  readonly command: Bytes;
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
        subject: actor.subject, node: actor.node, kind, name, object: printObject({ kind, name }),
        first: event.time, last: event.time, count: 1, traits, from,
        serial: event.serial, pid: actor.pid, ppid: actor.ppid, lineage: actor.lineage,
        command: actor.command || bytes(proctitle(event).replaceAll('\0', ' ').trimEnd()),
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
