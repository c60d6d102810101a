import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { keep } from '../../src/shell/keep.ts';
import { inLog } from '../../src/shell/place.ts';
import { raw, T0 } from '../support/log.ts';
import { openScene } from '../support/scene.ts';

let dir = '';
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-told-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const state = (): string => (existsSync(join(dir, 'state', 'state')) ? readFileSync(join(dir, 'state', 'state'), 'utf8') : '');

it('what was told is on the disk before a state counts it as told, after a cycle and at a stop', () => {
  let told = 0;
  let synced = { told: 0, state: '' };
  const { fullmon, checkpoint, close } = keep(join(dir, 'state'), false, { baseline: 0, monitor: 10, rebase: false, ignored: () => false }, {
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
  for (const name of ['second', 'third']) isInOrder(() => {
    happens(name, 60_000);
    checkpoint(() => undefined);
  });
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
