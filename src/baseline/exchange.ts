import { createHash } from 'node:crypto';
import { allRows } from '../audit/rows.ts';
import { bytes, ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import { ARROW, FILE_KINDS, parseObject, parseSubject, printObject } from '../behaviour/edge.ts';
import type { EdgeKind, NodeText } from '../behaviour/edge.ts';
import { Trait } from '../behaviour/handler.ts';
import { RIPE } from './baseline.ts';
import type { BaselineState } from './baseline.ts';
import { isPattern } from './generalise.ts';

// A baseline as text that a person reads, compares and signs: a header, then one JSON object a line, sorted by edge. All is ASCII.

/** What one line holds. */
export interface Entry {
  /** The edge, or `SUBJECT->KIND PATTERN`. Tells the entry from the others. */
  readonly edge: string;
  readonly subject: NodeText;
  readonly kind: EdgeKind;
  /** Anchored regular expression over raw names; the object of an edge otherwise. */
  readonly pattern?: string;
  readonly object?: string;
  /** One of the names behind a pattern, raw. */
  readonly witness?: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** What of its nature is known: bits of {@link Trait}. In the text their names. */
  readonly traits: number;
  readonly units: number;
  readonly unit: number;
}

/** First line. */
interface Header {
  readonly format: 'fullmon-baseline';
  readonly version: 1;
  /** Time of the log up to which it was learned, ms. */
  readonly created: number;
  readonly edges: number;
  readonly patterns: number;
  /** Units of time in which edges were counted: their length in ms, how many there were, and the latest. */
  readonly unit: number;
  readonly units: number;
  readonly latest: number;
  /** Of all that follows. */
  readonly sha256: string;
}

export interface Exported {
  readonly header: Header;
  readonly entries: readonly Entry[];
}

const VERSION = 1;
const KINDS: ReadonlySet<string> = new Set<EdgeKind>(['exec', 'connect', 'listen', 'sock', 'trace', 'kernel', ...FILE_KINDS]);

const ascii = (value: object): string => JSON.stringify(value).replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

const hashOf = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex');

const namesOf = (traits: number): readonly string[] => Object.entries(Trait).flatMap(([name, bit]) => ((traits & bit) === 0 ? [] : [name]));

const traitsOf = (names: unknown): number | undefined => {
  if (names === undefined) return 0;
  const known: readonly (readonly [string, number])[] = Object.entries(Trait);
  const bits = Array.isArray(names) ? names.map((name) => known.find(([other]) => other === name)?.[1]) : [undefined];
  return bits.reduce((sum, bit) => (sum === undefined || bit === undefined ? undefined : sum | bit), 0);
};

const byEdge = (a: Entry, b: Entry): number => (a.edge < b.edge ? -1 : a.edge > b.edge ? 1 : 0);

/** All that is known, sorted by edge. */
export const entriesOf = ({ groups }: BaselineState): readonly Entry[] =>
  groups.rows.flatMap(([, { node, kind, names, patterns }]) => [
    ...names.rows.map(([name, , first, age, count, traits, units, unit]) => {
      const object = printObject({ kind, name });
      return { edge: node + ARROW + object, subject: node, kind, object, first, last: first + age, count, traits, units, unit };
    }),
    ...patterns.rows.map(([pattern, witness, first, age, count, traits, units, unit]) =>
      ({ edge: `${node}${ARROW}${kind.toUpperCase()} ${pattern}`, subject: node, kind, pattern, witness, first, last: first + age, count, traits, units, unit })),
  ]).toSorted(byEdge);

/** The text of a baseline. */
export const printBaseline = (state: BaselineState, created: Ms): string => {
  const entries = entriesOf(state);
  const body = entries.map(({ edge, subject, object, traits, ...entry }) => `${ascii({ ...(object === undefined ? { subject } : { edge }), ...entry, ...(traits === 0 ? {} : { traits: namesOf(traits) }) })}\n`).join('');
  const patterns = entries.filter(({ pattern }) => pattern !== undefined).length;
  const { length: unit, seen: units, latest } = state.units;
  const header: Header = { format: 'fullmon-baseline', version: VERSION, created, edges: entries.length - patterns, patterns, unit, units, latest, sha256: hashOf(body) };
  return `${ascii(header)}\n${body}`;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const read = (line: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const whole = (value: unknown, least = 0): number | undefined => (typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : undefined);

const isKind = (kind: unknown): kind is EdgeKind => typeof kind === 'string' && KINDS.has(kind);
/** One char a byte. */
const isRaw = (text: unknown): text is string => typeof text === 'string' && /^[\0-\xff]*$/.test(text);
const isNode = (text: unknown): text is NodeText => typeof text === 'string' && parseSubject(text) !== undefined;

const parseEntry = (line: string): Entry | undefined => {
  const value = read(line);
  if (value === undefined || !isKind(value['kind'])) return undefined;
  const { kind, edge, pattern, witness } = value;
  const [first, last, count, units] = ['first', 'last', 'count', 'units'].map((name) => whole(value[name]));
  const traits = traitsOf(value['traits']);
  const unit = whole(value['unit'], -1);
  if (first === undefined || last === undefined || count === undefined || traits === undefined || units === undefined || unit === undefined) return undefined;
  const facts = { first, last, count, traits, units, unit };
  if (typeof edge === 'string') {
    const at = edge.indexOf(ARROW);
    const [subject, object] = [edge.slice(0, at), edge.slice(at + ARROW.length)];
    return at > 0 && isNode(subject) && parseObject(object)?.kind === kind ? { edge, subject, kind, object, ...facts } : undefined;
  }
  const { subject } = value;
  if (!isNode(subject) || !isRaw(pattern) || !isRaw(witness) || !isPattern(pattern)) return undefined;
  return { edge: `${subject}${ARROW}${kind.toUpperCase()} ${pattern}`, subject, kind, pattern, witness, ...facts };
};

const parseHeader = (line: string): Header | undefined => {
  const value = read(line);
  if (value?.['format'] !== 'fullmon-baseline' || value['version'] !== VERSION || typeof value['sha256'] !== 'string') return undefined;
  const [created, edges, patterns, unit, units] = ['created', 'edges', 'patterns', 'unit', 'units'].map((name) => whole(value[name]));
  const latest = whole(value['latest'], -1);
  if (created === undefined || edges === undefined || patterns === undefined || unit === undefined || unit === 0 || units === undefined || latest === undefined) return undefined;
  return { format: 'fullmon-baseline', version: VERSION, created, edges, patterns, unit, units, latest, sha256: value['sha256'] };
};

/** Reads what {@link printBaseline} printed. Throws an `Error` that says what is wrong with it. */
export const parseBaseline = (text: string): Exported => {
  const end = text.indexOf('\n') + 1;
  const header = parseHeader(text.slice(0, end));
  if (header === undefined) throw new Error('is no baseline of this version of fullmon: its first line says nothing known');
  const body = text.slice(end);
  if (hashOf(body) !== header.sha256) throw new Error('does not match its checksum: it was cut off or changed');
  const entries = body.split('\n').slice(0, -1).map((line, i) => {
    const entry = parseEntry(line);
    if (entry === undefined) throw new Error(`says nothing known in line ${i + 2}`);
    return entry;
  });
  return { header, entries };
};

const facts = ({ first, last, count, traits, units, unit }: Entry) => [ms(first), last - first, count, traits, units, unit] as const;

/** The state of a baseline that has learned this and nothing else. */
export const restoreBaseline = ({ header, entries }: Exported): BaselineState => {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const group = `${entry.kind} ${entry.subject}`;
    const others = groups.get(group);
    if (others) others.push(entry);
    else groups.set(group, [entry]);
  }
  return {
    groups: allRows([...groups.values()].flatMap((all, number) => {
      const [some] = all;
      if (some === undefined) return [];
      const names = all.flatMap((entry) => {
        const name = parseObject(entry.object ?? '')?.name;
        return name === undefined ? [] : [[name, 'graph', ...facts(entry)] as const];
      });
      const patterns = all.flatMap((entry) => (entry.pattern === undefined ? [] : [[entry.pattern, bytes(entry.witness ?? ''), ...facts(entry)] as const]));
      return [[number, { node: some.subject, kind: some.kind, names: allRows(names), patterns: allRows(patterns), ripe: 2 * names.length + RIPE, settled: 0 }] as const];
    })),
    counts: allRows([]),
    changed: [],
    units: { length: ms(header.unit), seen: header.units, latest: header.latest },
    learned: allRows([]),
    full: { refused: 0, group: '' },
  };
};

export interface Difference {
  readonly change: 'added' | 'removed' | 'changed';
  readonly entry: Entry;
}

/** What the second has that the first has not, what it lacks, and what may do more or less in it; sorted by edge. How often counts for nothing. */
export const differences = (before: readonly Entry[], after: readonly Entry[]): readonly Difference[] => {
  const old = new Map(before.map((entry) => [entry.edge, entry]));
  const found = after.flatMap((entry): readonly Difference[] => {
    const was = old.get(entry.edge);
    old.delete(entry.edge);
    return was === undefined ? [{ change: 'added', entry }] : was.traits !== entry.traits ? [{ change: 'changed', entry }] : [];
  });
  return [...found, ...[...old.values()].map((entry): Difference => ({ change: 'removed', entry }))].toSorted((a, b) => byEdge(a.entry, b.entry));
};
