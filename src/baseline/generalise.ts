import type { Bytes, Ms } from '../audit/units.ts';

/** One literal name that was learned. */
export interface Example {
  readonly name: Bytes;
  readonly first: Ms;
}

/** A narrow regular expression over whole names, and the examples it stands for. */
export interface Pattern {
  /** Source of a regular expression without anchors. */
  readonly source: string;
  readonly covers: readonly Example[];
}

/** A name cut at everything that is no letter or digit: tokens at even places, separators at odd ones. */
interface Cut {
  readonly example: Example;
  readonly parts: readonly string[];
}

/** A column's part of the expression, and how much it takes to believe it. */
interface Column {
  readonly source: string;
  readonly cuts: readonly Cut[];
  /** Distinct names needed; 0 for a literal, which needs none. */
  readonly evidence: number;
}

/** Names that look generated beyond doubt (long or of a fixed random shape) need no more than to be seen twice. */
const STRONG = 2;
/** A few digits can be anything: version, port, day. */
const WEAK = 4;

const DIGITS = /^[0-9]+$/;
const WORD_NUMBER = /^([A-Za-z]{3,})([0-9A-Za-z_]+)$/;

/** What a server would run when asked for it by name: never part of a pattern, wherever it lies. */
const RUNNABLE = /\.(?:php\d?|phtml|phar|inc|jspx?|jsw|aspx?|ashx|cgi|fcgi|pl|py|rb|sh|lua|so|ko|service|timer)(?:\.|$)/i;

export const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

const lengths = (values: readonly string[]): string => {
  const all = values.map((v) => v.length);
  const min = Math.min(...all);
  const max = Math.max(...all);
  return min === max ? `{${min}}` : `{${min},${max}}`;
};

/** Lengths of numbers; those that follow one another without a gap are a counter, and it will go on. */
const counted = (values: readonly string[]): string => {
  const numbers = new Set(values.map(Number));
  const max = Math.max(...numbers);
  return numbers.size >= WEAK && max - Math.min(...numbers) + 1 === numbers.size ? lengths([...values, String(max + numbers.size)]) : lengths(values);
};

/** Does this token look made by a generator rather than by a person? Digits among letters, odd case, or a run no tongue can speak. */
const looksRandom = (token: string): boolean =>
  token.length >= 4 && (/[0-9][A-Za-z]|[A-Za-z][0-9]+[A-Za-z]/.test(token) || /[a-z][A-Z]|[A-Z]{2}[a-z]/.test(token) || /[b-df-hj-np-tv-xz]{4}/i.test(token));

/** The same as a condition inside a pattern: without a literal beside it, a run of letters would let any word of its length through. */
const NO_WORD = '(?=[A-Za-z]*(?:[0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]|[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{4}))';

const ALPHABETS: readonly (readonly [test: RegExp, source: string])[] = [
  [/^[0-9a-f]+$/, '[0-9a-f]'],
  [/^[0-9A-F]+$/, '[0-9A-F]'],
  [/^[0-9a-v]+$/, '[0-9a-v]'],
  [/^[0-9a-z]+$/, '[0-9a-z]'],
  [/^[0-9A-Z]+$/, '[0-9A-Z]'],
  [/^[0-9A-Za-z]+$/, '[0-9A-Za-z]'],
];

const alphabetOf = (values: readonly string[]): string => ALPHABETS.find(([test]) => values.every((v) => test.test(v)))?.[1] ?? '[0-9A-Za-z]';

const groupBy = <T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> => {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group) group.push(item);
    else groups.set(k, [item]);
  }
  return groups;
};

/** The typed column for values that all vary, or undefined when nothing narrow describes them. */
const typed = (prefix: string, cuts: readonly Cut[], rests: readonly string[]): Column | undefined => {
  if (rests.every((r) => DIGITS.test(r))) {
    const shortest = Math.min(...rests.map((r) => r.length));
    return { source: `${literal(prefix)}[0-9]${counted(rests)}`, cuts, evidence: shortest >= 8 ? STRONG : WEAK };
  }
  if (prefix === 'tmp' && rests.every((r) => /^[0-9a-z_]{8}$/.test(r))) return { source: 'tmp[0-9a-z_]{8}', cuts, evidence: STRONG };
  const alphabet = alphabetOf(rests);
  const shortest = Math.min(...rests.map((r) => r.length));
  const longest = Math.max(...rests.map((r) => r.length));
  const isHex = alphabet === '[0-9a-f]' || alphabet === '[0-9A-F]';
  // Generators have a fixed length; hex numbers lose leading zeros.
  if (longest - shortest > (isHex ? 4 : 0)) return undefined;
  if (shortest < (isHex ? 2 : 6) && prefix === '') return undefined;
  if (shortest < 2) return undefined;
  const guard = prefix.length < 3 && !isHex ? NO_WORD : '';
  return { source: literal(prefix) + guard + alphabet + lengths(rests), cuts, evidence: shortest >= 6 ? STRONG : WEAK };
};

/** Splits cuts by what stands in column `i`: words stay literal, each its own; what is generated becomes one typed column. */
const columns = (cuts: readonly Cut[], i: number): readonly Column[] => {
  const one = cuts[0]?.parts[i] ?? '';
  if (cuts.every((c) => c.parts[i] === one)) return [{ source: literal(one), cuts, evidence: 0 }];
  const values = groupBy(cuts, (c) => c.parts[i] ?? '');
  if (i % 2 === 1) return [...values].map(([value, same]) => ({ source: literal(value), cuts: same, evidence: 0 }));
  const result: Column[] = [];
  const numbers: Cut[] = [];
  let randoms: Cut[] = [];
  const word = (value: string, same: readonly Cut[]): void => {
    result.push({ source: literal(value), cuts: same, evidence: 0 });
  };
  for (const [value, same] of values) {
    if (DIGITS.test(value)) numbers.push(...same);
    else if (looksRandom(value) || /^[A-Za-z]+[0-9]+$/.test(value) || /^[0-9a-f]{2}$/.test(value)) randoms.push(...same);
    else word(value, same);
  }
  const at = (c: Cut): string => c.parts[i] ?? '';
  const addTyped = (prefix: string, some: readonly Cut[]): void => {
    const distinct = groupBy(some, at);
    const column = distinct.size < 2 ? undefined : typed(prefix, some, [...distinct.keys()].map((v) => v.slice(prefix.length)));
    if (column) result.push(column);
    else for (const [value, same] of distinct) word(value, same);
  };
  // `f12150`, `worker3`: a stem and a number.
  const numbered = groupBy(randoms, (c) => /^([A-Za-z]+)[0-9]+$/.exec(at(c))?.[1] ?? '');
  for (const [stem, some] of numbered) {
    if (stem === '' || new Set(some.map(at)).size < WEAK || some.length * 2 < randoms.length + numbers.length) continue;
    addTyped(stem, some);
    randoms = randoms.filter((c) => !some.includes(c));
  }
  // Hex columns hold values of digits only, too.
  const hex = [...randoms, ...numbers].filter((c) => /^(?:[0-9a-f]{2,}|[0-9A-F]{2,})$/.test(at(c)));
  if (hex.length === numbers.length + randoms.length && numbers.length < hex.length) {
    addTyped('', hex);
    return result;
  }
  if (numbers.length > 0) addTyped('', numbers);
  // `tmpa81k2x`, `phpX1b2C3`: a literal stem that a good part of the names share.
  const stems = groupBy(randoms, (c) => WORD_NUMBER.exec(at(c))?.[1]?.slice(0, 3) ?? '');
  const rest: Cut[] = [];
  for (const [stem, some] of stems) {
    const distinct = new Set(some.map(at));
    if (stem === '' || distinct.size < 2 || some.length * 10 < randoms.length) rest.push(...some);
    else addTyped(commonStem([...distinct]), some);
  }
  for (const [, same] of groupBy(rest, (c) => at(c).length)) addTyped('', same);
  return result;
};

const commonStem = (values: readonly string[]): string => {
  let stem = /^[A-Za-z]*/.exec(values[0] ?? '')?.[0] ?? '';
  for (const v of values) while (!v.startsWith(stem) || v.length === stem.length) stem = stem.slice(0, -1);
  return stem;
};

const grow = (cuts: readonly Cut[], i: number, source: string, evidence: number, found: Pattern[]): void => {
  // Every example is another name.
  if (cuts.length < Math.max(evidence, STRONG)) return;
  if (i === (cuts[0]?.parts.length ?? 0)) {
    if (evidence > 0 && !cuts.some((c) => RUNNABLE.test(c.example.name))) found.push({ source, covers: cuts.map((c) => c.example) });
    return;
  }
  for (const column of columns(cuts, i)) grow(column.cuts, i + 1, source + column.source, Math.max(evidence, column.evidence), found);
};

/** Python's mkstemp draws `_` too; it would be taken for a separator. */
const PYTHON_TEMPORARY = /(?<=^|\/)tmp[a-z0-9_]{8}(?=\.|\/|$)/;

const cut = (example: Example): Cut => {
  const parts: string[] = [];
  const python = example.name.includes('tmp') ? PYTHON_TEMPORARY.exec(example.name) : null;
  const whole = python ? example.name.slice(0, python.index) : example.name;
  parts.push(...whole.split(/([^0-9A-Za-z]+)/));
  if (python) {
    const after = example.name.slice(python.index + python[0].length).split(/([^0-9A-Za-z]+)/);
    parts[parts.length - 1] = python[0];
    parts.push(...after.slice(1));
  }
  return { example, parts };
};

/**
 * Finds narrow patterns in the paths that one subject treated in one way. Paths are compared column by column; a column is generalised
 * only if it looks generated (digits, hex, random runs), always with the lengths that were seen; words, separators and extensions stay
 * literal, directories included. O(names x columns).
 */
export const generalise = (examples: readonly Example[]): readonly Pattern[] => {
  const found: Pattern[] = [];
  const skeletons = groupBy(examples.map(cut), (c) => c.parts.filter((_, i) => i % 2 === 1).join(' '));
  for (const cuts of skeletons.values()) grow(cuts, 0, '', 0, found);
  return found;
};
