import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFullmon, SNAPSHOT } from '../../src/fullmon.ts';
import type { Settings } from '../../src/fullmon.ts';
import { openStore } from '../../src/input/checkpoint.ts';
import { readCheckpoint } from '../../src/shell/keep.ts';
import { builtProgram, run } from '../support/program.ts';
import type { Ran } from '../support/program.ts';
import { readLog } from '../support/replay.ts';

const NOISY = resolve(import.meta.dirname, '../../fixtures/web-shell-in-noisy-directory.log');

const SETTINGS: Settings = { baseline: 30, monitor: 10, rebase: false, ignored: () => false };

let main = '';
let root = '';
let dir = '';

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-restart-'));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
});

const path = (name: string): string => join(dir, name);
const state = (): readonly string[] => ['--state', path('state')];
const fullmon = (...args: readonly string[]): Promise<Ran> => run([process.execPath, main, ...args]);
const replay = (file: string, ...args: readonly string[]): Promise<Ran> => fullmon('replay', file, '--baseline', '30', '--monitor', '10', ...args);

interface Line {
  readonly type: string;
  readonly msg: string;
  readonly kind?: string;
  readonly incident?: string;
  readonly severity?: string;
  readonly count?: number;
}
const linesOf = (stdout: string): readonly Line[] => stdout.split('\n').filter((text) => text !== '').map((text): Line => JSON.parse(text));
const edgesOf = (stdout: string): readonly string[] => linesOf(stdout).filter(({ type }) => type === 'edge').map(({ msg, incident }) => `${incident} ${msg}`);
/** How often each edge was counted, as told last; an edge of a cycle that was stopped is told once more when it ends. */
const countsOf = (stdout: string): ReadonlyMap<string, number | undefined> =>
  new Map(linesOf(stdout).filter(({ type }) => type === 'edge').map(({ msg, incident, severity, count }) => [`${incident} ${severity} ${msg}`, count]));
const findingsOf = (stdout: string): readonly string[] => linesOf(stdout).filter(({ type }) => type === 'finding').map(({ kind, severity, msg }) => `${kind} ${severity ?? ''}: ${msg}`);

/** A log in pieces, cut within lines. */
const pieces = (log: Buffer, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => {
    const file = path(`piece.${i}`);
    writeFileSync(file, log.subarray(Math.floor((i * log.length) / count), Math.floor(((i + 1) * log.length) / count)));
    return file;
  });

describe('a replay that is told to keep its state', () => {
  it('finds in a log that has grown meanwhile what it finds in one go', async () => {
    const log = readLog(NOISY);
    writeFileSync(path('whole.log'), log);
    const whole = await replay(path('whole.log'), '--state', path('undisturbed'));
    const file = path('audit.log');
    let told = '';
    for (const share of [0.3, 0.6, 0.9, 1]) {
      writeFileSync(file, log.subarray(0, Math.floor(log.length * share)));
      const { stdout, stderr, status } = await replay(file, ...state());
      expect([status, stderr.includes('Error')]).toEqual([0, false]);
      told += stdout;
    }
    expect(edgesOf(whole.stdout)).not.toEqual([]);
    expect(countsOf(told)).toEqual(countsOf(whole.stdout));
    for (const what of ['incidents', 'patterns', 'coverage']) expect((await fullmon('show', what, ...state())).stdout).toBe((await fullmon('show', what, '--state', path('undisturbed'))).stdout);
  });

  it('counts and tells what it does undisturbed, however often it is stopped within a cycle, and each time what has come', async () => {
    const lines = readLog(NOISY).toString('latin1').split('\n');
    const file = path('audit.log');
    // One cycle, which nothing is learned before.
    const flags = ['--baseline', '0', '--monitor', '100000'];
    let told = '';
    const stops: number[] = [];
    for (const end of [200, 201, 350, 500]) {
      writeFileSync(file, lines.slice(0, end).map((line) => `${line}\n`).join(''), 'latin1');
      const { stdout } = await fullmon('replay', file, ...flags, ...state());
      stops.push(countsOf(stdout).size);
      told += stdout;
    }
    const whole = await fullmon('replay', file, ...flags, '--state', path('undisturbed'));
    expect(stops[0]).toBeGreaterThan(0);
    expect(countsOf(told)).toEqual(countsOf(whole.stdout));
    // Nothing has come since.
    expect((await fullmon('replay', file, ...flags, ...state())).stdout).toBe('');
  });

  it('passes over what it has read, under whatever name', async () => {
    const { stdout } = await replay(NOISY, ...state());
    expect(edgesOf(stdout)).not.toEqual([]);
    writeFileSync(path('copy.log'), readLog(NOISY));
    for (const file of [NOISY, path('copy.log')]) expect((await replay(file, ...state())).stdout).toBe('');
  });

  it('learns anew when it is told to', async () => {
    const first = await replay(NOISY, ...state());
    expect((await replay(NOISY, ...state(), '--reset')).stdout).toBe(first.stdout);
  });

  it('keeps no state unless it is told where', async () => {
    expect((await replay(NOISY, '--reset')).status).toBe(2);
    await replay(NOISY);
    expect(readdirSync(dir)).toEqual([]);
  });
});

const damage = (name: string): void => writeFileSync(join(path('state'), name), 'x');

describe('a damaged state', () => {
  it('is told as critical, and the one before it is gone on from', async () => {
    const [first = '', second = '', third = ''] = pieces(readLog(NOISY), 3);
    for (const file of [first, second]) await replay(file, ...state());
    damage('state');
    // What came since is read again.
    const { stdout, status } = await replay(second, third, ...state());
    expect(status).toBe(0);
    expect(findingsOf(stdout)).toEqual([expect.stringMatching(/^state critical: .*state has no header.*going on from the state before it/)]);
  });

  it('is one whose checksum is right and whose content is not, too', async () => {
    await replay(NOISY, ...state());
    const store = openStore(path('state'));
    const found = store.read((body) => JSON.stringify(body));
    const whole = found.kind === 'state' ? found.state : '';
    for (const body of [7, null, [], {}, { snapshot: null }, { snapshot: {} }, { snapshot: { shape: SNAPSHOT } }, JSON.parse(whole.replace('"processes":{"gone":[],"rows":[[', '"processes":{"gone":[],"rows":[[[],')), JSON.parse(whole.replace(/"shape":\d+/, '"shape":0'))]) {
      expect(body).not.toEqual(JSON.parse(whole));
      store.reset();
      store.write(JSON.stringify(body));
      const found = store.read(readCheckpoint);
      const revive = (): unknown => found.kind === 'state' && createFullmon(SETTINGS, () => undefined, undefined, found.state.snapshot);
      if (found.kind === 'state') expect(revive).toThrow(Error);
      else expect(found.kind).toBe('damaged');
    }
    store.close();
    const { status, stdout } = await replay(NOISY, ...state());
    expect([status, findingsOf(stdout)]).toEqual([0, [expect.stringMatching(/^state critical: .*state was written by a fullmon too old to go on from; .*--reset/)]]);
  });

  it('without one before it is told at every start, learns nothing and is left as it is', async () => {
    const [first = '', second = ''] = pieces(readLog(NOISY), 2);
    await replay(first, ...state());
    for (const name of readdirSync(path('state'))) damage(name);
    for (let round = 0; round < 2; round++) {
      const { stdout, status } = await replay(second, ...state());
      expect(status).toBe(0);
      expect(findingsOf(stdout)).toEqual([expect.stringMatching(/^state critical: .*what is normal is not known.*--reset/)]);
      expect(linesOf(stdout).filter(({ type }) => type === 'phase')).toEqual([]);
    }
    expect(readFileSync(join(path('state'), 'state'), 'utf8')).toBe('x');
    const { stdout } = await replay(second, ...state(), '--reset');
    expect(linesOf(stdout)[0]).toMatchObject({ msg: 'baseline' });
  });
});

describe('the state of an older fullmon', () => {
  const SHAPES = resolve(import.meta.dirname, 'shapes');
  const POSTGRES = resolve(import.meta.dirname, '../../fixtures/postgres-relative-paths.log.gz');

  it.each(readdirSync(SHAPES))('of shape %s is gone on with: what was learned, told and generalised is known', async (shape) => {
    const whole = await replay(POSTGRES);
    mkdirSync(path('state'), { mode: 0o700 });
    writeFileSync(join(path('state'), 'state'), readFileSync(join(SHAPES, shape)), { mode: 0o600 });
    for (const [what, count] of [['baseline', 9], ['patterns', 3], ['incidents', 1]] as const) {
      const { stdout, status } = await fullmon('show', what, ...state());
      expect([status, stdout.split('\n').length - 1]).toEqual([0, count]);
    }
    // The whole log once more, as if it had happened the day after: nothing is new.
    const log = readLog(POSTGRES).toString('latin1').replaceAll('audit(17951', 'audit(17952');
    writeFileSync(path('again.log'), log, 'latin1');
    const { stdout, status } = await replay(path('again.log'), ...state());
    expect(status).toBe(0);
    expect(edgesOf(whole.stdout).length).toBeGreaterThan(0);
    expect(findingsOf(stdout).filter((finding) => finding.startsWith('state'))).toEqual([]);
    expect(linesOf(stdout).filter(({ msg }) => msg === 'baseline')).toEqual([]);
    // It is kept in the shape of today.
    expect(readFileSync(join(path('state'), 'state'), 'latin1')).toContain(`"shape":${SNAPSHOT}`);
  });

  it('that is newer is told to be that, with what to do, and is not touched', async () => {
    await replay(NOISY, ...state());
    const store = openStore(path('state'));
    store.write(JSON.stringify({ snapshot: { shape: SNAPSHOT + 1 } }));
    store.write(JSON.stringify({ snapshot: { shape: SNAPSHOT + 1 } }));
    store.close();
    const before = readFileSync(join(path('state'), 'state'));
    const { stdout } = await replay(NOISY, ...state());
    expect(findingsOf(stdout)).toEqual([expect.stringMatching(/^state critical: .*state was written by a newer fullmon: install that one again; .*--reset/)]);
    expect(readFileSync(join(path('state'), 'state'))).toEqual(before);
  });
});
