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
/** Two or three characters can be anything, too. */
const SHORT = 8;
/** So many numbers do not rise by chance. */
const RISING = 8;

const DIGITS = /^[0-9]+$/;
const WORD_NUMBER = /^([A-Za-z]{3,})([0-9A-Za-z_]+)$/;

/** What a server would run when asked for it by name: never part of a pattern, wherever it lies. */
const RUNNABLE = /\.(?:php\d?|phtml|phar|inc|jspx?|jsw|aspx?|ashx|cgi|fcgi|pl|py|rb|sh|lua|so|ko|service|timer)(?:\.|$)/i;

export const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

/** Smallest and greatest of some numbers. Not by spreading them: a directory may hold more names than a call takes arguments. */
const range = (numbers: Iterable<number>): { readonly min: number; readonly max: number } => {
  let min = Infinity;
  let max = -Infinity;
  for (const n of numbers) {
    if (n < min) min = n;
    if (n > max) max = n;
  }
  return { min, max };
};

const lengthsOf = (values: readonly string[]): { readonly min: number; readonly max: number } => range(values.map((v) => v.length));

const repeat = ({ min, max }: { readonly min: number; readonly max: number }): string => (min === max ? `{${min}}` : `{${min},${max}}`);

/** Digits of the greatest pid. */
const PID = 7;

const isRising = (numbers: readonly number[]): boolean => numbers.every((n, i) => i === 0 || n > (numbers[i - 1] ?? 0));

/**
 * Lengths of numbers, in order of first sight. Those that follow one another without a gap are a counter, and it will go on; those that only
 * rise, beyond what stands for days and hours, are pids of a machine that was started lately: they will have more digits next week.
 */
const counted = (values: readonly string[]): string => {
  const all = values.map(Number);
  const numbers = new Set(all);
  const { min, max } = range(numbers);
  const seen = lengthsOf(values);
  if (min >= 100 && numbers.size >= RISING && isRising(all)) return repeat({ ...seen, max: Math.max(seen.max, PID) });
  return repeat(numbers.size >= WEAK && max - min + 1 === numbers.size ? { ...seen, max: Math.max(seen.max, String(max + numbers.size).length) } : seen);
};

/** Does this token look made by a generator rather than by a person? Digits among letters, odd case, or a run no tongue can speak. */
const looksRandom = (token: string): boolean =>
  token.length >= 4 && (/[0-9][A-Za-z]|[A-Za-z][0-9]+[A-Za-z]/.test(token) || /[a-z][A-Z]|[A-Z]{2}[a-z]/.test(token) || /[b-df-hj-np-tv-xz]{4}/i.test(token));

// The same as a condition inside a pattern: a run of letters alone would let any word of its length through. Pairs of letters that no word
// has would find more that is random, but also `backdoored` and `kworkers`: words that are put together have any pair.
const NO_WORD = '(?=[A-Za-z]*(?:[0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]|[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{4}))';
/** Behind a literal stem: only what is all lower case reads as a word. */
const NO_LOWER_WORD = '(?=[a-z]*(?:[0-9A-Z_]|[b-df-hj-np-tv-xz]{4}))';
/** `facade`, `decade`. */
const NO_HEX_WORD = '(?=[A-Fa-f]*[0-9])';

/** No word is this long. */
const LONG = 16;

/** What follows in the names of python's mkstemp and of PHP's uploads. */
const TEMPORARIES: ReadonlyMap<string, RegExp> = new Map([['tmp', /^[0-9a-z_]{8}$/], ['php', /^[0-9A-Za-z]{6}$/]]);

/**
 * The same pattern with words let through: for names that did not last. Of python's temporaries one in fifty reads like
 * a word; a job that makes one a minute would be told every hour.
 */
export const withWords = (source: string): string => [NO_WORD, NO_LOWER_WORD, NO_HEX_WORD].reduce((loose, guard) => loose.replaceAll(guard, ''), source);

const guardOf = (prefix: string, isHex: boolean, shortest: number, begins: boolean): string => {
  if (isHex) return begins && prefix === '' && shortest >= 4 && shortest < 8 ? NO_HEX_WORD : '';
  if (shortest >= LONG) return '';
  return prefix.length < 3 ? NO_WORD : NO_LOWER_WORD;
};

const ALPHABETS: readonly (readonly [test: RegExp, source: string])[] = [
  [/^[0-9a-f]+$/, '[0-9a-f]'],
  [/^[0-9A-F]+$/, '[0-9A-F]'],
  [/^[0-9a-v]+$/, '[0-9a-v]'],
  [/^[0-9a-z]+$/, '[0-9a-z]'],
  [/^[0-9A-Z]+$/, '[0-9A-Z]'],
  [/^[0-9A-Za-z]+$/, '[0-9A-Za-z]'],
];

const alphabetOf = (values: readonly string[]): string => ALPHABETS.find(([test]) => values.every((v) => test.test(v)))?.[1] ?? '[0-9A-Za-z]';

/** How many ids make a mail unique, its sizes, its flags. */
const MAIL_IDS = '(?:[A-Z_#][0-9a-f]{1,16}){1,8}';
const MAIL_SIZES = '(?:,[SW]=[0-9]{1,12}){0,2}';
const MAIL_FLAGS = '(?::2,[A-Za-z]{0,8})?';

const either = (...sources: readonly string[]): string => `(?:${sources.join('|')})`;
/** So often any of these, with nothing behind it that it could take in, too. */
const column = (alphabets: readonly string[], more: string): string => String.raw`${either(...alphabets.map(literal))}\{[0-9]{1,4}(?:,[0-9]{1,4})?\}(?![${more}[(])`;
/** What stands in a pattern: there is one way at most to match a name. */
const GRAMMAR = new RegExp(String.raw`^\^${either(
  String.raw`[^\\^$.*+?()[\]{}|]|\\[\\^$.*+?()[\]{}|]`,
  `${either(...[NO_WORD, NO_LOWER_WORD, NO_HEX_WORD].map(literal))}?${either(column(['[0-9]'], '0-9'), column(ALPHABETS.map(([, source]) => source), '0-9A-Za-z'), column(['[0-9a-z_]'], '0-9A-Za-z_'))}`,
  String.raw`${literal(MAIL_IDS)}(?=\\\.)`,
)}*(?:${literal(MAIL_SIZES + MAIL_FLAGS)})?\$$`);

/** Is this anchored expression one that could have been made here? Any other one in a file may take for ever, by a name of an attacker's choice. */
export const isPattern = (source: string): boolean => GRAMMAR.test(source);

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

/** Numbers as logrotate counts them: at the end, or before what compressed the file. */
const isRotation = ({ parts }: Cut, i: number): boolean =>
  parts[i - 1] === '.' && (i === parts.length - 1 || (i === parts.length - 3 && parts[i + 1] === '.' && /^(?:gz|bz2|xz|zst|lz4)$/.test(parts[i + 2] ?? '')));

/** `.2.gz` and `.3.gz` today, all the way up to what logrotate keeps in the end. */
const rotated = (prefix: string, cuts: readonly Cut[], i: number, rests: readonly string[]): Column | undefined => {
  const numbers = rests.map(Number);
  const { min, max } = range(numbers);
  if (min > 2 || max > 99 || max - min + 1 !== numbers.length || !cuts.every((c) => isRotation(c, i))) return undefined;
  return { source: `${literal(prefix)}[0-9]{1,2}`, cuts, evidence: STRONG };
};

/** The typed column for values that all vary, or undefined when nothing narrow describes them. */
const typed = (prefix: string, cuts: readonly Cut[], i: number, rests: readonly string[]): Column | undefined => {
  const begins = i === 0 || cuts[0]?.parts[i - 1]?.endsWith('/') === true;
  if (rests.every((r) => DIGITS.test(r))) {
    return rotated(prefix, cuts, i, rests) ?? { source: `${literal(prefix)}[0-9]${counted(rests)}`, cuts, evidence: lengthsOf(rests).min >= 8 ? STRONG : WEAK };
  }
  const known = TEMPORARIES.get(prefix);
  if (known !== undefined && rests.every((r) => known.test(r))) return { source: prefix + NO_LOWER_WORD + known.source.slice(1, -1), cuts, evidence: STRONG };
  const alphabet = alphabetOf(rests);
  const { min: shortest, max: longest } = lengthsOf(rests);
  const isHex = alphabet === '[0-9a-f]' || alphabet === '[0-9A-F]';
  // Generators have a fixed length; hex numbers lose leading zeros.
  if (longest - shortest > (isHex ? 4 : 0)) return undefined;
  if (shortest < (isHex ? 2 : 6) && prefix === '') return undefined;
  if (shortest < 2) return undefined;
  return { source: literal(prefix) + guardOf(prefix, isHex, shortest, begins) + alphabet + repeat({ min: shortest, max: longest }), cuts, evidence: shortest >= 6 ? STRONG : WEAK };
};

/** The day that `20261120` stands for, in days since 1970, give or take two; NaN for anything else. */
const dayOf = (text: string): number => {
  const [, year, month, day] = /^(20\d\d)(\d\d)(\d\d)$/.exec(text) ?? [];
  return (Number(year) - 1970) * 365.2425 + (Number(month) - 1) * 30.44 + Number(day);
};

/** Is this part of the name the day on which it was seen, `20261120` or one of `2026-11-20`? Tomorrow it will be another one. */
const isToday = ({ parts, example }: Cut, i: number): boolean =>
  [parts[i] ?? '', ...[i, i - 2, i - 4].map((k) => `${parts[k]}${parts[k + 2]}${parts[k + 4]}`)].some((text) => Math.abs(dayOf(text) - example.first / 86_400_000) < 4);

/** Two or three characters are a word to themselves; behind a generated part, with hardly one that comes twice, they are generated, too. */
const shortColumn = (cuts: readonly Cut[], values: ReadonlyMap<string, unknown>): Column | undefined => {
  const all = [...values.keys()];
  const { min, max } = lengthsOf(all);
  if (min < 2 || min !== max || max > 3 || all.length < SHORT || all.length * 2 < cuts.length || all.every((v) => DIGITS.test(v)) || !all.some((v) => /[0-9]/.test(v))) return undefined;
  return { source: `${alphabetOf(all)}{${min}}`, cuts, evidence: SHORT };
};

/** `M123P45`: letters that stay and numbers that vary between them. */
const template = (cuts: readonly Cut[], values: readonly string[]): Column => {
  const runs = values.map((v) => v.split(/([0-9]+)/));
  const source = (runs[0] ?? []).map((part, k) => (k % 2 === 0 ? literal(part) : `[0-9]${counted(runs.map((r) => r[k] ?? ''))}`)).join('');
  return { source, cuts, evidence: WEAK };
};

/** Splits cuts by what stands in column `i`: words stay literal, each its own; what is generated becomes one typed column. `isMarked`: a column before has shown the names to be generated. */
const columns = (cuts: readonly Cut[], i: number, isMarked: boolean): readonly Column[] => {
  const one = cuts[0]?.parts[i] ?? '';
  if (cuts.every((c) => c.parts[i] === one)) return [{ source: cuts[0] && isToday(cuts[0], i) ? `[0-9]{${one.length}}` : literal(one), cuts, evidence: 0 }];
  const values = groupBy(cuts, (c) => c.parts[i] ?? '');
  if (i % 2 === 1) return [...values].map(([value, same]) => ({ source: literal(value), cuts: same, evidence: 0 }));
  const short = isMarked ? shortColumn(cuts, values) : undefined;
  if (short) return [short];
  const result: Column[] = [];
  const numbers: Cut[] = [];
  let randoms: Cut[] = [];
  const word = (value: string, same: readonly Cut[]): void => {
    result.push({ source: literal(value), cuts: same, evidence: 0 });
  };
  for (const [value, same] of values) {
    if (DIGITS.test(value)) for (const c of same) numbers.push(c);
    else if (looksRandom(value) || /^[A-Za-z]+[0-9]+$/.test(value) || /^[0-9a-f]{2}$/.test(value)) for (const c of same) randoms.push(c);
    else word(value, same);
  }
  const at = (c: Cut): string => c.parts[i] ?? '';
  const addTyped = (prefix: string, some: readonly Cut[]): void => {
    const distinct = groupBy(some, at);
    const column = distinct.size < 2 ? undefined : typed(prefix, some, i, [...distinct.keys()].map((v) => v.slice(prefix.length)));
    if (column) result.push(column);
    else for (const [value, same] of distinct) word(value, same);
  };
  // `f12150`, `worker3`, `M123P45`: numbers between letters that stay.
  const lettersOf = (c: Cut): string => (/^[A-Za-z]/.test(at(c)) ? at(c).replace(/[0-9]+/g, '0') : '');
  for (const [letters, some] of groupBy(randoms, lettersOf)) {
    const distinct = [...new Set(some.map(at))];
    if (letters === '' || distinct.length < WEAK || some.length * 2 < randoms.length + numbers.length) continue;
    result.push(template(some, distinct));
    randoms = randoms.filter((c) => lettersOf(c) !== letters);
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
    if (stem === '' || distinct.size < 2 || some.length * 10 < randoms.length) for (const c of some) rest.push(c);
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
    if (evidence === 0) return;
    // What reads as a word stays a name of its own.
    const regex = new RegExp(`^${source}$`);
    const covers = cuts.map((c) => c.example).filter(({ name }) => regex.test(name));
    if (covers.length >= Math.max(evidence, STRONG)) found.push({ source, covers });
    return;
  }
  for (const column of columns(cuts, i, evidence > 0)) grow(column.cuts, i + 1, source + column.source, Math.max(evidence, column.evidence), found);
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

const search = (examples: readonly Example[]): readonly Pattern[] => {
  const found: Pattern[] = [];
  const skeletons = groupBy(examples.map(cut), (c) => c.parts.filter((_, i) => i % 2 === 1).join(' '));
  for (const cuts of skeletons.values()) grow(cuts, 0, '', 0, found);
  return found;
};

/** `new/1700000000.Vfe00I4e27M484936.mail:2,S`: moment, what makes it unique, host, sizes, flags; https://cr.yp.to/proto/maildir.html */
const MAIL = /^(.*\/(?:tmp|new|cur)\/)[0-9]{10}\.(?:[A-Z_#][0-9a-f]{1,16}){1,8}\.([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8})(?:,[SW]=[0-9]{1,12}){0,2}(?::2,[A-Za-z]{0,8})?$/;

/** A mail keeps nothing of its name but its folder and the host that took it in. */
const mails = (examples: readonly Example[]): readonly Pattern[] => {
  const folders = groupBy(examples.flatMap((example) => {
    const [, folder, host] = MAIL.exec(example.name) ?? [];
    return folder === undefined || host === undefined ? [] : [{ example, source: `${literal(folder)}[0-9]{10}\\.${MAIL_IDS}\\.${literal(host)}${MAIL_SIZES}${MAIL_FLAGS}` }];
  }), ({ source }) => source);
  return [...folders].filter(([, some]) => some.length >= WEAK).map(([source, some]) => ({ source, covers: some.map(({ example }) => example) }));
};

/**
 * Finds narrow patterns in the paths that one subject treated in one way. Paths are compared column by column; a column is generalised
 * only if it looks generated (digits, hex, random runs), always with the lengths that were seen; words, separators and extensions stay
 * literal, directories included. O(names x columns).
 */
export const generalise = (examples: readonly Example[]): readonly Pattern[] => {
  const found = mails(examples);
  const covered = new Set(found.flatMap(({ covers }) => covers));
  return [...found, ...search(examples.filter((example) => !covered.has(example) && !RUNNABLE.test(example.name)))];
};

/** The same for scripts that one parent has run with one interpreter. */
export const generaliseScripts = search;
