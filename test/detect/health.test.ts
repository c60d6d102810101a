import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { record } from '../support/log.ts';
import { alertsOf, replay } from '../support/replay.ts';
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

  it('does not count what was refused', () => {
    expect(findings(after(record('CONFIG_CHANGE', 'op=set audit_enabled=0 old=2 auid=1000 ses=3 res=0', 92, 11_000)))).toEqual([]);
  });

  it('is told to have stopped and to go on, while learning too', () => {
    const end = record('DAEMON_END', 'op=terminate auid=1000 uid=0 ses=3 pid=700 subj=unconfined res=success', 90, 2000);
    const start = record('DAEMON_START', 'op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=710 uid=0 ses=4294967295 subj=unconfined res=success', 91, 3000);
    expect(findings(replay([...openScene().create(ME, '/srv/a').lines, end, start], FLAGS))).toEqual(['critical auditd was stopped by login 1000: nothing is recorded until it starts again', 'low auditd was started']);
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
