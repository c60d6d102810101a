import { bytes } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { ARROW, FILE_KINDS, isFile, parseSubject, printObject } from '../behaviour/edge.ts';
import type { EdgeKind, NodeText, Subject } from '../behaviour/edge.ts';
import { dirName } from '../behaviour/paths.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { find } from './group.ts';
import type { BaselineGraph, Group, Groups } from './group.ts';

/** In what a known edge differs from an unseen one, nearest first; where others have one too, that of the subject itself is taken. */
export const NEARNESS = [
  /** The very edge, without a trait that it has now. */
  'other trait',
  /** This subject does something else with this object. */
  'other action',
  /** The same programs under another user, on behalf of another service, in another container. */
  'other user', 'other service', 'other container',
  /** Another program does this with this object. */
  'other parent',
  /** The same host. */
  'other port',
  /** This subject runs this program for another script. */
  'other script',
  /** In the same directory. */
  'other name',
  /** This subject on the same port. */
  'other host',
  /** This subject in this way with something else altogether. */
  'other child',
] as const;
export type Nearness = (typeof NEARNESS)[number];

/** A known edge beside an unseen one. */
export interface Nearest {
  readonly how: Nearness;
  readonly subject: NodeText;
  /** A pattern has its expression, from `^` to `$`, in place of a name. */
  readonly object: NodeText;
  readonly last: Ms;
  readonly count: number;
}

/** What is new about an unseen edge. */
export interface Novelty {
  /** This subject has done anything, or has been started by somebody. */
  readonly subjectKnown: boolean;
  /** Its program (with its script) has, whoever it ran as. */
  readonly programKnown: boolean;
  /** To anybody: the program (with its script) was run, the host contacted, the port listened on, the file touched. */
  readonly objectKnown: boolean;
  /** This subject did other things in this way; so many, a pattern counts as one. */
  readonly kindKnown: boolean;
  readonly edgesOfKind: number;
  /** This subject connected to, or listened on, this port. */
  readonly portKnown: boolean;
  /** This subject did this in this directory; anybody did. Of an exec, that in which the program lies. */
  readonly directoryKnown: boolean;
  readonly directoryUsed: boolean;
}

/** So many known edges are looked at for each question and relation: a flood of unseen edges is a flood of questions. */
const MAX_SCANNED = 64;

/** Prefixes of the places that edges have in common. */
const HOST = 'host:';
const PORT = 'port:';
const DIRECTORY = 'dir:';

const programOf = ({ exe, script }: Subject): string => `${exe}\0${script}`;

/** What an edge can have in common with others, nearest first. */
const placesOf = (kind: EdgeKind, name: Bytes): readonly string[] => {
  if (kind === 'exec') {
    const child = parseSubject(name);
    return child ? [DIRECTORY + dirName(child.exe)] : [];
  }
  if (kind === 'connect' || kind === 'listen') {
    const colon = name.lastIndexOf(':');
    const port = PORT + name.slice(colon + 1);
    return kind === 'listen' ? [port] : [HOST + name.slice(0, colon), port];
  }
  return isFile(kind) || kind === 'sock' ? [DIRECTORY + dirName(name)] : [];
};

const RELATION: Readonly<Record<string, Nearness>> = { [HOST]: 'other port', [PORT]: 'other host', [DIRECTORY]: 'other name' };
const relationOf = (place: string): Nearness => RELATION[place.slice(0, place.indexOf(':') + 1)] ?? 'other child';

/** How two subjects that run the same program differ; undefined when they run another one. */
const identity = (a: Subject, b: Subject): Nearness | undefined =>
  a.exe !== b.exe || a.script !== b.script ? undefined
  : a.euid !== b.euid || a.login !== b.login ? 'other user'
  : a.container === b.container ? 'other service' : 'other container';

/** Do the edges that other subjects have in a place tell something, too? Everybody runs programs of /usr/bin, and talks to port 443. */
const speaksOfOthers = (kind: EdgeKind, how: Nearness): boolean => how === 'other port' || (how === 'other name' && kind !== 'exec');

const first = function* <T>(some: Iterable<T> = []): Generator<T> {
  let scanned = 0;
  for (const one of some) {
    if (++scanned > MAX_SCANNED) return;
    yield one;
  }
};

export interface Neighbourhood {
  /** Takes in a name that the group has got. */
  readonly add: (group: Group, name: Bytes) => void;
  readonly novelty: (seen: Sighting) => Novelty;
  readonly nearest: (seen: Sighting) => readonly Nearest[];
}

/** What is known around edges that are not, for all groups there are; names that come later are added. */
export const openNeighbourhood = (graph: BaselineGraph, bySubject: ReadonlyMap<string, Groups>): Neighbourhood => {
  /** Who was in a place in one way, and with which name first. */
  const visitors: Partial<Record<EdgeKind, Map<string, Map<Group, Bytes>>>> = {};
  /** Subjects by their program, also those that were only started. */
  const programs = new Map<string, Set<string>>();

  const note = (program: string, node: string): void => {
    const nodes = programs.get(program);
    if (nodes) nodes.add(node);
    else programs.set(program, new Set([node]));
  };

  // By both in turn: a place of 4 KB is dear to put into one text with each of seven kinds.
  const visitorsOf = (kind: EdgeKind, place: string): Map<Group, Bytes> | undefined => visitors[kind]?.get(place);

  const add = (group: Group, name: Bytes): void => {
    note(programOf(group.subject), group.node);
    const child = group.kind === 'exec' ? parseSubject(name) : undefined;
    if (child) note(programOf(child), name);
    for (const place of placesOf(group.kind, name)) {
      const groups = visitorsOf(group.kind, place);
      if (groups === undefined) (visitors[group.kind] ??= new Map()).set(place, new Map([[group, name]]));
      else if (!groups.has(group)) groups.set(group, name);
    }
  };

  for (const groups of bySubject.values()) {
    for (const group of Object.values(groups)) {
      for (const name of group.names.keys()) add(group, name);
      for (const { witness } of group.patterns) add(group, witness);
    }
  }

  /** Who has an edge to the object, by name. */
  const holders = (kind: EdgeKind, name: Bytes): readonly Group[] => {
    const object = printObject({ kind, name });
    const found: Group[] = [];
    if (!graph.hasNode(object)) return found;
    let scanned = 0;
    graph.someInEdge(object, (_, __, source) => {
      const group = bySubject.get(source)?.[kind];
      if (group) found.push(group);
      return ++scanned >= MAX_SCANNED;
    });
    return found;
  };

  const isFileKnown = (name: Bytes): boolean => {
    const place = DIRECTORY + dirName(name);
    // Where nobody was there is nothing to look up: a name of 4 KB is dear to print seven times.
    return FILE_KINDS.some((kind) => {
      const there = visitorsOf(kind, place);
      return there !== undefined && (graph.hasNode(printObject({ kind, name })) || [...first(there.keys())].some((group) => find(group, name)));
    });
  };

  const isObjectKnown = ({ kind, name }: Sighting, places: readonly string[]): boolean => {
    if (kind === 'exec') {
      const child = parseSubject(name);
      return child !== undefined && programs.has(programOf(child));
    }
    if (isFile(kind)) return isFileKnown(name);
    return graph.hasNode(printObject({ kind, name })) || places.some((place) => place.startsWith(HOST) && visitorsOf(kind, place));
  };

  return {
    add,

    novelty(seen) {
      const { node, subject, kind, name } = seen;
      const own = bySubject.get(node)?.[kind];
      const alike = programs.get(programOf(subject));
      const places = placesOf(kind, name);
      const isUsed = (prefix: string): boolean => places.some((place) => place.startsWith(prefix) && visitorsOf(kind, place));
      const isOwn = (prefix: string): boolean => own !== undefined && places.some((place) => place.startsWith(prefix) && visitorsOf(kind, place)?.has(own));
      return {
        subjectKnown: alike?.has(node) === true,
        programKnown: alike !== undefined,
        objectKnown: isObjectKnown(seen, places),
        kindKnown: own !== undefined,
        edgesOfKind: own ? own.names.size + own.patterns.size() : 0,
        portKnown: isOwn(PORT),
        directoryKnown: isOwn(DIRECTORY),
        directoryUsed: isUsed(DIRECTORY),
      };
    },

    nearest({ node, subject, kind, name }) {
      const groups = bySubject.get(node) ?? {};
      const own = groups[kind];
      const best = new Map<Nearness, Nearest>();
      /** Takes the edge for the nearest of its sort if it is: own ones before those of others, then the latest. Is there such an edge? */
      const consider = (how: Nearness, group: Group, its: Bytes): boolean => {
        const found = find(group, its);
        if (found === undefined) return false;
        const { facts: { last, count }, pattern } = found;
        const before = best.get(how);
        const isOwn = group.node === node;
        if (before !== undefined && (isOwn === (before.subject === node) ? before.last >= last : !isOwn)) return true;
        best.set(how, { how, subject: group.node, object: printObject({ kind: group.kind, name: pattern ?? its }), last, count });
        return true;
      };
      const considerAnother = (group: Group | undefined): boolean =>
        group !== undefined && group !== own && consider(identity(group.subject, subject) ?? 'other parent', group, name);

      if (own) consider('other trait', own, name);
      if (isFile(kind)) for (const group of Object.values(groups)) if (group !== own && isFile(group.kind)) consider('other action', group, name);
      for (const group of holders(kind, name)) considerAnother(group);
      for (const alike of first(programs.get(programOf(subject)))) considerAnother(bySubject.get(alike)?.[kind]);

      const child = kind === 'exec' ? parseSubject(name) : undefined;
      for (const alike of first(child && programs.get(programOf(child)))) {
        const other = alike === name ? undefined : parseSubject(alike);
        const how = child && other && identity(other, child);
        if (how) for (const group of holders(kind, bytes(alike))) consider(how, group, bytes(alike));
      }
      for (const place of placesOf(kind, name)) {
        const how = relationOf(place);
        const there = visitorsOf(kind, place);
        const mine = own && there?.get(own);
        if (own && mine !== undefined) consider(how, own, mine);
        for (const [group, its] of first(there)) if (!considerAnother(group) && group !== own && speaksOfOthers(kind, how)) consider(how, group, its);
      }
      for (const its of first(own?.names.keys())) {
        const other = child && parseSubject(its);
        const isScript = other !== undefined && other.exe === child?.exe && other.script !== child.script;
        if (own) consider(isScript ? 'other script' : 'other child', own, its);
      }
      for (const { witness } of first(own?.patterns)) if (own) consider('other child', own, witness);

      // The same edge may be near in two ways.
      const told = new Map<string, Nearest>();
      for (const how of NEARNESS) {
        const one = best.get(how);
        const edge = one && one.subject + ARROW + one.object;
        if (one && edge !== undefined && !told.has(edge)) told.set(edge, one);
      }
      return [...told.values()];
    },
  };
};
