import { DirectedGraph } from 'graphology';
import { bytes, ms } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { isFile, NONE, parseSubject, printObject, printSubject, UNKNOWN } from '../behaviour/edge.ts';
import type { EdgeKind, NodeText, Subject } from '../behaviour/edge.ts';
import { Trait } from '../behaviour/handler.ts';
import { isProtected } from '../behaviour/places.ts';
import { restoreSubject } from '../behaviour/roster.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { coverageOf } from './coverage.ts';
import type { Coverage, Schedule } from './coverage.ts';
import { generalise } from './generalise.ts';
import type { Example, Pattern } from './generalise.ts';
import type { BaselineGraph, EdgeFacts, Group, Groups } from './group.ts';
import { generaliseHosts } from './hosts.ts';
import { openNeighbourhood } from './nearest.ts';
import type { Nearest, Neighbourhood, Novelty } from './nearest.ts';
import { newPatterns } from './patterns.ts';
import { lengthCost, MAX_EDGES, openRoom } from './room.ts';
import { canVaryByScript, findScripts, openScripts } from './scripts.ts';
import type { ScriptPattern, StandIn } from './scripts.ts';

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
  readonly graph: BaselineGraph;
  /** Takes the edge in as normal, if there is room for it. */
  readonly learn: (seen: Sighting) => void;
  /** In words, that there was no room; undefined when there was, or when that was told before. `isLast`: tells again of those that came since. */
  readonly refused: (isLast: boolean) => string | undefined;
  /** Is the edge normal? Counts it up if so. */
  readonly knows: (seen: Sighting) => boolean;
  /** Has this login been seen on behalf of this service? */
  readonly knowsLogin: (subject: Subject) => boolean;
  /** How new the ends of an unseen edge are. */
  readonly novelty: (seen: Sighting) => Novelty;
  /** What is known and comes nearest to an unseen edge, nearest first. */
  readonly nearest: (seen: Sighting) => readonly Nearest[];
  /** How much of what is normal has been seen, and of what is due by the clock. */
  readonly coverage: (schedules?: readonly Schedule[]) => Coverage;
  /** Generalises what has been learned since the last call; returns the new patterns. */
  readonly generalise: () => readonly LearnedPattern[];
  readonly save: () => BaselineState;
}

type FactsState = readonly [first: Ms, last: Ms, count: number, traits: number, units: number, unit: number];

/** Units of time in which anything was seen; their length in ms. */
interface UnitsState {
  readonly length: Ms;
  seen: number;
  latest: number;
}

/** Edges for which there was no room, how many were told of, and whose the first was. */
interface FullState {
  refused: number;
  told: number;
  group: string;
}

/** Whether a name stands in the graph: not yet, with these facts, or with older ones until it is generalised again. */
type NamePlace = 'pending' | 'graph' | 'changed';

export interface BaselineState {
  readonly groups: readonly {
    readonly node: NodeText;
    readonly kind: EdgeKind;
    readonly names: readonly (readonly [name: Bytes, place: NamePlace, ...FactsState])[];
    readonly patterns: readonly (readonly [source: string, witness: Bytes, ...FactsState])[];
    readonly ripe: number;
  }[];
  /** Which of the groups are still to be generalised, in order. */
  readonly changed: readonly number[];
  readonly units: Readonly<UnitsState>;
  /** Patterns not handed over yet. */
  readonly learned: readonly LearnedPattern[];
  readonly full: Readonly<FullState>;
}

const WITNESSES = 3;
/** So many names of one kind tell what there is to tell: of the next hundred thousand only those that differ need to be kept. */
export const RIPE = 256;

/** Patterns are nodes too; the prefix keeps a file whose name is the text of a pattern from being one. */
const patternNode = (kind: EdgeKind, source: string): string => `pattern:${kind}:${source}`;

/** Traits that no pattern may cover: a generated name is no excuse for a program. */
const EXACT = Trait.executable | Trait.setId;

const withoutService = (subject: Subject): NodeText => printSubject({ ...subject, service: NONE });

/** A program and its user, whoever started it and on whose behalf. */
const runBy = (object: Bytes): string => {
  const at = object.lastIndexOf('@');
  return at < 0 ? object : object.slice(0, at);
};

const loginOf = ({ login, service }: Subject): string => `${login} ${service}`;

const canVary = (kind: EdgeKind, name: Bytes, traits: number): boolean =>
  isFile(kind) ? (traits & EXACT) === 0 && !isProtected(name) : kind === 'connect';

const saveFacts = ({ first, last, count, traits, units, unit }: EdgeFacts): FactsState => [first, last, count, traits, units, unit];
const restoreFacts = (kind: EdgeKind, [first, last, count, traits, units, unit]: FactsState): EdgeFacts => ({ kind, first, last, count, traits, units, unit });

const longOf = ({ names }: Group): number => {
  let long = 0;
  for (const name of names.keys()) long += lengthCost(name);
  return long;
};

const describeGroup = ({ node, kind }: Pick<Group, 'node' | 'kind'>): string => `kind ${kind} by ${node.length > 200 ? `${node.slice(0, 200)}...` : node}`;

const told = (group: Group, source: string, names: readonly Bytes[]): LearnedPattern => ({
  subject: group.node, kind: group.kind, source, witnesses: names.slice(0, WITNESSES), names: names.length,
});

/** `unit`: see `unitOf`; a saved baseline keeps its own. */
export const newBaseline = (unit: Ms, saved?: BaselineState, maxEdges = MAX_EDGES): Baseline => {
  const elapsed: UnitsState = saved ? { ...saved.units } : { length: unit, seen: 0, latest: -1 };
  const graph: BaselineGraph = new DirectedGraph();
  // The graph is the baseline; these find an edge in it by two look-ups, and hold the names not generalised yet.
  const bySubject = new Map<NodeText, Groups>();
  const changed = new Set<Group>();
  // What is compared when the parent or the service is unknown.
  const ran = new Set<string>();
  const siblings = new Map<NodeText, NodeText[]>();
  const scripts = openScripts();
  // Made for the first unseen edge: what only learns needs none.
  let opened: Neighbourhood | undefined;
  const neighbourhood = (): Neighbourhood => (opened ??= openNeighbourhood(graph, bySubject));
  const logins = new Set<string>();

  const unitAt = (time: Ms): number => Math.floor(time / elapsed.length);

  const count = (facts: EdgeFacts, seen: Sighting): void => {
    facts.count += seen.count;
    if (seen.last > facts.last) facts.last = seen.last;
    if (seen.first < facts.first) facts.first = seen.first;
    for (let unit = unitAt(seen.first); ; unit = unitAt(seen.last)) {
      if (unit > facts.unit) {
        facts.units++;
        facts.unit = unit;
      }
      if (unit > elapsed.latest) {
        elapsed.seen++;
        elapsed.latest = unit;
      }
      if (unit === unitAt(seen.last)) return;
    }
  };

  const groupOf = ({ node, subject, kind }: Pick<Sighting, 'node' | 'subject' | 'kind'>): Group => {
    let groups = bySubject.get(node);
    if (groups === undefined) {
      bySubject.set(node, (groups = {}));
      logins.add(loginOf(subject));
      const bare = withoutService(subject);
      const alike = siblings.get(bare);
      if (alike) alike.push(node);
      else siblings.set(bare, [node]);
    }
    return (groups[kind] ??= { node, subject, kind, names: new Map(), patterns: newPatterns(), ripe: RIPE, long: 0 });
  };

  const groups = function* (): Generator<Group> {
    for (const kinds of bySubject.values()) yield* Object.values(kinds);
  };
  const room = openRoom(maxEdges, groups);
  const full = saved?.full ? { ...saved.full } : { refused: 0, told: 0, group: '' };

  /** The node that stands for a program which was run under one of many names. */
  const standInOf = (program: Bytes): Bytes | undefined => {
    const subject = parseSubject(program);
    const standIn = subject && scripts.standFor(subject);
    return standIn && bytes(standIn.node);
  };

  const matchName = (group: Group | undefined, seen: Sighting): EdgeFacts | undefined => {
    if (group === undefined) return undefined;
    const standIn = seen.kind === 'exec' && !group.names.has(seen.name) ? standInOf(seen.name) : undefined;
    const facts = group.names.get(standIn ?? seen.name);
    if (facts !== undefined) return (seen.traits & ~facts.traits) === 0 ? facts : undefined;
    return group.patterns.find(seen.name, (p) => (seen.traits & ~p.facts.traits) === 0 && (seen.end ? p.loose : p.regex).test(seen.name))?.facts;
  };

  const match = (node: NodeText, seen: Sighting): EdgeFacts | undefined => {
    const facts = matchName(bySubject.get(node)?.[seen.kind], seen);
    if (facts !== undefined) return facts;
    const standIn = scripts.standFor(seen.subject);
    return standIn && matchName(bySubject.get(standIn.node)?.[seen.kind], seen);
  };

  /** As it is known, if it is one of many: by the patterns of scripts. */
  const generalised = (seen: Sighting): Sighting => ({
    ...seen, ...scripts.standFor(seen.subject), ...(seen.kind === 'exec' ? { name: standInOf(seen.name) ?? seen.name } : {}),
  });

  /** Puts the edge into the graph; returns its attributes there, which are the ones that count from then on. */
  const keep = (node: NodeText, object: string, facts: EdgeFacts): EdgeFacts => {
    graph.mergeDirectedEdge(node, object, facts);
    return graph.getDirectedEdgeAttributes(node, object);
  };

  /** Several edges as one. */
  const sumUp = (kind: EdgeKind, all: readonly EdgeFacts[]): EdgeFacts => {
    const sum: EdgeFacts = { kind, first: ms(Infinity), last: ms(0), count: 0, traits: 0, units: 0, unit: -1 };
    const units = new Set<number>();
    for (const facts of all) {
      sum.count += facts.count;
      sum.traits |= facts.traits;
      if (facts.first < sum.first) sum.first = facts.first;
      if (facts.last > sum.last) sum.last = facts.last;
      units.add(unitAt(facts.first)).add(facts.unit);
      if (facts.units > sum.units) sum.units = facts.units;
      if (facts.unit > sum.unit) sum.unit = facts.unit;
    }
    sum.units = Math.max(sum.units, units.size);
    return sum;
  };

  const drop = (node: NodeText, object: string): void => {
    if (!graph.hasDirectedEdge(node, object)) return;
    graph.dropDirectedEdge(node, object);
    for (const end of new Set([node, object])) if (graph.degree(end) === 0) graph.dropNode(end);
  };

  /** Takes names out of a group, for a pattern that stands for them. */
  const take = (group: Group, names: readonly Bytes[]): EdgeFacts =>
    sumUp(group.kind, names.flatMap((name) => {
      const facts = group.names.get(name);
      group.names.delete(name);
      drop(group.node, printObject({ kind: group.kind, name }));
      return facts ?? [];
    }));

  const addPattern = ({ node, kind, patterns }: Group, source: string, facts: EdgeFacts, witness: Bytes): void => {
    const known = patterns.get(source);
    // Names with another trait may make up the same pattern.
    if (known) Object.assign(known.facts, sumUp(kind, [known.facts, facts]));
    else patterns.add(source, keep(node, patternNode(kind, source), { ...facts }), witness);
  };

  const adopt = (group: Group, { source, covers }: Pattern): LearnedPattern => {
    const anchored = `^${source}$`;
    const names = covers.map(({ name }) => name);
    addPattern(group, anchored, take(group, names), names[0] ?? NONE);
    return told(group, anchored, names);
  };

  /** What a program did under one of many names, it did as the one that stands for all. */
  const move = (from: NodeText, { node, subject }: StandIn): void => {
    for (const old of Object.values(bySubject.get(from) ?? {})) {
      const { kind } = old;
      const group = groupOf({ node, subject, kind });
      for (const [name, facts] of old.names) {
        const known = group.names.get(name);
        const sum = known ? sumUp(kind, [known, facts]) : facts;
        drop(from, printObject({ kind, name }));
        group.names.set(name, keep(node, printObject({ kind, name }), { ...sum }));
      }
      for (const { source, facts, witness } of old.patterns) {
        drop(from, patternNode(kind, source));
        addPattern(group, source, facts, witness);
      }
      changed.delete(old);
      changed.add(group);
    }
    bySubject.delete(from);
    opened = undefined;
  };

  const adoptScripts = (group: Group, { subject, node, source, covers }: ScriptPattern): LearnedPattern => {
    const name = bytes(node);
    const names = covers.map(bytes);
    const facts = take(group, group.names.has(name) ? [name, ...names] : names);
    group.names.set(name, keep(group.node, node, facts));
    scripts.add(name);
    ran.add(name).add(runBy(name));
    for (const one of covers) move(one, { node, subject });
    return told(group, source, names);
  };

  const learned: LearnedPattern[] = [...(saved?.learned ?? [])];

  /** Finds the patterns in a group and puts what is left of its names into the graph. */
  const ripen = (group: Group): void => {
    group.ripe = group.names.size * 2 + RIPE;
    room.recount();
    if (group.kind === 'exec') {
      for (const pattern of findScripts([...group.names].map(([name, { first }]) => [name, first]))) learned.push(adoptScripts(group, pattern));
      group.long = longOf(group);
      return;
    }
    const examples: Example[] = [];
    for (const [name, { first, traits }] of group.names) if (canVary(group.kind, name, traits)) examples.push({ name, first });
    const found = group.kind === 'connect' ? generaliseHosts(group.subject, examples) : generalise(examples);
    for (const pattern of found) learned.push(adopt(group, pattern));
    for (const { name } of examples) {
      const facts = group.names.get(name);
      if (facts) group.names.set(name, keep(group.node, printObject({ kind: group.kind, name }), facts));
    }
    group.long = longOf(group);
  };

  const placeOf = (node: NodeText, object: NodeText, facts: EdgeFacts): NamePlace =>
    !graph.hasDirectedEdge(node, object) ? 'pending' : graph.getDirectedEdgeAttributes(node, object) === facts ? 'graph' : 'changed';

  const restored = (saved?.groups ?? []).map(({ node, kind, names, patterns, ripe }) => {
    const group = groupOf({ node, subject: restoreSubject(node), kind });
    for (const [name, place, ...state] of names) {
      const facts = restoreFacts(kind, state);
      const kept = place === 'pending' ? facts : keep(node, printObject({ kind, name }), { ...facts });
      group.names.set(name, place === 'graph' ? kept : facts);
      if (kind !== 'exec') continue;
      ran.add(name).add(runBy(name));
      scripts.add(name);
    }
    for (const [source, witness, ...state] of patterns) {
      group.patterns.add(source, keep(node, patternNode(kind, source), restoreFacts(kind, state)), witness);
    }
    group.ripe = ripe;
    group.long = longOf(group);
    return group;
  });
  for (const index of saved?.changed ?? []) {
    const group = restored[index];
    if (group) changed.add(group);
  }

  return {
    graph,

    learn(seen) {
      const known = match(seen.node, seen);
      if (known) {
        count(known, seen);
        return;
      }
      const whose = { ...seen, ...scripts.standFor(seen.subject) };
      const before = bySubject.get(whose.node)?.[seen.kind];
      const old = before?.names.get(seen.name);
      if (old === undefined && !room.take(before, seen.kind, seen.name)) {
        if (full.refused++ === 0) full.group = describeGroup(whose);
        return;
      }
      const group = groupOf(whose);
      if (old === undefined) group.long += lengthCost(seen.name);
      const facts: EdgeFacts = old
        ? { ...old, traits: old.traits | seen.traits }
        : { kind: seen.kind, first: seen.first, last: seen.last, count: 0, traits: seen.traits, units: 0, unit: -1 };
      count(facts, seen);
      // A name that may turn out to be one of many goes to the graph once that is decided.
      const varies = canVary(seen.kind, seen.name, seen.traits);
      group.names.set(seen.name, varies ? facts : keep(group.node, printObject(seen), facts));
      opened?.add(group, seen.name);
      if (seen.kind === 'exec') {
        ran.add(seen.name).add(runBy(seen.name));
        const program = parseSubject(seen.name);
        if (program === undefined || !canVaryByScript(program)) return;
      } else if (!varies) return;
      changed.add(group);
      if (group.names.size >= group.ripe) ripen(group);
    },

    knows(seen) {
      let facts = match(seen.node, seen);
      if (!facts && seen.subject.exe === UNKNOWN && seen.kind === 'exec') {
        const name = standInOf(seen.name) ?? seen.name;
        return ran.has(name.endsWith('@?') ? runBy(name) : name);
      }
      if (!facts && seen.subject.service === UNKNOWN) {
        for (const node of siblings.get(withoutService(seen.subject)) ?? []) if ((facts = match(node, seen))) break;
      }
      if (facts) count(facts, seen);
      return facts !== undefined;
    },

    refused(isLast) {
      const { refused, told: before, group } = full;
      if (refused === before || (before > 0 && !isLast)) return undefined;
      full.told = refused;
      return `the graph is full (${maxEdges} edges): ${refused} new edges were not learned, first those of ${group}; they stay new`;
    },

    knowsLogin: (subject) => logins.has(loginOf(subject)),
    novelty: (seen) => neighbourhood().novelty(generalised(seen)),
    nearest: (seen) => neighbourhood().nearest(generalised(seen)),

    coverage: (schedules = []) => coverageOf([...groups()], elapsed.seen, elapsed.length, schedules),

    generalise() {
      for (const group of changed) ripen(group);
      changed.clear();
      return learned.splice(0);
    },

    save() {
      const all = [...groups()];
      const index = new Map(all.map((group, i) => [group, i]));
      return {
        groups: all.map(({ node, kind, names, patterns, ripe }) => ({
          node, kind, ripe,
          names: [...names].map(([name, facts]) => [name, placeOf(node, printObject({ kind, name }), facts), ...saveFacts(facts)]),
          patterns: [...patterns].map(({ source, witness, facts }) => [source, witness, ...saveFacts(facts)]),
        })),
        changed: [...changed].map((group) => index.get(group) ?? 0),
        units: { ...elapsed },
        learned: [...learned],
        full: { ...full },
      };
    },
  };
};
