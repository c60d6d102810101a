import { DirectedGraph } from 'graphology';
import { allRows, changedRows, noteGone, noteNew, noteOther, openTable, there } from '../audit/rows.ts';
import type { Changes, Rows } from '../audit/rows.ts';
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
import { generalise, isPattern } from './generalise.ts';
import type { Example, Pattern } from './generalise.ts';
import type { BaselineGraph, EdgeFacts, Group, Groups, NamePlace } from './group.ts';
import { generaliseHosts } from './hosts.ts';
import { openNeighbourhood } from './nearest.ts';
import type { Nearest, Neighbourhood, Novelty } from './nearest.ts';
import { newPatterns } from './patterns.ts';
import type { Compiled } from './patterns.ts';
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
  /** How many edges there was no room for, and whose the first was, in words. */
  readonly refused: () => { readonly count: number; readonly first: string };
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
  /** All there is, or what has changed since it was saved last. */
  readonly save: (whole?: boolean) => BaselineState;
}

/** `age`: from the first to the last time, ms: that is a small number, which the engine prints faster. */
type FactsState = readonly [first: Ms, age: number, count: number, traits: number, units: number, unit: number, /** Names the row. */ id?: number];
type NameRow = readonly [name: Bytes, place: NamePlace, ...FactsState];
type PatternRow = readonly [source: string, witness: Bytes, ...FactsState];

/** What has become of an edge that was seen again, by the id of its row. */
type CountRow = readonly [id: number, age: number, count: number, units: number, unit: number];

/** Units of time in which anything was seen; their length in ms. */
interface UnitsState {
  readonly length: Ms;
  seen: number;
  latest: number;
}

/** Edges for which there was no room, and whose the first was. */
interface FullState {
  refused: number;
  group: string;
}

export interface GroupState {
  readonly node: NodeText;
  readonly kind: EdgeKind;
  readonly names: Rows<NameRow>;
  readonly patterns: Rows<PatternRow>;
  readonly ripe: number;
  /** See {@link Group}. */
  readonly settled: number;
}

export interface BaselineState {
  /** By number. */
  readonly groups: Rows<readonly [number: number, GroupState]>;
  /** What is newer than in the rows of groups, see {@link withCounts}: most that changes from one save to the next. */
  readonly counts: Rows<CountRow>;
  /** The numbers of those that are still to be generalised, in order. */
  readonly changed: readonly number[];
  readonly units: Readonly<UnitsState>;
  /** Patterns not handed over yet. */
  readonly learned: Rows<readonly [n: number, pattern: LearnedPattern]>;
  readonly full: Readonly<FullState>;
}

/** What stands for an edge: a name, or a pattern by its source. */
interface Match {
  readonly group: Group;
  readonly facts: EdgeFacts;
  readonly name?: Bytes;
  readonly source?: string;
}

/** What has changed of a group since it was saved. */
interface GroupChanges {
  readonly names: Changes<Bytes>;
  readonly patterns: Changes<string>;
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

const restoreFacts = (kind: EdgeKind, place: NamePlace, [first, age, count, traits, units, unit]: FactsState): EdgeFacts => ({ kind, place, first, last: ms(first + age), count, traits, units, unit, id: -1 });

const placeOf = (place: NamePlace, [, , , , , , id = -1]: FactsState, settled: number): NamePlace => (id >= 0 && id < settled ? 'graph' : place);

/** The state with all counts, and where edges stand, in their rows. */
export const withCounts = (state: BaselineState): BaselineState => {
  const counts = new Map(state.counts.rows.map((row) => [row[0], row]));
  if (counts.size === 0 && state.groups.rows.every(([, { settled }]) => settled === 0)) return state;
  const newest = (facts: FactsState): FactsState => {
    const [first, , , traits, , , id = -1] = facts;
    const row = counts.get(id);
    if (row === undefined) return facts;
    const [, age, count, units, unit] = row;
    return [first, age, count, traits, units, unit];
  };
  return {
    ...state,
    groups: allRows(state.groups.rows.map(([number, group]) => [number, {
      ...group,
      settled: 0,
      names: allRows(group.names.rows.map(([name, place, ...facts]) => [name, placeOf(place, facts, group.settled), ...newest(facts)] as const)),
      patterns: allRows(group.patterns.rows.map(([source, witness, ...facts]) => [source, witness, ...newest(facts)] as const)),
    }] as const)),
    counts: allRows([]),
  };
};

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

  /** Rows that were saved since all was, and those among them that have been seen again since the last save. */
  let ids = 0;
  const again = new Set<EdgeFacts>();

  const countMatch = ({ group, facts, name, source }: Match, seen: Sighting): void => {
    const { first } = facts;
    count(facts, seen);
    if (since === undefined) return;
    if (facts.first === first) {
      again.add(facts);
      return;
    }
    const changes = changesOf(group);
    if (changes === undefined) return;
    if (name !== undefined) noteOther(changes.names, name);
    else if (source !== undefined) noteOther(changes.patterns, source);
  };

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

  const byNumber = openTable<number, Group>();
  let numbers = 0;
  /** Undefined until all is saved for the first time; so is a group in it that has not been saved yet. */
  let since: Map<Group, GroupChanges | undefined> | undefined;

  const changesOf = (group: Group): GroupChanges | undefined => {
    if (since === undefined) return undefined;
    const known = since.get(group);
    if (known !== undefined || since.has(group)) return known;
    const changes = { names: new Map(), patterns: new Map() };
    since.set(group, changes);
    byNumber.touch(group.number);
    return changes;
  };

  const groupOf = ({ node, subject, kind }: Pick<Sighting, 'node' | 'subject' | 'kind'>, number = numbers): Group => {
    let groups = bySubject.get(node);
    if (groups === undefined) {
      bySubject.set(node, (groups = {}));
      logins.add(loginOf(subject));
      const bare = withoutService(subject);
      const alike = siblings.get(bare);
      if (alike) alike.push(node);
      else siblings.set(bare, [node]);
    }
    let group = groups[kind];
    if (group === undefined) {
      group = groups[kind] = { number, node, subject, kind, names: new Map(), patterns: newPatterns(), ripe: RIPE, settled: 0, long: 0 };
      byNumber.set(number, group);
      since?.set(group, undefined);
      numbers = Math.max(numbers, number) + 1;
    }
    return group;
  };

  // Each row has a number of its own. Written out, since there are many: with three dots the engine compiled this three times in a replay, for 8 ms.
  const nameRow = (name: Bytes, facts: EdgeFacts): NameRow =>
    [name, facts.place, facts.first, facts.last - facts.first, facts.count, facts.traits, facts.units, facts.unit, (facts.id = ids++)];
  const patternRow = ({ source, witness, facts }: Compiled): PatternRow =>
    [source, witness, facts.first, facts.last - facts.first, facts.count, facts.traits, facts.units, facts.unit, (facts.id = ids++)];

  const groupRow = (group: Group, changes: GroupChanges | undefined): readonly [number, GroupState] => {
    const { number, node, kind, names, patterns, ripe } = group;
    if (changes === undefined) group.settled = 0;
    return [number, {
      node, kind, ripe, settled: group.settled,
      names: changes ? changedRows(changes.names, (name) => nameRow(name, there(names.get(name)))) : allRows(Array.from(names, ([name, facts]) => nameRow(name, facts))),
      patterns: changes ? changedRows(changes.patterns, (source) => patternRow(there(patterns.get(source)))) : allRows(Array.from(patterns, patternRow)),
    }];
  };

  /** Of edges whose rows were saved before: those below this number. */
  const countRows = (written: number): readonly CountRow[] => {
    const rows: CountRow[] = [];
    again.forEach(({ id, first, last, count, units, unit }) => {
      if (id >= 0 && id < written) rows.push([id, last - first, count, units, unit]);
    });
    again.clear();
    return rows;
  };

  const setName = (group: Group, name: Bytes, facts: EdgeFacts): void => {
    const changes = changesOf(group);
    if (changes) (group.names.has(name) ? noteOther : noteNew)(changes.names, name);
    group.names.set(name, facts);
  };

  const groups = (): Iterable<Group> => byNumber.map.values();
  const room = openRoom(maxEdges, groups);
  const full = saved?.full ? { ...saved.full } : { refused: 0, group: '' };

  /** The node that stands for a program which was run under one of many names. */
  const standInOf = (program: Bytes): Bytes | undefined => {
    const subject = parseSubject(program);
    const standIn = subject && scripts.standFor(subject);
    return standIn && bytes(standIn.node);
  };

  const matchName = (group: Group | undefined, seen: Sighting): Match | undefined => {
    if (group === undefined) return undefined;
    const name = (seen.kind === 'exec' && !group.names.has(seen.name) ? standInOf(seen.name) : undefined) ?? seen.name;
    const facts = group.names.get(name);
    if (facts !== undefined) return (seen.traits & ~facts.traits) === 0 ? { group, facts, name } : undefined;
    const pattern = group.patterns.find(seen.name, (p) => (seen.traits & ~p.facts.traits) === 0 && (seen.end ? p.loose : p.regex).test(seen.name));
    return pattern && { group, facts: pattern.facts, source: pattern.source };
  };

  const match = (node: NodeText, seen: Sighting): Match | undefined => {
    const found = matchName(bySubject.get(node)?.[seen.kind], seen);
    if (found !== undefined) return found;
    const standIn = scripts.standFor(seen.subject);
    return standIn && matchName(bySubject.get(standIn.node)?.[seen.kind], seen);
  };

  /** As it is known, if it is one of many: by the patterns of scripts. */
  const generalised = (seen: Sighting): Sighting => ({
    ...seen, ...scripts.standFor(seen.subject), ...(seen.kind === 'exec' ? { name: standInOf(seen.name) ?? seen.name } : {}),
  });

  /** Puts the edge into the graph; returns its attributes there, which are the ones that count from then on. */
  const keep = (node: NodeText, object: string, facts: EdgeFacts): EdgeFacts => {
    facts.place = 'graph';
    graph.mergeDirectedEdge(node, object, facts);
    return graph.getDirectedEdgeAttributes(node, object);
  };

  /** Several edges as one. */
  const sumUp = (kind: EdgeKind, all: readonly EdgeFacts[]): EdgeFacts => {
    const sum: EdgeFacts = { kind, place: 'pending', first: ms(Infinity), last: ms(0), count: 0, traits: 0, units: 0, unit: -1, id: -1 };
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
      const changes = changesOf(group);
      if (group.names.delete(name) && changes) noteGone(changes.names, name);
      drop(group.node, printObject({ kind: group.kind, name }));
      return facts ?? [];
    }));

  const addPattern = (group: Group, source: string, facts: EdgeFacts, witness: Bytes): void => {
    const { node, kind, patterns } = group;
    const changes = changesOf(group);
    const known = patterns.get(source);
    if (changes) (known ? noteOther : noteNew)(changes.patterns, source);
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
        setName(group, name, keep(node, printObject({ kind, name }), { ...sum }));
      }
      for (const { source, facts, witness } of old.patterns) {
        drop(from, patternNode(kind, source));
        addPattern(group, source, facts, witness);
      }
      changed.delete(old);
      changed.add(group);
      byNumber.delete(old.number);
      since?.delete(old);
    }
    bySubject.delete(from);
    opened = undefined;
  };

  const adoptScripts = (group: Group, { subject, node, source, covers }: ScriptPattern): LearnedPattern => {
    const name = bytes(node);
    const names = covers.map(bytes);
    const facts = take(group, group.names.has(name) ? [name, ...names] : names);
    setName(group, name, keep(group.node, node, facts));
    scripts.add(name);
    ran.add(name).add(runBy(name));
    for (const one of covers) move(one, { node, subject });
    return told(group, source, names);
  };

  const learned = openTable<number, LearnedPattern>(saved?.learned.rows);
  let patternsFound = (saved?.learned.rows.at(-1)?.[0] ?? -1) + 1;
  const found = (pattern: LearnedPattern): void => learned.set(patternsFound++, pattern);

  /** Finds the patterns in a group and puts what is left of its names into the graph. */
  const ripen = (group: Group): void => {
    group.ripe = group.names.size * 2 + RIPE;
    changesOf(group);
    room.recount();
    if (group.kind === 'exec') {
      for (const pattern of findScripts([...group.names].map(([name, { first }]) => [name, first]))) found(adoptScripts(group, pattern));
      group.long = longOf(group);
      return;
    }
    const examples: Example[] = [];
    for (const [name, { first, traits }] of group.names) if (canVary(group.kind, name, traits)) examples.push({ name, first });
    for (const pattern of group.kind === 'connect' ? generaliseHosts(group.subject, examples) : generalise(examples)) found(adopt(group, pattern));
    for (const { name } of examples) {
      const facts = group.names.get(name);
      if (facts === undefined || facts.place === 'graph') continue;
      const kept = keep(group.node, printObject({ kind: group.kind, name }), facts);
      if (kept.id < 0) setName(group, name, kept);
      else group.names.set(name, kept);
    }
    group.settled = ids;
    group.long = longOf(group);
  };

  for (const [number, { node, kind, names, patterns, ripe }] of saved?.groups.rows ?? []) {
    const group = groupOf({ node, subject: restoreSubject(node), kind }, number);
    for (const [name, place, ...state] of names.rows) {
      const facts = restoreFacts(kind, place, state);
      const kept = place === 'pending' ? facts : keep(node, printObject({ kind, name }), { ...facts });
      group.names.set(name, place === 'graph' ? kept : facts);
      if (kind !== 'exec') continue;
      ran.add(name).add(runBy(name));
      scripts.add(name);
    }
    for (const [source, witness, ...state] of patterns.rows) {
      if (!isPattern(source)) throw new TypeError('no pattern');
      group.patterns.add(source, keep(node, patternNode(kind, source), restoreFacts(kind, 'graph', state)), witness);
    }
    group.ripe = ripe;
    group.long = longOf(group);
  }
  for (const number of saved?.changed ?? []) {
    const group = byNumber.map.get(number);
    if (group) changed.add(group);
  }

  return {
    graph,

    learn(seen) {
      const known = match(seen.node, seen);
      if (known) {
        countMatch(known, seen);
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
        ? { ...old, place: old.place === 'pending' ? 'pending' : 'changed', traits: old.traits | seen.traits }
        : { kind: seen.kind, place: 'pending', first: seen.first, last: seen.last, count: 0, traits: seen.traits, units: 0, unit: -1, id: -1 };
      count(facts, seen);
      // A name that may turn out to be one of many goes to the graph once that is decided.
      const varies = canVary(seen.kind, seen.name, seen.traits);
      setName(group, seen.name, varies ? facts : keep(group.node, printObject(seen), facts));
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
      let found = match(seen.node, seen);
      if (!found && seen.subject.exe === UNKNOWN && seen.kind === 'exec') {
        const name = standInOf(seen.name) ?? seen.name;
        return ran.has(name.endsWith('@?') ? runBy(name) : name);
      }
      if (!found && seen.subject.service === UNKNOWN) {
        for (const node of siblings.get(withoutService(seen.subject)) ?? []) if ((found = match(node, seen))) break;
      }
      if (found) countMatch(found, seen);
      return found !== undefined;
    },

    refused: () => ({ count: full.refused, first: full.group }),

    knowsLogin: (subject) => logins.has(loginOf(subject)),
    novelty: (seen) => neighbourhood().novelty(generalised(seen)),
    nearest: (seen) => neighbourhood().nearest(generalised(seen)),

    coverage: (schedules = []) => coverageOf([...groups()], elapsed.seen, elapsed.length, schedules),

    generalise() {
      for (const group of changed) ripen(group);
      changed.clear();
      const patterns = [...learned.map.values()];
      learned.clear();
      return patterns;
    },

    save(whole = true) {
      const before = whole ? undefined : since;
      since = new Map();
      if (before === undefined) ids = 0;
      const written = ids;
      const groupRows = byNumber.save(before === undefined, (group) => groupRow(group, before?.get(group)));
      return {
        groups: groupRows,
        counts: allRows(countRows(written)),
        changed: [...changed].map(({ number }) => number),
        units: { ...elapsed },
        learned: learned.save(before === undefined, (pattern, n) => [n, pattern]),
        full: { ...full },
      };
    },
  };
};
