import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { ms } from '../../src/audit/units.ts';
import { raw, record, T0 } from '../support/log.ts';
import { alertsOf, openFullmon, replay } from '../support/replay.ts';
import { NR, openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const AUDITCTL: Actor = { pid: 600, exe: '/usr/sbin/auditctl', euid: 0, auid: 0, ses: 3 };
const FLAGS = { baseline: 10, monitor: 60 } as const;

const findings = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'finding' ? [`${line.severity} ${line.text}`] : []));
/** After ten seconds of learning, these lines. */
const after = (...lines: readonly string[]): readonly Line[] => replay([...openScene().create(ME, '/srv/a').wait(10_000).create(ME, '/srv/a').lines, ...lines], FLAGS);

const removed = (serial: number): string => record('CONFIG_CHANGE', 'auid=1000 ses=3 subj=unconfined op=remove_rule key="x" list=4 res=1', serial, 11_000);
const LOADS = ['CONFIG_CHANGE', 'auid=4294967295 ses=4294967295 op=remove_rule key="x" list=4 res=1'] as const;

describe('auditing itself', () => {
  it('is watched: whoever takes a rule away is told, critically', () => {
    const scene = openScene().create(ME, '/srv/a').wait(10_000).call(AUDITCTL, NR.sendto, {}, ['CONFIG_CHANGE', 'auid=0 ses=3 op=remove_rule key="PROCESS" list=4 res=1']);
    expect(alertsOf(replay(scene.lines, FLAGS)).map(({ edge, severity }) => `${severity} ${edge}`)).toEqual(['critical proc::0/0:/usr/sbin/auditctl@?->kernel:audit:remove_rule']);
  });

  it('is told of in one line for each window when no call was recorded', () => {
    expect(findings(after(removed(90), removed(91), record('CONFIG_CHANGE', 'op=set audit_enabled=0 old=1 auid=1000 ses=3 res=1', 92, 11_000)))).toEqual([
      'critical auditing was changed by login 1000: remove_rule, 2 times', 'critical auditing was changed by login 1000: enabled=0',
    ]);
  });

  it.each([
    ['refused', 'op=set audit_enabled=0 old=2 auid=1000 ses=3 res=0'],
    ['so before', 'op=set audit_failure=1 old=1 auid=4294967295 ses=4294967295 subj=unconfined res=1'],
    ['so before, as an old kernel says it', 'audit_backlog_limit=8192 old=8192 auid=4294967295 ses=4294967295 res=1'],
  ])('does not count what was %s', (_, change) => {
    expect(findings(after(record('CONFIG_CHANGE', change, 92, 11_000)))).toEqual([]);
  });

  it('is told to have stopped and to go on, while learning too', () => {
    const end = record('DAEMON_END', 'op=terminate auid=1000 uid=0 ses=3 pid=700 subj=unconfined res=success', 90, 2000);
    const start = record('DAEMON_START', 'op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=710 uid=0 ses=4294967295 subj=unconfined res=success', 91, 3000);
    expect(findings(replay([...openScene().create(ME, '/srv/a').lines, end, start], FLAGS))).toEqual(['critical auditd was stopped by login 1000: nothing is recorded until it starts again', 'low auditd was started']);
  });

  it('is told to have been asked for another file, by which what it wrote is gone some files sooner', () => {
    const rotate = record('DAEMON_ROTATE', 'op=rotate-logs auid=1000 uid=0 ses=3 pid=700 subj=unconfined res=success', 90, 2000);
    expect(findings(replay([...openScene().create(ME, '/srv/a').lines, rotate], FLAGS))).toEqual(['low auditd was told to rotate its log by login 1000']);
  });

  it.each(['DAEMON_START', 'DAEMON_ROTATE', 'DAEMON_CONFIG', 'DAEMON_RESUME', 'DAEMON_ACCEPT', 'DAEMON_CLOSE', 'DAEMON_ERR'])('counts its own records by its own numbers: %s is no hole and no other boot', (type) => {
    const fullmon = openFullmon({ baseline: 600, monitor: 60 });
    const scene = openScene();
    for (let i = 0; i < 1500; i++) scene.create(ME, '/srv/a').wait(500);
    for (const [i, line] of scene.lines.entries()) {
      fullmon.feed(raw(`${line}\n`));
      // Low as after a boot; and far ahead, once all is learned.
      if (i === 4999 || (i > 6200 && i % 100 === 99)) fullmon.feed(raw(`${record(type, 'op=x auid=0 pid=1 res=success', i === 4999 ? 9 : 9000, i * 100)}\n`));
    }
    fullmon.end();
    expect(findings(fullmon.said).filter((finding) => !finding.startsWith('low auditd was'))).toEqual([]);
  });

  it('that starts is no reboot of the machine, though auditd counts its records from another number', () => {
    const start = record('DAEMON_START', 'op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=710 uid=0 ses=4294967295 subj=unconfined res=success', 8391, 0);
    expect(findings(replay([start, ...openScene().wait(1000).create(ME, '/srv/a').lines], FLAGS))).toEqual(['low auditd was started']);
  });

  it('cannot be forged by what a program says', () => {
    expect(findings(after(record('USER_CMD', "pid=5 uid=1000 msg='type=DAEMON_END msg=audit(1700000011.000:99): op=terminate auid=0'", 90, 11_000)))).toEqual([]);
  });

  it('learns how its own service loads the rules', () => {
    const augenrules: Actor = { pid: 601, exe: '/usr/sbin/auditctl', euid: 0 };
    const scene = openScene().call(augenrules, NR.sendto, {}, LOADS).wait(20_000).call(augenrules, NR.sendto, {}, LOADS).call(AUDITCTL, NR.sendto, {}, LOADS);
    expect(alertsOf(replay(scene.lines, FLAGS)).map(({ seen }) => seen.node)).toEqual(['proc::0/0:/usr/sbin/auditctl@?']);
  });
});

/** Ten minutes of learning and three after it, one event a second, without the serials that `isLost` takes out. */
const numbered = (isLost: (serial: number) => boolean, monitor = 60): readonly Line[] => {
  const scene = openScene();
  for (let i = 0; i < 780; i++) for (let k = 0; k < 5; k++) scene.create(ME, '/srv/a').wait(200);
  const lines = scene.lines.filter((line) => !isLost(Number(/:(\d+)\)/.exec(line)?.[1])));
  return replay(lines, { baseline: 600, monitor });
};

describe('holes in the log', () => {
  it('are told once when there are more than usual, and again when there are none', () => {
    expect(findings(numbered((serial) => serial > 3050 && serial <= 3250))).toEqual([
      expect.stringMatching(/^high the log has holes: 200 of \d+ numbered events are not in it, usually 0\.0 %/), 'low the log is complete again',
    ]);
  });

  it.each([60, 0])('are told when they come one by one: --monitor %i', (monitor) => {
    expect(findings(numbered((serial) => serial > 3050 && serial <= 3450 && serial % 2 === 0, monitor))).toHaveLength(2);
  });

  it('are usual where a filter takes types out, or the log was cut', () => {
    expect(findings(numbered((serial) => serial % 3 === 0))).toEqual([]);
    expect(findings(numbered((serial) => serial % 3 === 0 || (serial > 3100 && serial <= 3250)))).toHaveLength(0);
    expect(findings(numbered((serial) => serial % 10 === 0 || (serial > 3050 && serial <= 3250)))).toHaveLength(2);
  });

  it('make up for the minute in which they were by one more minute of learning, however much was seen in it', () => {
    const fullmon = openFullmon({ baseline: 600, monitor: 60 });
    const scene = openScene();
    for (let i = 0; i < 1200; i++) scene.create(ME, '/srv/a').wait(300);
    for (let i = 0; i < 5000; i++) scene.create(ME, `/srv/${i}${'x'.repeat(4000)}`).wait(10);
    for (const line of scene.wait(20_000).create(ME, '/srv/a').lines) {
      const serial = Number(/:(\d+)\)/.exec(line)?.[1]);
      if (serial <= 1200 || serial % 1000 < 900) fullmon.feed(raw(`${line}\n`));
    }
    expect(findings(fullmon.said)).toEqual([expect.stringMatching(/^high the log has holes/)]);
    expect(fullmon.state().learnUntil - T0).toBe(660_000);
  });

  it('are none when records of one moment stand in another order', () => {
    const lines = [...openScene().create(ME, '/srv/a').lines];
    const scene = openScene();
    for (let i = 0; i < 5000; i++) scene.create(ME, '/srv/a').wait(100);
    const events = Array.from({ length: 5000 }, (_, i) => scene.lines.slice(i * 5, i * 5 + 5));
    for (let i = 0; i + 20 < events.length; i += 20) events.splice(i, 20, ...events.slice(i, i + 20).toReversed());
    expect(findings(replay([...lines, ...events.flat()], { baseline: 300, monitor: 60 }))).toEqual([]);
  });
});

describe('silence', () => {
  it('of ten minutes is told once, and that it is over', () => {
    const fullmon = openFullmon({ baseline: 10, monitor: 60 });
    const feed = (seconds: number): void => fullmon.feed(raw(`${openScene().wait(seconds * 1000).create(ME, '/srv/a').lines.join('\n')}\n`));
    feed(0);
    feed(20);
    for (const seconds of [300, 619, 621, 900]) fullmon.tick(ms(T0 + seconds * 1000));
    feed(1220);
    expect(findings(fullmon.said)).toEqual(['high nothing has been recorded for 10 min: does auditd run, are its rules loaded?', 'low records come again, after 20 min']);
  });
});
