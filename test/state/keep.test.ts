import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import type { Line } from '../../src/detect/line.ts';
import { keep } from '../../src/shell/keep.ts';
import { inLog } from '../../src/shell/place.ts';
import { raw, record, T0 } from '../support/log.ts';
import { openScene } from '../support/scene.ts';

let dir = '';
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-told-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const state = (): string => (existsSync(join(dir, 'state', 'state')) ? readFileSync(join(dir, 'state', 'state'), 'utf8') : '');

it('what was told is on the disk before a state counts it as told, after a cycle and at a stop', async () => {
  let told = 0;
  let synced = { told: 0, state: '' };
  const { fullmon, checkpoint, saved, close } = keep(join(dir, 'state'), false, { baseline: 0, monitor: 10, rebase: false, ignored: () => false }, {
    tell: () => told++,
    sync: () => (synced = { told, state: state() }),
  });
  const scene = openScene();
  const happens = (name: string, after: number): void => {
    const before = scene.lines.length;
    scene.wait(after).create({ pid: 4190001, exe: '/usr/bin/tee' }, `/srv/${name}`);
    fullmon.feed(raw(scene.lines.slice(before).map((line) => `${line}\n`).join('')));
  };
  const isInOrder = (act: () => void): void => {
    const before = { told, state: state() };
    act();
    expect(told).toBeGreaterThan(before.told);
    expect(state()).not.toBe(before.state);
    expect(synced).toEqual({ told, state: before.state });
  };

  happens('first', 0);
  checkpoint(() => undefined);
  for (const name of ['second', 'third']) {
    // A save takes a sixteenth of the time at most.
    await setTimeout(17_000 * (saved()?.took ?? 0));
    isInOrder(() => {
      happens(name, 60_000);
      checkpoint(() => undefined);
    });
  }
  isInOrder(() => close(undefined));
});

it('with --monitor 0 the state is saved at least once a minute, however often fullmon is killed and however old the stamps are', () => {
  const scene = openScene();
  const unsaved: number[] = [];
  for (let second = 0; second < 300; second += 7) {
    const { fullmon, resumed, checkpoint } = keep(join(dir, 'state'), false, { baseline: 0, monitor: 0, rebase: false, ignored: () => false }, { tell: () => undefined });
    let from = inLog(resumed?.position)?.offset ?? 0;
    scene.wait(1000).create({ pid: 4190001, exe: '/usr/bin/tee' }, `/srv/${second}`);
    const save = (): void => checkpoint(() => {
      from = scene.lines.length;
      return { dev: '', ino: '', born: '', offset: from };
    });
    fullmon.feed(raw(scene.lines.slice(from).map((line) => `${line}\n`).join('')));
    save();
    fullmon.tick(ms(T0 + 1000 * (86_400 + second)));
    save();
    unsaved.push(scene.lines.length - from);
    // Killed: it is not there any more, and did not let go of anything.
    rmSync(join(dir, 'state', 'lock'));
  }
  const perMinute = (scene.lines.length / unsaved.length) * (60 / 7);
  expect(Math.max(...unsaved)).toBeLessThanOrEqual(perMinute);
  expect(unsaved.filter((lines) => lines === 0).length).toBeGreaterThan(3);
});

const edgesOf = (said: readonly Line[]): readonly (readonly [string, number])[] => said.flatMap((line) => (line.type === 'edge' ? [[`${line.alert.incident} ${line.alert.edge}`, line.alert.seen.count] as const] : []));
const findingsOf = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'finding' ? [line.text] : []));

/** Somebody takes a rule away at that time (ms). */
const removed = (after: number): string => record('CONFIG_CHANGE', 'auid=0 ses=1 op=remove_rule key="x" list=4 res=1', 20 + after / 1000, after);

it('what is grave is told and counted while learning as undisturbed, however often fullmon is stopped, and each time what has come', () => {
  const scene = openScene();
  const lines: string[] = [];
  for (let second = 0; second < 12; second++) {
    const before = scene.lines.length;
    scene.wait(second === 11 ? 120_000 : 1000).exec({ pid: 100 + second, exe: '/dev/shm/x' }, ['/dev/shm/x']);
    lines.push(...scene.lines.slice(before), ...(second % 4 === 1 ? [removed(1000 * (second + 1))] : []));
  }
  /** What is told up to each stop, and the incidents as they stand in the end. */
  const run = (directory: string, ...stops: readonly number[]): { readonly told: readonly (readonly Line[])[]; readonly incidents: unknown } => {
    let incidents: unknown;
    const told = stops.map((stop, i) => {
      const said: Line[] = [];
      const { fullmon, close } = keep(join(dir, directory), false, { baseline: 3600, monitor: 60, rebase: false, ignored: () => false }, { tell: (line) => said.push(line) });
      fullmon.feed(raw(lines.slice(stops[i - 1] ?? 0, stop).map((line) => `${line}\n`).join('')));
      incidents = fullmon.incidents();
      close(undefined);
      return said;
    });
    return { told, incidents };
  };
  const whole = run('undisturbed', lines.length);
  const parts = run('stopped', 16, 17, 30, lines.length);
  expect(edgesOf(whole.told.flat()).map(([, count]) => count)).toEqual([11]);
  expect(new Map(edgesOf(parts.told.flat()))).toEqual(new Map(edgesOf(whole.told.flat())));
  expect(parts.incidents).toEqual(whole.incidents);
  expect(findingsOf(whole.told.flat())).toHaveLength(1);
  expect(findingsOf(parts.told.flat())).toEqual(expect.arrayContaining([...findingsOf(whole.told.flat())]));
  expect(parts.told.map((said) => edgesOf(said).length)).toEqual([1, 0, 0, 1]);
});

it('cycles that are over in no time are not all saved, and the last one is', () => {
  const { fullmon, checkpoint, close } = keep(join(dir, 'state'), false, { baseline: 0, monitor: 10, rebase: false, ignored: () => false }, { tell: () => undefined });
  const scene = openScene();
  let written = 0;
  for (let cycle = 0; cycle < 100; cycle++) {
    const [before, lines] = [state(), scene.lines.length];
    scene.wait(60_000).create({ pid: 4190001, exe: '/usr/bin/tee' }, `/srv/${cycle}`);
    fullmon.feed(raw(scene.lines.slice(lines).map((line) => `${line}\n`).join('')));
    checkpoint(() => undefined);
    if (state() !== before) written++;
  }
  expect(written).toBeGreaterThan(0);
  expect(written).toBeLessThan(50);
  close(undefined);
  expect(keep(join(dir, 'state'), false, { baseline: 0, monitor: 10, rebase: false, ignored: () => false }, { tell: () => undefined }).fullmon.state().time).toBe(fullmon.state().time);
});
