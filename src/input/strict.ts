import * as v from 'valibot';
import { nearest } from './nearest.ts';

/** What is wrong with a map, for its writer. */
const describe = ({ expected, path }: v.StrictObjectIssue, known: readonly string[], otherwise: string): string => {
  const name = String(path?.at(-1)?.key ?? '').slice(0, 40);
  if (expected === 'Object') return otherwise;
  if (expected !== 'never') return `'${name}' is missing`;
  const meant = nearest(name, known);
  return `there is no '${name}'${meant === undefined ? `, only ${known.join(', ')}` : `: is it '${meant}'?`}`;
};

/** A map of these names and no other; whoever wrote another one is told the nearest. `otherwise`: what is said of what is no map. */
export const strict = <const Entries extends v.ObjectEntries>(entries: Entries, otherwise = 'expected a map') =>
  v.strictObject(entries, (issue) => describe(issue, Object.keys(entries), otherwise));
