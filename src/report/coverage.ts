import type { Coverage } from '../baseline/coverage.ts';
import { show } from './show.ts';

const SHOWN = 8;

/** How complete the baseline is, in a sentence. */
export const describeCoverage = ({ edges, coverage, expectedPerDay, units, regimes }: Coverage): string => {
  if (edges === 0) return 'nothing has been learned';
  const missing = regimes.filter(({ seen }) => !seen).map(({ name }) => show(name));
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  const parts = [`${(coverage * 100).toFixed(1)} % of what is normal has been seen, in ${units} units of time`, `about ${expectedPerDay < 10 ? expectedPerDay.toFixed(1) : Math.round(expectedPerDay)} new edges a day to expect`];
  return [...parts, ...(missing.length === 0 ? [] : [`not seen yet: ${missing.slice(0, SHOWN).join(', ')}${more}`])].join('; ');
};
