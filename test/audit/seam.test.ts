import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openSeam } from '../../src/audit/seam.ts';
import type { Seam, SeamState } from '../../src/audit/seam.ts';
import { raw } from '../support/log.ts';

/** Records of events that interleave: each has up to five, its own number in its body. */
const records = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 5 }), late: fc.integer({ min: 0, max: 3 }) }), { minLength: 1, maxLength: 40 })
  .map((events) =>
    events
      .flatMap(({ size, late }, n) => Array.from({ length: size }, (_, i) => ({ event: n, place: n + i * late * 0.4, text: `type=PATH msg=audit(1700000000.${String(n % 7).padStart(3, '0')}:${1000 + n}): item=${i}` })))
      .toSorted((a, b) => a.place - b.place),
  );

interface Passed {
  readonly seam: Seam;
  readonly lines: () => readonly string[];
  readonly losses: () => number;
}

const open = (saved?: SeamState, before: readonly string[] = []): Passed => {
  let text = before.map((line) => `${line}\n`).join('');
  let losses = 0;
  const seam = openSeam((line) => (text += line.toString('latin1')), () => undefined, () => losses++, saved);
  return { seam, lines: () => text.split('\n').slice(0, -1), losses: () => losses };
};

const told = (lines: readonly string[], cut = 0): Buffer => {
  const text = lines.map((line) => `${line}\n`).join('');
  return raw(text.slice(0, text.length - cut));
};

const NAMES = ['one', 'two', 'three', 'four'];
const record = (serial: number, name: string, time = '1700000000.100'): string => `type=PATH msg=audit(${time}:${serial}): item=0 name="${name}"`;

describe('the log and the socket together', () => {
  it('tell each record once and in its order, whoever tells how far, wherever a line is cut, and through restarts', () => {
    const turns = fc.array(fc.record({ to: fc.constantFrom('log' as const, 'socket' as const), back: fc.nat(60), on: fc.nat(30), cut: fc.nat(20), restart: fc.boolean() }), { maxLength: 8 });
    fc.assert(
      fc.property(records, turns, (all, steps) => {
        let passed = open();
        let done = 0;
        const from = (back: number): number => {
          // An event that is not whole yet is told from its first record by whoever tells on: both are read for a while.
          const begun = new Set(all.slice(0, done).map(({ event }) => event).filter((event) => all.slice(done).some((later) => later.event === event)));
          const first = all.findIndex(({ event }) => begun.has(event));
          return Math.max(0, Math.min(done - back, first < 0 ? done : first));
        };
        for (const { to, back, on, cut, restart } of [...steps, { to: 'log' as const, back: 100, on: 1000, cut: 0, restart: false }]) {
          if (restart) {
            const saved: SeamState = JSON.parse(JSON.stringify(passed.seam.save()));
            passed = open(saved, passed.lines());
          }
          const begin = from(back);
          const end = Math.min(all.length, done + on);
          passed.seam.turn(to);
          // The socket marks the end of an event.
          const lines = all.slice(begin, end).flatMap(({ text }) => (to === 'socket' ? [text, text.replace(/type=PATH(.*) item=.*/, 'type=EOE$1 ')] : [text]));
          const bytes = told(lines, to === 'log' && end > done ? cut : 0);
          for (let at = 0; at < bytes.length; at += 17) passed.seam.feed(bytes.subarray(at, at + 17));
          done = passed.lines().filter((line) => !line.includes('EOE')).length;
        }
        expect(passed.lines().filter((line) => !line.includes('EOE'))).toEqual(all.map(({ text }) => text));
      }),
      { numRuns: 300 },
    );
  });

  it('notice that the log does not hold any more what was taken last', () => {
    const { seam, lines, losses } = open([[1_700_000_000_100, 7, 1]]);
    seam.turn('log');
    seam.feed(told([record(5, 'before', '1700000000.050'), record(9, 'after'), record(10, 'more')]));
    expect(lines()).toEqual([record(9, 'after'), record(10, 'more')]);
    expect(losses()).toBe(1);
  });

  it('notice that there is no log at all when the socket speaks', () => {
    const { seam, lines, losses } = open([[1_700_000_000_100, 7, 1]]);
    seam.turn('log');
    seam.turn('socket');
    seam.feed(told([record(9, 'after')]));
    expect(lines()).toEqual([record(9, 'after')]);
    expect(losses()).toBe(1);
  });

  it('find nothing amiss in a log that holds nothing new', () => {
    const { seam, lines, losses } = open();
    seam.turn('socket');
    seam.feed(told(NAMES.map((name, n) => record(n, name))));
    seam.turn('log');
    seam.feed(told(NAMES.map((name, n) => record(n, name))));
    seam.turn('socket');
    expect(lines()).toEqual(NAMES.map((name, n) => record(n, name)));
    expect(losses()).toBe(0);
  });

  it('count the events that were not told, but not those that are told late', () => {
    const { seam } = open();
    seam.turn('socket');
    for (const serial of [5, 6, 9, 7, 10]) seam.feed(told([record(serial, 'x')]));
    expect(seam.missing()).toBe(1);
    seam.feed(told([record(8, 'x')]));
    expect(seam.missing()).toBe(0);
  });

  it('remember a bounded number of events', () => {
    const { seam } = open();
    for (let serial = 0; serial < 30_000; serial++) seam.feed(told([record(serial, 'x')]));
    expect(seam.save()).toHaveLength(1024);
  });
});
