import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openTable, withChanges } from '../../src/audit/rows.ts';

const key = fc.integer({ min: 0, max: 5 });
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, value: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('end' as const), key, value: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant('clear' as const) }),
  fc.record({ do: fc.constant('save' as const), whole: fc.boolean() }),
);

const rows = (...all: readonly (readonly [unknown, ...(readonly unknown[])])[]): unknown => ({ gone: [], rows: all });

describe('a table that is saved by its changes', () => {
  it('is afterwards what it would be had all of it been saved, in the same order', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = openTable<number, number>();
      let saved: Readonly<Record<string, unknown>>[] = [];
      for (const one of [...steps, { do: 'save' as const, whole: false }]) {
        if (one.do === 'set') table.set(one.key, one.value);
        else if (one.do === 'delete') table.delete(one.key);
        else if (one.do === 'clear') table.clear();
        else if (one.do === 'end') {
          table.delete(one.key);
          table.set(one.key, one.value);
        } else {
          const whole = one.whole || saved.length === 0;
          const rows = table.save(whole, (value, id) => [id, value]);
          saved = [...(whole ? [] : saved), JSON.parse(JSON.stringify({ table: rows }))];
          const [first = {}, ...changes] = saved;
          expect(withChanges(first, changes)).toEqual({ table: { gone: [], rows: [...table.map] } });
        }
      }
    }));
  });

  it('says only what has changed', () => {
    const table = openTable<string, number>([['a', 1], ['b', 2], ['c', 3]]);
    const save = (whole = false): unknown => table.save(whole, (value, id) => [id, value]);
    expect(save()).toEqual({ gone: [], rows: [['a', 1], ['b', 2], ['c', 3]] });
    expect(save()).toEqual({ gone: [], rows: [] });
    table.set('a', 1);
    table.set('b', 5);
    table.delete('c');
    table.set('d', 6);
    table.set('e', 7);
    table.delete('e');
    expect(save()).toEqual({ gone: ['c'], rows: [['b', 5], ['d', 6]] });
    table.touch('a');
    expect(save()).toEqual({ gone: [], rows: [['a', 1]] });
  });

  it('may have tables in its rows, and stand beside what is saved as it is', () => {
    const state = { clock: { time: 1, late: 2 }, names: rows(['a', { ripe: 1, of: rows(['x', 1], ['y', 2]) }], ['b', { ripe: 2, of: rows() }]) };
    const changes = [{ clock: { time: 3 } }, { names: rows(['a', { ripe: 5, of: { gone: ['x'], rows: [['z', 3]] } }], ['c', { ripe: 6, of: rows(['v', 4]) }]) }];
    expect(withChanges(state, changes)).toEqual({
      clock: { time: 3 },
      names: rows(['a', { ripe: 5, of: rows(['y', 2], ['z', 3]) }], ['b', { ripe: 2, of: rows() }], ['c', { ripe: 6, of: rows(['v', 4]) }]),
    });
  });
});
