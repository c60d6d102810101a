import { isFile } from '../behaviour/edge.ts';
import { isProtected } from '../behaviour/places.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { isWebProgram, meaningOf } from './tactics.ts';

/** Says nothing that the other end of the write does not say, too. */
const isPlain = (s: Sighting): boolean => isFile(s.kind) && s.traits === 0 && !isProtected(s.name) && !isWebProgram(s.name) && meaningOf(s.kind, s.name) === undefined;

/**
 * The unseen edges without those that are only steps of another one: a write through a temporary file is a create, an attr and a rename, and
 * the rename tells where it went; of a file that came and went the create tells. Whatever runs, is protected or lasts is told by itself.
 */
export const withoutSteps = (unseen: readonly Sighting[]): readonly Sighting[] => {
  const all = new Set(unseen);
  const made = new Set<Sighting>();
  for (const s of unseen) if (s.end !== undefined && s !== s.end) made.add(s.end);
  return unseen.filter((s) => {
    const { end } = s;
    if (end === undefined || !isPlain(s)) return true;
    return end.kind === 'rename' ? s === end || !all.has(end) : s !== end || !made.has(end);
  });
};
