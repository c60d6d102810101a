import { describe, expect, it } from 'vitest';
import { dropOldest } from '../../src/audit/oldest.ts';

const MOST = 1000;

describe('a full map', () => {
  it('keeps its latest entries, nearly as many as it may', () => {
    const map = new Map<number, string>();
    for (let i = 0; i < 10 * MOST; i++) {
      map.set(i, '');
      dropOldest(map, MOST);
      expect(map.size).toBeLessThanOrEqual(MOST);
    }
    expect(map.size).toBeGreaterThan(0.98 * MOST);
    expect([...map.keys()]).toEqual(Array.from(map, (_, i) => 10 * MOST - map.size + i));
  });

  it('looks for its oldest entry once for many new ones, since each look passes over all that are gone', () => {
    let looks = 0;
    const map = new (class extends Map<number, string> {
      override keys(): MapIterator<number> {
        looks++;
        return super.keys();
      }
    })();
    for (let i = 0; i < 11 * MOST; i++) {
      map.set(i, '');
      dropOldest(map, MOST);
    }
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThan(1.5 * MOST);
  });
});
