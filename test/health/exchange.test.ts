import { array, assert, constantFrom, integer, nat, property, record, string, tuple, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allRows } from '../../src/audit/rows.ts';
import { bytes, ms, uid } from '../../src/audit/units.ts';
import { newBaseline } from '../../src/baseline/baseline.ts';
import type { BaselineState } from '../../src/baseline/baseline.ts';
import { differences, entriesOf, parseBaseline, printBaseline, restoreBaseline } from '../../src/baseline/exchange.ts';
import { FILE_KINDS, NONE, printSubject } from '../../src/behaviour/edge.ts';

/** Bytes that a file name can have, those that mean something to us among them. */
const name = string({ unit: constantFrom('/', 'a', '7', ' ', '"', '\\', '%', '>', '-', '@', ':', '\n', '\x1b', '\x7f', '\x9b', '\xff', '{'), maxLength: 12 }).map((text) => bytes(`/${text}`));
const facts = tuple(nat(1e12).map(ms), nat(1e12).map(ms), nat(), nat(7), nat(60), integer({ min: -1, max: 1e9 }));
const subject = record({ exe: name, script: name, euid: nat(9) }).map(({ exe, script, euid }) => printSubject({ container: NONE, login: uid(1000), euid: uid(euid), exe, script, service: bytes('cron') }));
const group = record({ node: subject, kind: constantFrom(...FILE_KINDS, 'sock', 'trace', 'kernel', 'connect'), names: uniqueArray(tuple(name, facts), { selector: ([text]) => text, maxLength: 5 }), patterns: uniqueArray(tuple(constantFrom('^/tmp/[0-9a-f]{4}$', '^/a\\.[0-9]{1,3}$', '^/\xff->[0-9a-z]{3}$'), name, facts), { selector: ([source]) => source, maxLength: 3 }) });
const state = uniqueArray(group, { selector: ({ node, kind }) => `${kind} ${node}`, maxLength: 6 }).map((groups): BaselineState => ({
  groups: allRows(groups.map(({ names, patterns, ...of }, number) => [number, {
    ...of, ripe: 0, settled: 0, names: allRows(names.map(([text, known]) => [text, 'graph', ...known] as const)), patterns: allRows(patterns.map(([source, witness, known]) => [source, witness, ...known] as const)),
  }] as const)),
  counts: allRows([]), changed: [], units: { length: ms(60_000), seen: 3, latest: 8 }, learned: allRows([]), full: { refused: 0, group: '' },
}));

describe('a baseline in print', () => {
  it('says all there is to know, whatever the names', () => {
    assert(property(state, (known) => {
      const text = printBaseline(known, ms(5));
      expect(text).toMatch(/^[\n\x20-\x7e]*$/);
      const restored = restoreBaseline(parseBaseline(text));
      expect(entriesOf(restored)).toEqual(entriesOf(known));
      expect(restored.units).toEqual(known.units);
      expect(printBaseline(restored, ms(5))).toBe(text);
      expect(differences(entriesOf(known), entriesOf(restored))).toEqual([]);
      // It can be gone on with.
      expect(entriesOf(newBaseline(ms(60_000), restored).save())).toEqual(entriesOf(known));
    }));
  });

  it('is taken whole or not at all, whatever was made of it', () => {
    assert(property(state, array(tuple(nat(), nat(255)), { minLength: 1, maxLength: 3 }), (known, changes) => {
      const text = Buffer.from(printBaseline(known, ms(5)), 'latin1');
      const changed = Buffer.from(text);
      for (const [at, byte] of changes) changed[at % changed.length] = byte;
      try {
        const { entries } = parseBaseline(changed.toString('latin1'));
        // The header has no checksum of its own; what is normal has.
        expect(entries).toEqual(entriesOf(known));
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringMatching(/^(?:is no baseline|does not match|says nothing)/) });
      }
    }));
  });
});
