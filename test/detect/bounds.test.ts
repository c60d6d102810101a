import { describe, expect, it } from 'vitest';
import { bytes, ms } from '../../src/audit/units.ts';
import type { Line } from '../../src/detect/line.ts';
import { openFullmon, replay } from '../support/replay.ts';
import type { Flags } from '../support/replay.ts';
import { raw } from '../support/log.ts';
import { CWD, NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Nobody has longer names, so that few of them need all the room there is. */
const LONG = 'x'.repeat(4000);

const logOf = (lines: readonly string[]): Buffer => raw(lines.map((line) => `${line}\n`).join(''));

const boundsOf = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'finding' && line.kind === 'flood' ? [line.text] : []));

const say = (scene: Scene, isInterrupted: boolean): readonly Line[] => {
  const flags: Flags = { baseline: 60, monitor: 60, flood: 20 };
  if (!isInterrupted) return replay(scene.lines, flags);
  const half = scene.lines.length >> 1;
  const before = openFullmon(flags);
  before.feed(logOf(scene.lines.slice(0, half)));
  const after = openFullmon(flags, JSON.parse(JSON.stringify(before.save())));
  after.feed(logOf(scene.lines.slice(half)));
  after.end();
  return [...before.said, ...after.said];
};

const times = (scene: Scene, n: number, make: (i: number) => Scene, wait = 0): Scene => {
  for (let i = 0; i < n; i++) make(i).wait(wait);
  return scene;
};

const worker = (i: number): Actor => ({ pid: 1000 + 2 * i, exe: `/opt/${i}/${LONG}` });

/** What fills a bound, how often it takes that, and what is told. */
const FILLS: readonly (readonly [string, number, (scene: Scene, i: number) => Scene, string])[] = [
  ['processes', 3300, (scene, i) => scene.create(worker(i), '/srv/a'), 'more processes within an hour than there is room for'],
  ['sessions', 16_600, (scene, i) => scene.login({ pid: 1000 + i, exe: '/usr/sbin/sshd', euid: 0 }, 1000, 1 + i), 'more sessions within an hour than there is room for'],
  [
    'directories', 900, (scene, i) => scene.files(WEB, NR.mkdirat, [{ name: `/srv/${i}/${LONG}`, type: 'PARENT', inode: 10_000 + i, mode: 0o040755 }, { name: `/srv/${i}/${LONG}/a`, type: 'CREATE' }], { args: [CWD] }),
    'more directories within an hour than there is room for',
  ],
];

describe('a bound that is reached', () => {
  it.each(FILLS)('by %s is told once, restarts or not', (_, n, fill, told) => {
    const scene = openScene().create(WEB, '/srv/a').wait(2 * MINUTE);
    times(scene, n, (i) => fill(scene, i)).wait(2 * MINUTE);
    times(scene, n / 2, (i) => fill(scene, n + i)).wait(2 * MINUTE);
    expect(boundsOf(say(scene.create(WEB, '/srv/a'), true)).filter((text) => text.startsWith(told)).length).toBe(1);
  });

  it.each(FILLS)('by %s over days is nothing to speak of', (_, n, fill, told) => {
    const scene = openScene().create(WEB, '/srv/a').wait(2 * MINUTE);
    times(scene, 1.5 * n, (i) => fill(scene, i), Math.round((2 * DAY) / n));
    expect(boundsOf(say(scene, false)).filter((text) => text.startsWith(told))).toEqual([]);
  });

  it('by events that do not end is told once, and once more on the next day', () => {
    const scene = openScene().create(WEB, '/srv/a');
    const unfinished = (): Scene => times(scene, 8200, () => scene.create(WEB, '/srv/a'));
    unfinished().wait(2 * MINUTE);
    unfinished().wait(25 * HOUR);
    unfinished().wait(2 * MINUTE).create(WEB, '/srv/a');
    const said = replay(scene.lines.filter((line) => !line.includes('PROCTITLE')), { baseline: 60, monitor: 60 });
    expect(boundsOf(said).map((text) => text.replace(/:.*/, ''))).toEqual(['too many events were open at a time', 'too many events were open at a time']);
  });

  it('by names of hosts is told once', () => {
    const fullmon = openFullmon({ baseline: 60, monitor: 60 });
    for (let i = 0; i < 100_000; i++) fullmon.hostnames.learn({ time: ms(i), name: bytes(`n${i}.test`), addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`], ttl: 0 });
    const scene = openScene();
    fullmon.feed(logOf(times(scene, 5, () => scene.create(WEB, '/srv/a'), MINUTE).lines));
    fullmon.end();
    expect(boundsOf(fullmon.said)).toEqual([expect.stringMatching(/^more names of hosts than there is room for: the \d{5} oldest so far are forgotten/)]);
  });
});
