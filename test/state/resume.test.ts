import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { createFullmon } from '../../src/fullmon.ts';
import type { Fullmon, Settings, Snapshot } from '../../src/fullmon.ts';
import { readCheckpoint } from '../../src/shell/keep.ts';
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

/** As it is after it went through a file. */
const filed = (snapshot: Snapshot): { readonly snapshot: Snapshot } => ({ snapshot: JSON.parse(Buffer.from(JSON.stringify(snapshot)).toString()) });

/** A place in the log at which the state is saved, and whether all of it is; and whether another fullmon goes on from what is saved there. */
interface Save {
  readonly at: number;
  readonly isWhole: boolean;
  readonly isRestart: boolean;
}

/** Feeds the log piece by piece, and saves the state between them. */
const run = (log: Buffer, settings: Settings, saves: readonly Save[]): Told => {
  const lines: string[] = [];
  const print = jsonReport({ write: (text) => void lines.push(text) });
  const tell = (line: Line): void => print(line);
  let fullmon: Fullmon = createFullmon(settings, tell);
  let from = 0;
  let saved: { readonly snapshot: Snapshot }[] = [];
  for (const { at, isWhole, isRestart } of saves) {
    fullmon.feed(log.subarray(from, at));
    from = at;
    if (saved.length === 0 || isWhole) saved = [filed(fullmon.save())];
    else saved.push(filed(fullmon.saveChanges()));
    if (!isRestart) continue;
    const [first, ...changes] = saved;
    fullmon = createFullmon(settings, tell, undefined, readCheckpoint(first, changes).snapshot);
    saved = [];
  }
  fullmon.feed(log.subarray(from));
  const state = JSON.stringify(fullmon.save());
  fullmon.end();
  return { lines, state };
};

const settingsOf = fc.record({ baseline: fc.constantFrom(0, 1, 30, 3600), monitor: fc.constantFrom(0, 1, 10, 60), rebase: fc.boolean() }).map((s) => ({ ...SETTINGS, ...s }));

describe('a log read in several runs', () => {
  it.each(LOGS)('$name says what it says in one, wherever it is cut', ({ log }) => {
    const save = fc.record({ at: fc.integer({ min: 1, max: log.length - 1 }), isWhole: fc.boolean(), isRestart: fc.boolean() });
    const saves = fc.uniqueArray(save, { selector: ({ at }) => at, minLength: 1, maxLength: 12 }).map((all) => all.toSorted((a, b) => a.at - b.at));
    fc.assert(
      fc.property(settingsOf, saves, (settings, all) => {
        expect(run(log, settings, all)).toEqual(run(log, settings, []));
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
    const saves = Array.from({ length: 60 }, (_, i) => ({ at: Math.floor(((i + 0.7) * log.length) / 60), isWhole: i % 25 === 0, isRestart: i % 10 === 9 }));
    expect(run(log, settings, saves)).toEqual(run(log, settings, []));
  });
});
