import { ARROW } from '../behaviour/edge.ts';
import type { Ignore } from '../config/options.ts';
import type { Severity } from '../detect/severity.ts';
import type { Settings } from '../fullmon.ts';
import { readAccepted, versionOf } from '../input/accepted.ts';
import type { Acceptance } from '../input/accepted.ts';
import { FullmonError, inside } from '../input/errors.ts';
import { describeWindow, expectedBy, isCurrent } from './windows.ts';
import type { Expected } from './windows.ts';

/** A word for the operator, of medium severity unless told otherwise. */
export type Trouble = (text: string, severity?: Severity) => void;

/** Which edges are meant. `time`: when the edge was last seen. */
export type Rule = Settings['ignored'];

// Slashes mean nothing special in a node, and its other characters are no syntax.
const GLOB = { bash: true, dot: true, nonegate: true, nobrace: true, noextglob: true, keepQuotes: true } as const;

/** A glob as long as a path is enough. */
const MAX_GLOB = 4096;

/** `[a-z]`, `[^a]`, `[!a]`, `[[:digit:]]`; stars; what a backslash makes plain; any other character. */
const TOKEN = /(?<set>\[[!^]?(?:\[:[a-z]{1,9}:\]|[^\]\\])+\])|(?<stars>\*+)|\\?(?<plain>[^])/g;

/**
 * The glob with all that is no syntax made plain. The matcher would take `(a+)+` for a group, which goes through a name of forty bytes for hours, `g++` for
 * a repetition, and `\d` for any digit. Without slashes that separate, two stars are one.
 */
const plainly = (glob: string): string =>
  glob.replace(TOKEN, (token, set: string | undefined, stars: string | undefined, plain = '') =>
    set?.replace(/^\[!/, '[^') ?? (stars === undefined ? (token === '?' || /[\w/]/.test(plain) ? plain : `\\${plain}`) : '*'));

/**
 * Names are the attacker's choice, and `*a*b*c` would go through one of a few hundred bytes for minutes: so each piece between two stars
 * is looked for once, from left to right, and never elsewhere. Nothing is lost by that, as pieces do not vary in length.
 */
const linear = ({ source }: RegExp): RegExp => {
  const [head = '', ...pieces] = source.split('.*?');
  const last = pieces.pop();
  if (last === undefined) return new RegExp(source);
  return new RegExp(`${head}${pieces.map((piece, i) => `(?=(?<star${i}>.*?${piece}))\\k<star${i}>`).join('')}.*?${last}`);
};

type MakeRe = (glob: string, options: typeof GLOB) => RegExp;

const compile = (glob: string, makeRe: MakeRe): RegExp => {
  try {
    // A backslash at the end sends the matcher off for ever.
    const regex = glob.length > MAX_GLOB || glob.endsWith('\\') ? undefined : makeRe(plainly(glob), GLOB);
    // What it makes of a set like `[z-a]` matches nothing.
    if (regex !== undefined && regex.source !== '$^') return linear(regex);
  } catch {
    // told below
  }
  throw new FullmonError(`cannot use the glob '${glob.slice(0, 80)}': * stands for anything, ? for one character, [a-z] for one of these`);
};

/** Reads a rule like `SUBJECT -> OBJECT`, a glob for each side. Throws a {@link FullmonError}. */
export const readRule = (rule: string, makeRe: MakeRe): Rule => {
  const sides = rule.split(ARROW).map((side) => side.trim());
  const [subject, object] = sides;
  if (sides.length !== 2 || !subject || !object) throw new FullmonError(`expected 'SUBJECT -> OBJECT', got '${rule.slice(0, 200)}'`);
  const [left, right] = [compile(subject, makeRe), compile(object, makeRe)];
  return (s, o) => left.test(s) && right.test(o);
};

/** Reads rules; `where` they stand. Throws a {@link FullmonError}. */
export const readRules = async (where: string, rules: readonly string[]): Promise<readonly Rule[]> => {
  if (rules.length === 0) return [];
  const { default: micromatch } = await import('micromatch');
  return rules.map((rule) => inside(where, () => readRule(rule, micromatch.makeRe)));
};

const endOf = ({ expires }: { readonly expires?: string | undefined }): number => (expires === undefined ? Infinity : Date.parse(expires));

/** One rule of all that is ignored; what has expired counts no more, of which `trouble` is told when it is first missed. Throws a {@link FullmonError}. */
export const ignoring = async (ignore: readonly Ignore[], trouble: Trouble): Promise<Rule> => {
  const rules = await readRules('--ignore', ignore.map(({ edge }) => edge));
  const missed = new Set<Ignore>();
  return (...edge) =>
    ignore.some((entry, i) => {
      if (rules[i]?.(...edge) !== true) return false;
      const [, , time] = edge;
      if (time < endOf(entry)) return true;
      if (!missed.has(entry)) trouble(`'${entry.edge}' was ignored until ${entry.expires}, and is told from now on`, 'low');
      missed.add(entry);
      return false;
    });
};

/** The one rule that decisions make up: edges by one look-up, globs one by one. `trouble` is told of those that cannot be used. */
export const acceptedBy = async (file: string, entries: readonly Acceptance[], trouble: Trouble): Promise<Rule> => {
  const edges = new Map<string, number>();
  for (const entry of entries) if (entry.edge !== undefined) edges.set(entry.edge, Math.max(endOf(entry), edges.get(entry.edge) ?? 0));
  const globs: { readonly rule: Rule; readonly end: number }[] = [];
  for (const entry of entries) {
    if (entry.glob === undefined) continue;
    try {
      for (const rule of await readRules(file, [entry.glob])) globs.push({ rule, end: endOf(entry) });
    } catch (error) {
      if (!(error instanceof FullmonError)) throw error;
      trouble(error.message);
    }
  }
  return (subject, object, time) => {
    const end = edges.get(subject + ARROW + object);
    return (end !== undefined && time < end) || globs.some((glob) => time < glob.end && glob.rule(subject, object, time));
  };
};

export interface Accepting {
  readonly settings: Settings;
  /** Reads the file again when it has changed. */
  readonly refresh: () => void;
}

/**
 * The settings, and all that the file accepts or expects, now and later on. A file that is not to be trusted accepts nothing; `trouble` is told
 * of that, of lines that say nothing, and of windows that go on.
 */
export const accepting = async (settings: Settings, file: string, trouble: Trouble): Promise<Accepting> => {
  let accepted: Rule | undefined;
  let expected: Expected | undefined;
  const known = new Set<string>();
  let version = '';
  const refresh = async (): Promise<void> => {
    const now = versionOf(file);
    if (now === version) return;
    version = now;
    try {
      const { entries, windows, bad } = readAccepted(file);
      if (bad.length > 0) trouble(`${file}: says nothing in line ${bad.slice(0, 10).join(', ')}`);
      expected = expectedBy(windows);
      for (const window of windows.filter((one) => isCurrent(one, Date.now()))) {
        const text = describeWindow(window);
        if (!known.has(text)) trouble(text, 'low');
        known.add(text);
      }
      accepted = await acceptedBy(file, entries, trouble);
    } catch (error) {
      if (!(error instanceof FullmonError)) throw error;
      accepted = expected = undefined;
      trouble(error.message);
    }
  };
  await refresh();
  return {
    settings: {
      ...settings,
      ignored: (subject, object, time) => settings.ignored(subject, object, time) || accepted?.(subject, object, time) === true,
      maintenance: (time) => expected?.maintenance(time),
      relearns: (subject, time) => expected?.relearns(subject, time),
    },
    refresh: () => void refresh(),
  };
};
