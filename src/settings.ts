import type { Settings } from './fullmon.ts';
import { FullmonError } from './input/errors.ts';

/** Flags of every command, as parsed. Windows in seconds. */
export interface Options {
  readonly baseline: number;
  readonly monitor: number;
  readonly rebase: boolean;
  readonly ignore: readonly string[];
  readonly format: 'json' | 'text' | undefined;
}

// Slashes mean nothing special in a node, and its other characters are no syntax.
const GLOB = { bash: true, dot: true, nonegate: true, nobrace: true, noextglob: true, keepQuotes: true } as const;

/** A glob as long as a path is enough; a backslash at the end sends the matcher off for ever. */
const MAX_GLOB = 4096;

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

const compile = (glob: string, makeRe: (glob: string, options: typeof GLOB) => RegExp): RegExp => {
  try {
    // Without slashes that separate, two stars are one.
    if (glob.length <= MAX_GLOB && !glob.endsWith('\\')) return linear(makeRe(glob.replace(/\*{2,}/g, '*'), GLOB));
  } catch {
    // told below
  }
  throw new FullmonError(`--ignore: cannot use the glob '${glob.slice(0, 80)}': * stands for anything, ? for one character, [a-z] for one of these`);
};

/** Checks what the flags' parser cannot. Throws a {@link FullmonError}. */
export const readSettings = async ({ baseline, monitor, rebase, ignore }: Options): Promise<Settings> => {
  if (ignore.length === 0) return { baseline, monitor, rebase, ignored: () => false };
  const { default: micromatch } = await import('micromatch');
  const rules = ignore.map((rule) => {
    const sides = rule.split('->').map((side) => side.trim());
    const [subject, object] = sides;
    if (sides.length !== 2 || !subject || !object) throw new FullmonError(`--ignore: expected 'SUBJECT -> OBJECT', got '${rule.slice(0, 200)}'`);
    return { subject: compile(subject, micromatch.makeRe), object: compile(object, micromatch.makeRe) };
  });
  return { baseline, monitor, rebase, ignored: (subject, object) => rules.some((r) => r.subject.test(subject) && r.object.test(object)) };
};
