import { describe, expect, it } from 'vitest';
import { newBaseline } from '../../src/baseline/baseline.ts';
import type { Baseline } from '../../src/baseline/baseline.ts';
import { unitOf } from '../../src/baseline/coverage.ts';
import type { Schedule } from '../../src/baseline/coverage.ts';
import { sighting } from '../support/sighting.ts';

const HOUR = 3_600_000;
const DAYS = 3;

/** Always the same numbers below 1 for the same seed. */
const numbers = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};

/** A world of edges, each of which comes by chance: some every hour, some once in a hundred days. By hours, chance of each to be seen in one. */
const world = (random: () => number): readonly number[] => Array.from({ length: 400 }, () => 1 - Math.exp(-(10 ** (-3.4 * random()))));

const edge = (i: number, time: number) => sighting(`proc::33:/usr/sbin/nginx->file:WRITE:/srv/${'abcdefghij'.charAt(i % 10)}/${[...String(i)].map((d) => 'aeioubdlmn'.charAt(Number(d))).join('')}`, time);

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The world seen for some days, and for one more. */
const observe = (seed: number) => {
  const random = numbers(seed);
  const chances = world(random);
  const baseline = newBaseline(unitOf(DAYS * 86_400));
  const hours = DAYS * 24;
  const known = new Set<number>();
  for (let hour = 0; hour < hours; hour++) {
    for (const [i, chance] of chances.entries()) {
      if (random() >= chance) continue;
      known.add(i);
      baseline.learn(edge(i, hour * HOUR));
    }
  }
  const unknown = chances.filter((_, i) => !known.has(i));
  return {
    told: baseline.coverage(), edges: known.size, hours,
    coverage: 1 - sum(unknown) / sum(chances),
    nextDay: sum(unknown.map((chance) => 1 - (1 - chance) ** 24)),
  };
};

describe('what is told of a baseline', () => {
  const worlds = Array.from({ length: 20 }, (_, i) => observe(i + 1));

  it('counts the edges and the hours', () => {
    for (const { told, edges, hours } of worlds) expect(told).toMatchObject({ edges, units: hours, unit: 3600 });
  });

  it('is close to the truth about the next hour', () => {
    for (const { told, coverage } of worlds) expect(Math.abs(told.coverage - coverage)).toBeLessThan(0.01);
  });

  it('is close to the truth about the next day', () => {
    for (const { told, nextDay } of worlds) expect(told.expectedPerDay / nextDay).toSatisfy((ratio: number) => ratio > 0.6 && ratio < 1.6);
  });

  it('is told for each kind, and for all', () => {
    const baseline = newBaseline(unitOf(3600));
    for (let i = 0; i < 10; i++) baseline.learn(sighting('proc::33:/usr/sbin/nginx->host:a.example.test:443', i * 60_000));
    baseline.learn(sighting('proc::33:/usr/sbin/nginx->file:WRITE:/a', 0));
    baseline.learn(sighting('proc::33:/usr/sbin/nginx->file:WRITE:/b', 60_000));
    const { byKind, edges } = baseline.coverage();
    expect(edges).toBe(3);
    expect(byKind).toMatchObject({ connect: { edges: 1, coverage: 1, expectedPerDay: 0 }, write: { edges: 2 } });
    expect(byKind.write?.coverage).toBeLessThan(0.5);
    expect(Object.keys(byKind)).toHaveLength(2);
  });

  it('is nothing where nothing was learned, or all in one moment', () => {
    expect(newBaseline(unitOf(0)).coverage()).toMatchObject({ edges: 0, units: 0, coverage: 0, expectedPerDay: 0, byKind: {} });
    const baseline = newBaseline(unitOf(3600));
    for (let i = 0; i < 50; i++) baseline.learn(edge(i, 0));
    expect(baseline.coverage()).toMatchObject({ edges: 50, units: 1, coverage: 0 });
  });

  it('does not foresee a regime that never came: only the list of regimes tells of it', () => {
    const baseline = newBaseline(unitOf(86_400));
    for (let hour = 0; hour < 24; hour++) for (let i = 0; i < 50; i++) baseline.learn(edge(i, hour * HOUR));
    expect(baseline.coverage()).toMatchObject({ coverage: 1, expectedPerDay: 0 });
    expect(baseline.coverage().regimes).toContainEqual({ name: 'package update', seen: false });
  });

  it('is the same after a restart', () => {
    const baseline = newBaseline(unitOf(3600));
    for (let i = 0; i < 30; i++) baseline.learn(edge(i, (i % 7) * 60_000));
    expect(newBaseline(unitOf(0), baseline.save()).coverage()).toEqual(baseline.coverage());
  });

  it('takes a pattern for one edge, seen whenever one of its names was', () => {
    const baseline = newBaseline(unitOf(3600));
    const names = ['0f1e2d3c4b5a6978', 'a81b93c0d4e5f607', '1122aabb33cc44dd', '9a8b7c6d5e4f3021'];
    for (const [i, name] of names.entries()) baseline.learn(sighting(`proc::33:/usr/bin/x->file:CREATE:/srv/${name}`, i * 60_000));
    baseline.generalise();
    expect(baseline.coverage()).toMatchObject({ edges: 1, units: 4, coverage: 1, expectedPerDay: 0 });
  });
});

it('the unit of time is a sixtieth of the baseline, between a minute and an hour', () => {
  expect([0, 600, 3600, 6 * 3600, 86_400, 30 * 86_400].map((seconds) => unitOf(seconds) / 1000)).toEqual([60, 60, 60, 360, 1440, 3600]);
});

const seen = (baseline: Baseline, schedules: readonly Schedule[] = []): readonly string[] => baseline.coverage(schedules).regimes.filter((regime) => regime.seen).map(({ name }) => name);
const after = (...edges: readonly string[]): Baseline => {
  const baseline = newBaseline(unitOf(3600));
  for (const text of edges) baseline.learn(sighting(text));
  return baseline;
};

describe('a regime', () => {
  it.each([
    ['boot', 'proc::0:/usr/lib/systemd/systemd->proc::0:/usr/lib/systemd/systemd-update-utmp'],
    ['login', 'proc::1000/1000:/usr/bin/bash@sshd->proc::1000/1000:/usr/bin/id@sshd'],
    ['package update', 'proc::0/0:/usr/bin/dpkg@cron->file:RENAME:/usr/bin/curl'],
    ['log rotation', 'proc::0:/usr/sbin/logrotate->file:RENAME:/var/log/syslog.1'],
  ])('of %s is seen by what it does', (name, evidence) => {
    expect(seen(after())).toEqual([]);
    expect(seen(after(evidence))).toEqual([name]);
  });

  it.each([
    ['systemd at any time', 'proc::0:/usr/lib/systemd/systemd->proc::0:/usr/sbin/logrotate'],
    ['a job', 'proc::0/0:/usr/bin/dash -c@cron->proc::0/0:/usr/bin/id@cron'],
    ['a question to the package manager', 'proc::0/0:/usr/bin/bash@sudo->proc::0/0:/usr/bin/dpkg@sudo'],
    ['a rotation with nothing to rotate', 'proc::0:/usr/sbin/logrotate->file:WRITE:/var/lib/logrotate/status'],
  ])('is not seen by %s', (_, evidence) => expect(seen(after(evidence))).toEqual([]));

  it('is each job that is due, seen once it ran by the clock', () => {
    const schedules: readonly Schedule[] = [
      { name: 'cron: /opt/app/sync.py', by: 'cron', program: '/opt/app/sync.py' },
      { name: 'cron: /etc/cron.daily/dpkg', by: 'cron', program: '/etc/cron.daily/dpkg' },
      { name: 'timer: fstrim.timer', by: 'timer', program: '/usr/sbin/fstrim' },
      { name: 'timer: apt-daily.timer', by: 'timer', program: '/usr/lib/apt/apt.systemd.daily' },
    ];
    const baseline = after(
      'proc::33/33:/usr/bin/dash -c@cron->proc::33/33:/usr/bin/python3.11 /opt/app/sync.py@cron',
      'proc::0:/usr/lib/systemd/systemd-executor->proc::0:/usr/sbin/fstrim',
      // By hand does not count.
      'proc::0/0:/usr/bin/bash@sshd->proc::0/0:/usr/bin/dash /etc/cron.daily/dpkg@sshd',
    );
    expect(seen(baseline, schedules)).toEqual(['login', 'cron: /opt/app/sync.py', 'timer: fstrim.timer']);
    expect(baseline.coverage(schedules).regimes.map(({ name }) => name)).toContain('timer: apt-daily.timer');
  });
});
