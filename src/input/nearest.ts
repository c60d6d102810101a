import { closest, distance } from 'fastest-levenshtein';

/** A name further away than this (letters to change) is another word. */
const NEAR = 2;

/** The known name that was most likely meant; undefined when none is near. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  const found = known.length === 0 ? undefined : closest(name, [...known]);
  return found !== undefined && distance(name, found) <= NEAR ? found : undefined;
};
