import type { Bytes } from '../audit/units.ts';
import type { EdgeKind } from '../behaviour/edge.ts';
import type { Group } from './group.ts';

/** Edges in the graph unless told otherwise; about 1.5 KB each. */
export const MAX_EDGES = 100_000;

/** A name takes the room of one edge for each of so many bytes. */
const LONG = 256;
/** A subject that does something for the first time takes the room of so many edges. */
const GROUP = 2;
/** One kind of edges may have so many times what is left for all others. */
const KINDS = 4;

/** What a name takes of the room beyond that of an edge. */
export const lengthCost = (name: Bytes): number => Math.floor(name.length / LONG);

const sizeOf = ({ names, patterns, long }: Group): number => GROUP + names.size + patterns.size() + long;

/** The bounds of the graph. */
export interface Room {
  /** Takes room for one more name in a group, or refuses it; `group` is undefined while there is none. */
  readonly take: (group: Group | undefined, kind: EdgeKind, name: Bytes) => boolean;
  /** Names have become patterns: counts anew before the next is taken. */
  readonly recount: () => void;
}

/**
 * Bounds the edges of the graph to `most`. A group is refused once it has more than is left for all others, a kind once it has four times
 * that: whoever floods is stopped first, and the rest goes on learning. What was taken in once stays.
 */
export const openRoom = (most: number, groups: () => Iterable<Group>): Room => {
  const kinds = new Map<EdgeKind, number>();
  let used = 0;
  let isCounted = false;

  const add = (kind: EdgeKind, size: number): void => {
    used += size;
    kinds.set(kind, (kinds.get(kind) ?? 0) + size);
  };

  const count = (): void => {
    used = 0;
    kinds.clear();
    for (const group of groups()) add(group.kind, sizeOf(group));
    isCounted = true;
  };

  return {
    take(group, kind, name) {
      if (!isCounted) count();
      const cost = (group === undefined ? GROUP : 0) + 1 + lengthCost(name);
      const left = most - used - cost;
      if (left < 0 || (group !== undefined && sizeOf(group) > left) || (kinds.get(kind) ?? 0) > KINDS * left) return false;
      add(kind, cost);
      return true;
    },
    recount() {
      isCounted = false;
    },
  };
};
