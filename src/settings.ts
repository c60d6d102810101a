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

/** A glob as long as a path is enough; three stars in a row or a backslash at the end send the matcher off for ever. */
const MAX_GLOB = 4096;

const checkGlob = (glob: string): string => {
  const stars = glob.split('*').length - 1;
  if (glob === '' || glob.length > MAX_GLOB || /\*\*\*/.test(glob) || stars > 12 || glob.endsWith('\\')) {
    throw new FullmonError(`--ignore: cannot use the glob '${glob.slice(0, 80)}': at most 12 stars, never three in a row, no backslash at the end`);
  }
  return glob;
};

/** Checks what the flags' parser cannot. Throws a {@link FullmonError}. */
export const readSettings = async ({ baseline, monitor, rebase, ignore }: Options): Promise<Settings> => {
  if (ignore.length === 0) return { baseline, monitor, rebase, ignored: () => false };
  const { default: micromatch } = await import('micromatch');
  const rules = ignore.map((rule) => {
    const sides = rule.split('->').map((side) => side.trim());
    const [subject, object] = sides;
    if (sides.length !== 2 || !subject || !object) throw new FullmonError(`--ignore: expected 'SUBJECT -> OBJECT', got '${rule.slice(0, 200)}'`);
    return { subject: micromatch.matcher(checkGlob(subject), GLOB), object: micromatch.matcher(checkGlob(object), GLOB) };
  });
  return { baseline, monitor, rebase, ignored: (subject, object) => rules.some((r) => r.subject(subject) && r.object(object)) };
};
