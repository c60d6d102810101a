import { assert, array, integer, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newestOf } from '../../src/audit/oldest.ts';

const MOST = 1000;

const counted = (): { readonly map: Map<number, string>; readonly looks: () => number } => {
  let looks = 0;
  const map = new (class extends Map<number, string> {
    override keys(): MapIterator<number> {
      looks++;
      return super.keys();
    }
  })();
  return { map, looks: () => looks };
};

describe('a full map', () => {
  it('keeps its latest entries, whatever is taken out of it or comes again', () => {
    assert(property(integer({ min: 1, max: 20 }), array(tuple(integer({ min: 0, max: 60 }), integer({ min: 0, max: 3 })), { maxLength: 200 }), (most, steps) => {
      const map = new Map<number, string>();
      const trim = newestOf(map, most);
      let expected: number[] = [];
      for (const [key, what] of steps) {
        map.delete(key);
        expected = expected.filter((other) => other !== key);
        if (what === 0) continue;
        map.set(key, '');
        trim();
        expected = [...expected, key].slice(-most);
        expect([...map.keys()]).toEqual(expected);
      }
    }));
  });

  it('looks for its oldest entry once, since each look passes over all that are gone', () => {
    const { map, looks } = counted();
    const trim = newestOf(map, MOST);
    for (let i = 0; i < 11 * MOST; i++) {
      map.set(i, '');
      trim();
    }
    expect(looks()).toBe(1);
  });

  it('forgets the place of the oldest when none has to go for long, so that what it has outgrown is not kept', () => {
    const { map, looks } = counted();
    const trim = newestOf(map, MOST);
    const fill = (from: number): void => {
      for (let i = from; i < from + 2 * MOST; i++) {
        map.set(i, '');
        trim();
      }
    };
    fill(0);
    for (let i = 0; i < 10_000; i++) {
      map.delete(-i);
      map.set(-i - 1, '');
      map.delete(-i - 1);
      trim();
    }
    fill(3 * MOST);
    expect(looks()).toBe(2);
    expect([...map.keys()]).toEqual(Array.from({ length: MOST }, (_, i) => 4 * MOST + i));
  });
});
