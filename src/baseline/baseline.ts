import { DirectedGraph } from 'graphology';
import type { Bytes, Ms } from '../audit/units.ts';
import { bytes } from '../audit/units.ts';
import { isFile, printObject, printSubject, UNKNOWN } from '../behaviour/edge.ts';
import type { EdgeKind, NodeText, Subject } from '../behaviour/edge.ts';
import { Trait } from '../behaviour/derive.ts';
import { isProtected } from '../behaviour/places.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { generalise } from './generalise.ts';
import { generaliseHosts } from './hosts.ts';

/** What the graph keeps of each edge. */
export interface EdgeFacts {
  kind: EdgeKind;
  first: Ms;
  last: Ms;
  count: number;
  traits: number;
}

/** A pattern as it is shown in a `+ignore` line. */
export interface LearnedPattern {
  readonly subject: NodeText;
  readonly kind: EdgeKind;
  /** Anchored regular expression over the raw path or `address:port`. */
  readonly source: string;
  /** A few of the names behind it. */
  readonly witnesses: readonly Bytes[];
  readonly names: number;
}

export interface Baseline {
  readonly graph: DirectedGraph<Record<string, never>, EdgeFacts>;
  /** Takes the edge in as normal. */
  readonly learn: (seen: Sighting) => void;
  /** Is the edge normal? Counts it up if so. */
  readonly knows: (seen: Sighting) => boolean;
  /** Generalises what has been learned since the last call; returns the new patterns. */
  readonly generalise: () => readonly LearnedPattern[];
}

const WITNESSES = 3;

interface Compiled {
  readonly regex: RegExp;
  readonly facts: EdgeFacts;
}

/** Names learned by one subject in one way, since patterns are found among them. */
interface Group {
  readonly subject: Subject;
  readonly node: NodeText;
  readonly kind: EdgeKind;
  readonly names: Map<Bytes, Ms>;
}

const groupKey = (node: NodeText, kind: EdgeKind): string => `${kind} ${node}`;

/** Patterns are nodes too; the prefix keeps a file whose name is the text of a pattern from being one. */
const patternNode = (kind: EdgeKind, source: string): string => `pattern:${kind}:${source}`;

/** Traits that no pattern may cover: a generated name is no excuse for a program. */
const EXACT = Trait.executable | Trait.setId;

export const newBaseline = (): Baseline => {
  const graph = new DirectedGraph<Record<string, never>, EdgeFacts>();
  const groups = new Map<string, Group>();
  const changed = new Set<Group>();
  const patterns = new Map<string, Compiled[]>();
  // Programs by the user who ran them, and subjects without their service: what is compared when parent or service is unknown.
  const ran = new Set<string>();
  const siblings = new Map<NodeText, Set<NodeText>>();

  const withoutService = (subject: Subject): NodeText => printSubject({ ...subject, service: bytes('') });

  const factsOf = (node: string, object: string): EdgeFacts | undefined => {
    return graph.hasDirectedEdge(node, object) ? graph.getDirectedEdgeAttributes(node, object) : undefined;
  };

  const exactly = (node: NodeText, seen: Sighting): EdgeFacts | undefined => {
    const facts = factsOf(node, seen.object);
    return facts !== undefined && (seen.traits & ~facts.traits) === 0 ? facts : undefined;
  };

  const byPattern = (node: NodeText, seen: Sighting): EdgeFacts | undefined => {
    if ((seen.traits & EXACT) !== 0) return undefined;
    return patterns.get(groupKey(node, seen.kind))?.find((p) => p.regex.test(seen.name))?.facts;
  };

  const match = (node: NodeText, seen: Sighting): EdgeFacts | undefined => exactly(node, seen) ?? byPattern(node, seen);

  const ranKey = (object: NodeText, service: boolean): string => {
    if (service) return object;
    const at = object.lastIndexOf('@');
    return `${at < 0 ? object : object.slice(0, at)}@?`;
  };

  const count = (facts: EdgeFacts, seen: Sighting): void => {
    facts.count += seen.count;
    if (seen.last > facts.last) facts.last = seen.last;
    if (seen.first < facts.first) facts.first = seen.first;
  };

  const index = (seen: Sighting): void => {
    const bare = withoutService(seen.subject);
    const set = siblings.get(bare);
    if (set) set.add(seen.node);
    else siblings.set(bare, new Set([seen.node]));
    if (seen.kind === 'exec') {
      ran.add(ranKey(seen.object, true));
      ran.add(ranKey(seen.object, false));
    }
  };

  const remember = (seen: Sighting): void => {
    const generalisable = isFile(seen.kind) ? !isProtected(seen.name) && (seen.traits & EXACT) === 0 : seen.kind === 'connect';
    if (!generalisable) return;
    const key = groupKey(seen.node, seen.kind);
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { subject: seen.subject, node: seen.node, kind: seen.kind, names: new Map() }));
    if (!group.names.has(seen.name)) group.names.set(seen.name, seen.first);
    changed.add(group);
  };

  const adopt = (group: Group, source: string, covers: readonly { readonly name: Bytes }[]): LearnedPattern => {
    const anchored = `^${source}$`;
    const facts: EdgeFacts = { kind: group.kind, first: Infinity as Ms, last: 0 as Ms, count: 0, traits: 0 };
    const distinct = new Set(covers.map((c) => c.name));
    for (const name of distinct) {
      const object = printObject({ kind: group.kind, name });
      const old = factsOf(group.node, object);
      if (old) {
        facts.first = old.first < facts.first ? old.first : facts.first;
        facts.last = old.last > facts.last ? old.last : facts.last;
        facts.count += old.count;
        graph.dropEdge(group.node, object);
        if (graph.degree(object) === 0) graph.dropNode(object);
      }
      group.names.delete(name);
    }
    graph.mergeDirectedEdge(group.node, patternNode(group.kind, anchored), facts);
    const compiled = { regex: new RegExp(anchored), facts: factsOf(group.node, patternNode(group.kind, anchored)) ?? facts };
    const key = groupKey(group.node, group.kind);
    const known = patterns.get(key);
    if (known) known.push(compiled);
    else patterns.set(key, [compiled]);
    return { subject: group.node, kind: group.kind, source: anchored, witnesses: [...distinct].slice(0, WITNESSES), names: distinct.size };
  };

  return {
    graph,

    learn(seen) {
      const facts = match(seen.node, seen);
      if (facts) {
        count(facts, seen);
        return;
      }
      const old = factsOf(seen.node, seen.object);
      graph.mergeDirectedEdge(seen.node, seen.object, {
        kind: seen.kind, first: old?.first ?? seen.first, last: seen.last, count: (old?.count ?? 0) + seen.count, traits: (old?.traits ?? 0) | seen.traits,
      } satisfies EdgeFacts);
      index(seen);
      remember(seen);
    },

    knows(seen) {
      let facts = match(seen.node, seen);
      if (!facts && seen.subject.exe === UNKNOWN && seen.kind === 'exec') return ran.has(ranKey(seen.object, !seen.object.endsWith('@?')));
      if (!facts && seen.subject.service === UNKNOWN) {
        for (const node of siblings.get(withoutService(seen.subject)) ?? []) if ((facts = match(node, seen))) break;
      }
      if (facts) count(facts, seen);
      return facts !== undefined;
    },

    generalise() {
      const learned: LearnedPattern[] = [];
      for (const group of changed) {
        const examples = [...group.names].map(([name, first]) => ({ name, first }));
        const found = group.kind === 'connect' ? generaliseHosts(group.subject, examples) : generalise(examples);
        for (const { source, covers } of found) learned.push(adopt(group, source, covers));
      }
      changed.clear();
      return learned;
    },
  };
};
