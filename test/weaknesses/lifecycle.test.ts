import { describe, expect, it } from 'vitest';
import { raw } from '../support/log.ts';
import { alertsOf, openFullmon, replay } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { DAY, HOUR, MINUTE, told } from './watch.ts';

const APP: Actor = { pid: 600, ppid: 1, exe: '/usr/bin/node', euid: 0 };
const created = (path: string): string => `proc::0:/usr/bin/node->file:CREATE:${path}`;
const usual = (): Scene => openScene().create(APP, '/srv/a');

describe('learning', () => {
  it('happens once: what is new on the second day is told, at whatever hour (W16)', () => {
    const scene = usual().wait(2 * HOUR);
    for (let hour = 0; hour < 48; hour++) scene.wait(HOUR).create(APP, `/srv/new-${hour}`);
    expect(told(scene)).toEqual(Array.from({ length: 48 }, (_, hour) => created(`/srv/new-${hour}`)));
  });

  it('may last for days, and then it ends (W16)', () => {
    const scene = usual().wait(2 * DAY).create(APP, '/srv/b').wait(DAY).create(APP, '/srv/b').create(APP, '/srv/c');
    expect(told(scene, { baseline: 3 * 86_400 })).toEqual([created('/srv/c')]);
  });

  it('is followed by cycles, be they longer than a day (W16)', () => {
    const said = replay(usual().wait(HOUR).create(APP, '/srv/b').wait(3 * DAY).create(APP, '/srv/a').lines, { baseline: 3600, monitor: 2 * 86_400 });
    const alert = said.find(({ type }) => type === 'edge');
    const [start] = said;
    expect((alert?.time ?? 0) - (start?.time ?? 0)).toBe(HOUR + 2 * DAY);
  });

  it('is not begun anew by a restart: what is known is known, what is new is told (W29)', () => {
    const flags = { baseline: 3600, monitor: 60 };
    const before = openFullmon(flags);
    before.feed(raw(`${usual().create(APP, '/srv/b').wait(HOUR).create(APP, '/srv/a').lines.join('\n')}\n`));
    before.pause();
    const after = openFullmon(flags, JSON.parse(JSON.stringify(before.save())));
    after.feed(raw(`${openScene().wait(HOUR + MINUTE).create(APP, '/srv/a').create(APP, '/srv/b').create(APP, '/srv/implant').lines.join('\n')}\n`));
    after.end();
    expect([...before.said, ...after.said].flatMap((line) => (line.type === 'phase' && line.phase === 'baseline' ? [line.phase] : []))).toEqual(['baseline']);
    expect(alertsOf([...before.said, ...after.said]).map(({ edge }) => edge)).toEqual([created('/srv/implant')]);
  });

  it('goes on after a restart that came too early, and what was learned before is kept (W29)', () => {
    const flags = { baseline: 3600, monitor: 60 };
    const before = openFullmon(flags);
    before.feed(raw(`${usual().create(APP, '/srv/b').lines.join('\n')}\n`));
    before.pause();
    const after = openFullmon(flags, JSON.parse(JSON.stringify(before.save())));
    after.feed(raw(`${openScene().wait(HOUR - MINUTE).create(APP, '/srv/c').wait(2 * MINUTE).create(APP, '/srv/b').create(APP, '/srv/c').create(APP, '/srv/implant').lines.join('\n')}\n`));
    after.end();
    expect(alertsOf(after.said).map(({ edge }) => edge)).toEqual([created('/srv/implant')]);
  });
});

describe('going on to learn what was told', () => {
  it('never silences a place of the system: the fifth file in /etc/cron.d is told like the first (W09)', () => {
    const scene = usual().wait(HOUR);
    for (let i = 1; i <= 5; i++) scene.wait(2 * MINUTE).create(APP, `/etc/cron.d/job${i}`);
    expect(told(scene, { rebase: true })).toEqual([1, 2, 3, 4, 5].map((i) => created(`/etc/cron.d/job${i}`)));
  });

  it('never learns what is grave: it is told again after a day (W09)', () => {
    const scene = usual().wait(HOUR).create(APP, '/etc/cron.d/job').wait(DAY + HOUR).create(APP, '/etc/cron.d/job');
    expect(told(scene, { rebase: true })).toEqual([created('/etc/cron.d/job'), created('/etc/cron.d/job')]);
  });
});
