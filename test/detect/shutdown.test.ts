import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { createFullmon } from '../../src/fullmon.ts';
import { ms } from '../../src/audit/units.ts';
import { raw, record, T0 } from '../support/log.ts';
import { openFullmon, readLog, replay } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const FLAGS = { baseline: 10, monitor: 60 } as const;

const findings = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'finding' ? [`${line.severity} ${line.text}`] : []));

/** What happens first takes serials 1 to 20, a second each. */
const life = (): readonly string[] => {
  const scene = openScene();
  for (let i = 0; i < 20; i++) scene.create(ME, '/srv/a').wait(1000);
  return scene.lines;
};
const unit = (what: 'START' | 'STOP', name: string, serial: number, at: number, pid = 1): string =>
  record(`SERVICE_${what}`, `pid=${pid} uid=0 auid=4294967295 ses=4294967295 subj=unconfined msg='unit=${name} comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`, serial, at);
const closed = (at: number): string => unit('STOP', 'systemd-user-sessions', 24, at);
const stopped = (at: number, by = 'auid=0 uid=0 ses=4294967295 pid=1'): string => record('DAEMON_END', `op=terminate ${by} subj=unconfined res=success`, 1409, at);
const started = (at: number): string => record('DAEMON_START', 'op=start ver=4.0.2 format=enriched kernel=6.12 auid=4294967295 pid=289 uid=0 ses=4294967295 subj=unconfined  res=success', 5389, at);

/** As Debian writes it: whatever stops before auditd, then auditd, then the first of another boot. */
const reboot = (away = 72_000): readonly string[] => [...life(), unit('STOP', 'cron', 22, 20_100), closed(20_500), stopped(20_600), started(20_600 + away), unit('START', 'auditd', 3, 20_800 + away)];

const STARTED = 'low auditd was started';
const anew = (seconds: string): string => `undefined the machine was started anew: nothing is known of the ${seconds} s before this`;
const STOPPED = 'critical auditd was stopped by the service manager: nothing is recorded until it starts again';
const WENT_ON = 'critical auditd was stopped: nothing is recorded until it starts again; the machine was said to go down, and did not';

describe('auditd that is stopped', () => {
  it('with the machine is told as that once the machine has been started anew, after a short boot, too', () => {
    expect(findings(replay(reboot(), FLAGS))).toEqual([STARTED, anew('72.300'), 'low auditd was stopped with the machine, which was started again 72 s later']);
  });

  it.each([['bookworm', '223.028', '223'], ['trixie', '72.674', '73']])('with a Debian (%s) that is shut down and started again is told as that, and nothing of it is an alarm', (suite, gap, seconds) => {
    const told = findings(replay(readLog(resolve(import.meta.dirname, `../recordings/reboot/${suite}.log`)), FLAGS));
    expect(told.filter((finding) => !finding.startsWith('low auditing was changed: '))).toEqual([STARTED, STARTED, anew(gap), `low auditd was stopped with the machine, which was started again ${seconds} s later`]);
  });

  it('with the machine is told the same, whenever fullmon itself was stopped', () => {
    const said: Line[] = [];
    const settings = { ...FLAGS, rebase: false, ignored: () => false };
    let fullmon = createFullmon(settings, (line) => said.push(line));
    for (const line of reboot()) {
      fullmon.feed(raw(`${line}\n`));
      fullmon = createFullmon(settings, (told) => said.push(told), undefined, JSON.parse(JSON.stringify(fullmon.save())));
    }
    expect(findings(said)).toEqual(findings(replay(reboot(), FLAGS)));
  });

  it('with a machine that was away for long is told as more: it may have been at work unseen', () => {
    expect(findings(replay(reboot(3_600_000), FLAGS))).toContain('medium auditd was stopped with the machine, which was started again 3600 s later');
  });

  it('last of all is told when the log is over', () => {
    expect(findings(replay(reboot().slice(0, -2), FLAGS))).toEqual(['medium auditd was stopped with the machine; the log ends with that']);
  });

  it.each([
    ['by the service manager alone', [stopped(20_600)], STOPPED],
    ['long after the machine was said to go down', [closed(20_100), stopped(150_000)], STOPPED],
    ['by somebody else, while the machine is said to go down', [closed(20_100), stopped(20_600, 'auid=1000 uid=0 ses=3 pid=700')], 'critical auditd was stopped by login 1000: nothing is recorded until it starts again'],
    ['after somebody else has said what the service manager says', [unit('STOP', 'systemd-user-sessions', 24, 20_100, 7), stopped(20_600)], STOPPED],
    ['after another unit', [unit('STOP', "x msg='unit=systemd-user-sessions ", 24, 20_100), stopped(20_600)], STOPPED],
  ])('%s is told at once, as critical, and so before a boot', (_, lines, finding) => {
    const fullmon = openFullmon(FLAGS);
    for (const line of [...life(), ...lines]) fullmon.feed(raw(`${line}\n`));
    expect(findings(fullmon.said)).toEqual([finding]);
    for (const line of reboot(200_000).slice(-2)) fullmon.feed(raw(`${line}\n`));
    expect(findings(fullmon.said)).toEqual([finding, STARTED, expect.stringContaining('the machine was started anew')]);
  });

  it.each([
    ['starts again and goes on', [started(30_000), ...openScene().wait(31_000).create(ME, '/srv/a').lines.map((line) => line.replace(/:1\)/, ':30)'))]],
    ['starts again, and is stopped again', [started(30_000), stopped(30_001)]],
  ])('as if with the machine, and then %s, is told as critical', (_, lines) => {
    expect(findings(replay([...reboot().slice(0, -2), ...lines], FLAGS))).toContain(WENT_ON);
  });

  it('as if with a machine on which fullmon goes on is told as critical within half a minute', () => {
    const fullmon = openFullmon(FLAGS);
    for (const line of reboot().slice(0, -2)) fullmon.feed(raw(`${line}\n`));
    fullmon.tick(ms(T0 + 50_000));
    expect(findings(fullmon.said)).toEqual([]);
    fullmon.tick(ms(T0 + 51_000));
    expect(findings(fullmon.said)).toEqual([WENT_ON]);
  });

  it('with the machine is not doubted because of what happened before and is told late', () => {
    const [before, after] = [reboot().slice(0, -3), reboot().slice(-3)];
    expect(findings(replay([...before, record('LOGIN', 'pid=900 uid=0 old-auid=4294967295 auid=0 tty=(none) old-ses=4294967295 ses=9 res=1', 25, 20_550), ...after], FLAGS))).not.toContain(WENT_ON);
  });
});
