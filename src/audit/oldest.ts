/** A full map lets go of this part of its entries at once. */
const PART = 128;

/** How many of a full map's entries go at once. */
export const partOf = (size: number): number => Math.ceil(size / PART);

/**
 * Keeps a map at `most` entries: the oldest go first, some of them at once. To find the first entry the engine passes over all that were deleted
 * before it, in a map of a hundred thousand as many again; one by one, each new entry took fifty microseconds.
 */
export const dropOldest = <K>(map: Pick<Map<K, unknown>, 'size' | 'keys' | 'delete'>, most: number): void => {
  if (map.size <= most) return;
  const left = most - partOf(most) + 1;
  for (const key of map.keys()) {
    if (map.size <= left) return;
    map.delete(key);
  }
};
