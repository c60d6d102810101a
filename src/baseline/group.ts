import type { DirectedGraph } from 'graphology';
import { bytes } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import type { EdgeKind, NodeText, Subject } from '../behaviour/edge.ts';
import type { Patterns } from './patterns.ts';

/** Whether an edge stands in the graph: not yet, with these facts, or with older ones until it is generalised again. */
export type NamePlace = 'pending' | 'graph' | 'changed';

/** What the graph keeps of each edge. */
export interface EdgeFacts {
  kind: EdgeKind;
  place: NamePlace;
  first: Ms;
  last: Ms;
  count: number;
  traits: number;
  /** Units of time in which it was seen, and the latest of them. */
  units: number;
  unit: number;
  /** Names its row in the state; -1 before it has one. */
  id: number;
}

/** Of subjects, objects and patterns. */
export type BaselineGraph = DirectedGraph<Record<string, never>, EdgeFacts>;

/** All that one subject did in one way: the literal names, and the patterns that stand for others. */
export interface Group {
  /** Tells it from the others in a state. */
  readonly number: number;
  readonly node: NodeText;
  readonly subject: Subject;
  readonly kind: EdgeKind;
  readonly names: Map<Bytes, EdgeFacts>;
  readonly patterns: Patterns;
  /** Names at which patterns are looked for without waiting for the end of the window. */
  ripe: number;
  /** All rows with lower ids stand in the graph, whatever they say: when patterns had been looked for, each name was saved once more. */
  settled: number;
  /** Room that long names take, see `room.ts`. */
  long: number;
}

export type Groups = Partial<Record<EdgeKind, Group>>;

/** How a group knows a name, whatever its traits: by itself or by a pattern. */
export interface Known {
  readonly facts: EdgeFacts;
  readonly pattern?: Bytes;
}

export const find = ({ names, patterns }: Group, name: Bytes): Known | undefined => {
  const facts = names.get(name);
  if (facts) return { facts };
  const pattern = patterns.find(name, (p) => p.regex.test(name));
  return pattern && { facts: pattern.facts, pattern: bytes(pattern.source) };
};
