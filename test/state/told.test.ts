import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keep } from '../../src/shell/keep.ts';
import { openScene } from '../support/scene.ts';
import { raw } from '../support/log.ts';

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
