/** Numbers that depend on the seed alone: the same seed makes the same log on every machine. */
export function seeded(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = n => Math.floor(next() * n);
  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: share => next() < share,
    pick: list => list[below(list.length)],
    /** Picks a key of { key: weight }. */
    weighted(weights) {
      const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      let left = next() * total;
      for (const [key, weight] of Object.entries(weights)) if ((left -= weight) < 0) return key;
      return Object.keys(weights)[0];
    },
    pointer: () => `7f${below(2 ** 24).toString(16).padStart(6, '0')}${(below(2 ** 12) * 16).toString(16).padStart(4, '0')}`,
  };
}
