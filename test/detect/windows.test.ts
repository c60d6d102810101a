import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import type { Window } from '../../src/input/accepted.ts';
import { expectedBy } from '../../src/shell/windows.ts';
import type { Snapshot } from '../../src/fullmon.ts';
import { alertsOf, openFullmon, replay } from '../support/replay.ts';
import { raw, T0 } from '../support/log.ts';
import { ipv4, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const DB: Actor = { pid: 510, exe: '/usr/sbin/mysqld', euid: 105 };
const MINUTE = 60_000;

/** Ten seconds in which something is learned; what comes next is at that time. */
const start = (): Scene => openScene().create(WEB, '/srv/a').create(DB, '/srv/b').wait(10_000);

/** Of so many minutes after that, in a log that begins at {@link T0}. */
const span = (window: Window['window'], from: number, until: number, service?: string): Window => ({
  window, ...(service === undefined ? {} : { service }), from: new Date(T0 + 10_000 + from * MINUTE).toISOString(), until: new Date(T0 + 10_000 + until * MINUTE).toISOString(), comment: 'new disks', by: 'root',
});

const say = (scene: Scene, ...windows: readonly Window[]): readonly Line[] => replay(scene.lines, { baseline: 10, monitor: 60, ...expectedBy(windows) });
const namesOf = (said: readonly Line[]): readonly string[] => alertsOf(said).map(({ seen }) => seen.name);
const marksOf = (said: readonly Line[]): readonly (string | undefined)[] => alertsOf(said).map(({ maintenance }) => maintenance);
const livesOf = (said: readonly Line[]) => said.flatMap((line) => (line.type === 'incident' ? [[line.state, line.incident.maintenance]] : []));

const relearned = (said: readonly Line[]) => said.flatMap((line) => (line.type === 'relearned' ? [[line.service, line.edges.length]] : []));

describe('a maintenance', () => {
  it('marks what is seen in it, edges and incidents, and keeps back nothing', () => {
    const said = say(start().create(WEB, '/srv/x').create(WEB, '/etc/cron.d/x').wait(20 * MINUTE).create(WEB, '/srv/y'), span('maintenance', 0, 10));
    expect(namesOf(said)).toEqual(['/srv/x', '/etc/cron.d/x', '/srv/y']);
    expect(marksOf(said)).toEqual(['new disks', 'new disks', undefined]);
    expect(livesOf(said)).toEqual([['opened', 'new disks'], ['opened', undefined], ['closed', 'new disks'], ['closed', undefined]]);
  });

  it('that ends takes its mark off what goes on: that is another incident, which names the one before', () => {
    const said = say(start().create(WEB, '/srv/x').wait(2 * MINUTE).create(WEB, '/srv/y'), span('maintenance', 0, 1));
    expect(marksOf(said)).toEqual(['new disks', undefined]);
    const [first, second] = said.flatMap((line) => (line.type === 'incident' && line.state === 'opened' ? [line.incident] : []));
    expect(second?.after).toBe(first?.id);
  });

  it('does not use up the alert: what comes again afterwards is told again, unmarked', () => {
    const said = say(start().create(WEB, '/srv/x').wait(2 * MINUTE).create(WEB, '/srv/x').wait(MINUTE).create(WEB, '/srv/x'), span('maintenance', 0, 1));
    expect(marksOf(said)).toEqual(['new disks', undefined]);
  });

  it('tells nothing twice that was told before it', () => {
    const said = say(start().create(WEB, '/srv/x').wait(2 * MINUTE).create(WEB, '/srv/x'), span('maintenance', 1, 9));
    expect(marksOf(said)).toEqual([undefined]);
  });
});

it('a maintenance is the same when it is gone on with after a restart', () => {
  const { lines } = start().create(WEB, '/srv/x').wait(MINUTE / 2).create(WEB, '/srv/y').wait(2 * MINUTE).create(WEB, '/srv/x').create(WEB, '/srv/z');
  const flags = { baseline: 10, monitor: 0, ...expectedBy([span('maintenance', 0, 1)]) };
  const whole = replay(lines, flags);
  const feed = (part: readonly string[], before?: Snapshot) => {
    const fullmon = openFullmon(flags, before);
    fullmon.feed(raw(part.map((line) => `${line}\n`).join('')));
    return fullmon;
  };
  const cut = lines.findIndex((line) => line.includes('/srv/y')) + 2;
  const first = feed(lines.slice(0, cut));
  first.pause();
  const second = feed(lines.slice(cut), JSON.parse(JSON.stringify(first.save())));
  second.end();
  expect(marksOf([...first.said, ...second.said])).toEqual(marksOf(whole));
  expect(marksOf(whole)).toEqual(['new disks', 'new disks', undefined, undefined]);
});

describe('a service that is learned again', () => {
  it('is told in one line, and what it does is normal from then on', () => {
    const scene = start().create(WEB, '/srv/x').create(WEB, '/srv/y').create(DB, '/srv/z').wait(20 * MINUTE).create(WEB, '/srv/x').create(WEB, '/srv/late');
    const said = say(scene, span('relearn', 0, 10, 'nginx.service'));
    expect(relearned(said)).toEqual([['nginx', 2]]);
    expect(namesOf(said)).toEqual(['/srv/z', '/srv/late']);
  });

  it('is who acts on its behalf, too', () => {
    const helper: Actor = { ...WEB, pid: 501, ppid: 500, exe: '/usr/lib/nginx/helper' };
    const scene = openScene().create(WEB, '/srv/a').exec(helper, ['helper']).create(helper, '/srv/b').wait(10_000).create(helper, '/srv/x').wait(MINUTE);
    expect(relearned(say(scene, span('relearn', 0, 10, 'nginx')))).toEqual([['nginx', 1]]);
  });

  it('is told as ever of what is grave, which is not learned, nor what comes with it', () => {
    const scene = start().create(WEB, '/etc/cron.d/x').create(WEB, '/srv/x').wait(2 * MINUTE).create(WEB, '/srv/y').wait(25 * 60 * MINUTE).create(WEB, '/etc/cron.d/x').create(WEB, '/srv/x').create(WEB, '/srv/y');
    const said = say(scene, span('relearn', 0, 10, 'nginx'));
    expect(relearned(said)).toEqual([]);
    expect(namesOf(said)).toEqual(['/etc/cron.d/x', '/srv/x', '/srv/y', '/etc/cron.d/x', '/srv/x', '/srv/y']);
  });

  it('is no cover for others', () => {
    const shell: Actor = { pid: 700, ppid: 1, exe: '/usr/bin/dash', euid: 0 };
    expect(relearned(say(start().connect(shell, ipv4('203.0.113.66', 443)).create(DB, '/srv/z'), span('relearn', 0, 10, 'nginx')))).toEqual([]);
  });
});
