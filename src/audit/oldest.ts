/** What {@link newestOf} needs to know of a map. */
type Shrinkable<K> = Pick<Map<K, unknown>, 'size' | 'keys' | 'delete'>;

/** So many entries may come while none has to go: then the place of the oldest is forgotten. */
const IDLE = 4096;

/**
 * Keeps a map at `most` entries: the oldest go first. To find the first entry the engine passes over all that were deleted before it, in a map of
 * a hundred thousand as many again: each new entry took fifty microseconds. So the place of the oldest is remembered. Not for ever: an iterator
 * that nobody moves on keeps every table that the map has outgrown.
 */
export const newestOf = <K>(map: Shrinkable<K>, most: number): (() => void) => {
  let oldest: MapIterator<K> | undefined;
  let idle = 0;
  return () => {
    if (map.size <= most && ++idle > IDLE) oldest = undefined;
    while (map.size > most) {
      idle = 0;
      oldest ??= map.keys();
      const { value, done } = oldest.next();
      if (done === true) oldest = undefined;
      else map.delete(value);
    }
  };
};
