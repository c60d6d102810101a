import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { createFullmon } from '../../src/fullmon.ts';
import type { Fullmon, Settings, Snapshot } from '../../src/fullmon.ts';
import { jsonReport } from '../../src/report/json.ts';
import { readLog } from '../support/replay.ts';

const FIXTURES = resolve(import.meta.dirname, '../../fixtures');
const LOGS = readdirSync(FIXTURES).filter((name) => /\.log(\.gz)?$/.test(name)).map((name) => ({ name, log: readLog(join(FIXTURES, name)) }));
/** A long recording of real work, where there is one. */
const { FULLMON_RECORDING: recording = '' } = process.env;

const SETTINGS: Settings = { baseline: 30, monitor: 10, rebase: false, ignored: () => false };

/** What a run has printed, and where it stands in the end. */
interface Told {
  readonly lines: readonly string[];
  readonly state: string;
}

/** Feeds the log piece by piece; where a piece begins that is named in `restarts`, the state goes through a file and another fullmon goes on. */
const run = (log: Buffer, settings: Settings, cuts: readonly number[], restarts: ReadonlySet<number>): Told => {
  const lines: string[] = [];
  const print = jsonReport({ write: (text) => void lines.push(text) });
  const tell = (line: Line): void => print(line);
  let fullmon: Fullmon = createFullmon(settings, tell);
  let from = 0;
  for (const to of [...cuts, log.length]) {
    if (restarts.has(from)) {
      const saved: Snapshot = JSON.parse(Buffer.from(JSON.stringify(fullmon.save())).toString());
      fullmon = createFullmon(settings, tell, undefined, saved);
    }
    fullmon.feed(log.subarray(from, to));
    from = to;
  }
  const state = JSON.stringify(fullmon.save());
  fullmon.end();
  return { lines, state };
};

const settingsOf = fc.record({ baseline: fc.constantFrom(0, 1, 30, 3600), monitor: fc.constantFrom(0, 1, 10, 60), rebase: fc.boolean() }).map((s) => ({ ...SETTINGS, ...s }));

describe('a log read in several runs', () => {
  it.each(LOGS)('$name says what it says in one, wherever it is cut', ({ log }) => {
    const places = fc.uniqueArray(fc.integer({ min: 1, max: log.length - 1 }), { minLength: 1, maxLength: 6 }).map((cuts) => cuts.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(settingsOf, places, (settings, cuts) => {
        expect(run(log, settings, cuts, new Set(cuts))).toEqual(run(log, settings, [], new Set()));
      }),
      { numRuns: 12 },
    );
  });

  it('is learned for as long as is asked for now', () => {
    const { log } = LOGS.find(({ name }) => name === 'suid-shell.log') ?? { log: Buffer.alloc(0) };
    const begun = createFullmon(SETTINGS, () => undefined);
    begun.feed(log.subarray(0, log.length / 2));
    for (const [baseline, phase] of [[3600, 'learning'], [0, 'monitoring']] as const) {
      const fullmon = createFullmon({ ...SETTINGS, baseline }, () => undefined, undefined, begun.save());
      fullmon.feed(log.subarray(log.length / 2));
      expect(fullmon.state().phase).toBe(phase);
      if (phase === 'learning') expect(fullmon.state().learnUntil - begun.state().learnUntil).toBe((3600 - SETTINGS.baseline) * 1000);
    }
  });

  it.skipIf(!existsSync(recording))('a whole recording (FULLMON_RECORDING) says what it says in one', () => {
    const log = readLog(recording);
    const settings = { ...SETTINGS, baseline: 3600, monitor: 60 };
    const cuts = Array.from({ length: 6 }, (_, i) => Math.floor(((i + 0.7) * log.length) / 6));
    expect(run(log, settings, cuts, new Set(cuts))).toEqual(run(log, settings, [], new Set()));
  });
});
