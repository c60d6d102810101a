import type { Ignore } from './config/options.ts';
import type { Options } from './config/resolve.ts';
import type { Settings } from './fullmon.ts';
import { readRules } from './rules.ts';
import type { Rule } from './rules.ts';

/** One rule of all globs; one that has expired counts no more, of which `trouble` is told when it is first missed. Throws a {@link FullmonError}. */
const ignoring = async (ignore: readonly Ignore[], trouble: (text: string) => void): Promise<Rule> => {
  const rules = await readRules('--ignore', ignore.map(({ edge }) => edge));
  const missed = new Set<Ignore>();
  const ends = ignore.map((entry, i) => ({ entry, rule: rules[i], end: entry.expires === undefined ? Infinity : Date.parse(entry.expires) }));
  return (subject, object, time) =>
    ends.some(({ entry, rule, end }) => {
      if (rule?.(subject, object, time) !== true) return false;
      if (time < end) return true;
      if (!missed.has(entry)) trouble(`'${entry.edge}' has been ignored until ${entry.expires}, and is told from now on`);
      missed.add(entry);
      return false;
    });
};

/** What the core needs of the options; `trouble` is a word for the operator. Throws a {@link FullmonError} for what their reader could not check. */
export const readSettings = async ({ baseline, monitor, rebase, ignore, flood, maxEdges }: Pick<Options, 'baseline' | 'monitor' | 'rebase' | 'ignore' | 'flood' | 'maxEdges'>, trouble: (text: string) => void): Promise<Settings> => ({
  baseline, monitor, rebase, flood, maxEdges, ignored: await ignoring(ignore, trouble),
});
