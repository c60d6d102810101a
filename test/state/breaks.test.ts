import { describe, expect, it } from 'vitest';
import { pid } from '../../src/audit/units.ts';
import type { Line } from '../../src/detect/line.ts';
import { fact } from '../support/fact.ts';
import { raw, record, T0 } from '../support/log.ts';
import { alertsOf, openFullmon } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';

const worker = { pid: 700, exe: '/usr/sbin/worker' };
const bytesOf = (lines: readonly string[]): Buffer => raw(lines.map((line) => `${line}\n`).join(''));
const gaps = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'finding' ? [`${line.kind} at ${(line.time - T0) / 1000}: ${line.text}`] : []));
const files = (said: readonly Line[]): readonly string[] => alertsOf(said).map(({ edge }) => edge.slice(edge.lastIndexOf('/') + 1));

/** A file a second, by name. */
const creates = (scene: Scene, names: string): Scene => {
  for (const name of names) scene.create(worker, `/srv/${name}`).wait(1000);
  return scene;
};

describe('a log of which a part is missing', () => {
  it('is told by how much, and what was read already is passed over', () => {
    const fullmon = openFullmon();
    const scene = creates(openScene(), 'abc');
    fullmon.feed(bytesOf(scene.lines));
    fullmon.resume('lost');
    fullmon.feed(bytesOf(creates(scene.wait(97_000), 'def').lines.slice(4)));
    fullmon.end();
    expect(gaps(fullmon.said)).toEqual(['gap at 100: a part of the log is missing: nothing is known of the 98.000 s before this']);
    expect(alertsOf(fullmon.said).map(({ seen }) => seen.count)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(files(fullmon.said)).toEqual([...'abcdef']);
  });

  it('is learned for as long as was asked for, not counting what is missing', () => {
    const fullmon = openFullmon({ baseline: 10, monitor: 1 });
    const scene = creates(openScene(), 'abc');
    fullmon.feed(bytesOf(scene.lines));
    fullmon.resume('lost');
    const { length } = scene.lines;
    fullmon.feed(bytesOf(creates(scene.wait(97_000), 'defghijkl').lines.slice(length)));
    fullmon.end();
    expect(fullmon.state().learnUntil - T0).toBe(108_000);
    expect(files(fullmon.said)).toEqual(['l']);
  });

  it('may have been silent for a minute when it was only not read', () => {
    for (const [silence, told] of [[58_000, []], [60_000, [expect.stringContaining('the log was not read: nothing is known of the 61.000 s before')]]] as const) {
      const fullmon = openFullmon();
      const scene = creates(openScene(), 'a');
      fullmon.feed(bytesOf(scene.lines));
      fullmon.resume('paused');
      fullmon.feed(bytesOf(creates(scene.wait(silence), 'b').lines));
      fullmon.end();
      expect(gaps(fullmon.said)).toEqual(told);
      expect(files(fullmon.said)).toEqual(['a', 'b']);
    }
  });

  it.each([
    ['its file ends', (fullmon: ReturnType<typeof openFullmon>) => fullmon.endFile()],
    ['nothing older can come', (fullmon: ReturnType<typeof openFullmon>) => fullmon.tick(T0 as never)],
  ])('is passed over no longer when %s, should the clock have been set back', (_, over) => {
    const fullmon = openFullmon();
    fullmon.feed(bytesOf(creates(openScene().wait(10_000), 'a').lines));
    fullmon.resume('lost');
    fullmon.feed(bytesOf(creates(openScene(), 'b').lines));
    over(fullmon);
    fullmon.feed(bytesOf(creates(openScene().wait(5000), 'c').lines));
    fullmon.end();
    expect(files(fullmon.said)).toEqual(['a', 'c']);
  });

  it('does not lend the end of one event to another', () => {
    const fullmon = openFullmon();
    const scene = creates(openScene(), 'a');
    const [first = ''] = scene.lines;
    fullmon.feed(raw(`${first}\n${first.slice(0, 40)}`));
    fullmon.resume('lost');
    fullmon.feed(bytesOf(creates(scene.wait(10_000), 'b').lines.slice(4)));
    fullmon.end();
    expect(files(fullmon.said)).toEqual(['b']);
  });
});

/** A daemon, a long time, a boot, and a process with the pid of the daemon as its parent. */
const boot = (): readonly string[] => {
  const before = openScene().exec({ pid: 700, exe: '/usr/sbin/worker' }, ['worker']);
  for (let n = 0; n < 1500; n++) before.create(worker, '/srv/a');
  const after = openScene().wait(50_000).exec({ pid: 900, ppid: 700, exe: '/usr/bin/id' }, ['id']);
  return [...before.lines, ...after.lines];
};

describe('a machine that is started anew', () => {
  it('is told, and what ran before it is nobody\'s parent', () => {
    const fullmon = openFullmon();
    fullmon.feed(bytesOf(boot()));
    fullmon.end();
    expect(gaps(fullmon.said)).toEqual(['gap at 50: the machine was started anew: nothing is known of the 50.000 s before this']);
    expect(alertsOf(fullmon.said).map(({ edge }) => edge).at(-1)).toBe('proc::33:?->proc::33:/usr/bin/id@?');
  });

  it('is not seen where auditd is, which counts what it tells of itself from anywhere', () => {
    const start = record('DAEMON_START', 'op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=710 uid=0 ses=4294967295 subj=unconfined res=success', 7539, 0);
    const fullmon = openFullmon();
    fullmon.know([fact(500, 1, '/usr/sbin/worker', ['worker'])], pid(500));
    fullmon.feed(bytesOf([start, ...openScene().wait(20).exec({ pid: 900, ppid: 500, exe: '/usr/bin/id' }, ['id']).lines]));
    fullmon.end();
    expect(gaps(fullmon.said).filter((finding) => finding.startsWith('gap'))).toEqual([]);
    expect(alertsOf(fullmon.said).map(({ edge }) => edge)).toEqual(['proc::33:/usr/sbin/worker->proc::33:/usr/bin/id@worker']);
  });

  it('is not taken for several machines whose logs are one', () => {
    const fullmon = openFullmon();
    fullmon.feed(bytesOf(boot().map((line, i) => `node=${i < 1000 ? 'a' : 'b'} ${line}`)));
    fullmon.end();
    expect(gaps(fullmon.said)).toEqual([]);
  });
});
