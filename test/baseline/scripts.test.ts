import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { newBaseline } from '../../src/baseline/baseline.ts';
import type { Baseline } from '../../src/baseline/baseline.ts';
import { sighting } from '../support/sighting.ts';

const SSHD = 'proc::1000/1000:/usr/bin/dash -c@sshd';
const python = (script: string, parent = SSHD): string => `${parent}->proc::1000/0:/usr/bin/python3.11 ${script}@sshd`;
const did = (script: string, what: string): string => `proc::1000/0:/usr/bin/python3.11 ${script}@sshd->${what}`;

/** What deployment tools call the script of one run. */
const TOOLS: Readonly<Record<string, (n: number) => string>> = {
  'ansible': (n) => `/root/.ansible/tmp/ansible-tmp-17000${10_000 + n * 37}.${1_234_567 + n}-${4000 + n * 13}-${100_000_000_000 + n * 7919}/AnsiballZ_command.py`,
  'salt': (n) => `/var/cache/salt/minion/extmods/${(n * 2_654_435_761 + 2 ** 40).toString(16).padStart(12, '0')}.py`,
  'cloud-init': (n) => `/var/lib/cloud/instance/scripts/part-${String(n + 1).padStart(3, '0')}`,
  'jenkins': (n) => `/tmp/jenkins${1_000_000_000_000 + n * 7919}.sh`,
  'gitlab': (n) => `/tmp/build_script${100_000_000 + n * 7919}`,
  'python mkdtemp': (n) => `/tmp/tmp${'k4x_9z2m'.slice(0, 6)}${String(n + 10)}/run.sh`,
};
const tools = Object.entries(TOOLS);

const learn = (script: (n: number) => string, runs: number, ...more: readonly string[]): Baseline => {
  const baseline = newBaseline(ms(60_000));
  for (let n = 0; n < runs; n++) {
    baseline.learn(sighting(python(script(n)), n * 1000));
    baseline.learn(sighting(did(script(n), 'file:WRITE:/srv/app/config'), n * 1000));
    baseline.learn(sighting(did(script(n), 'proc::1000/0:/usr/bin/systemctl@sshd'), n * 1000));
  }
  for (const edge of more) baseline.learn(sighting(edge));
  baseline.generalise();
  return baseline;
};

describe.each(tools)('scripts of %s', (_, script) => {
  it('are one program after some runs: it may run again, and do what it did', () => {
    const baseline = learn(script, 20);
    expect(baseline.knows(sighting(python(script(57))))).toBe(true);
    expect(baseline.knows(sighting(did(script(57), 'file:WRITE:/srv/app/config')))).toBe(true);
    expect(baseline.knows(sighting(did(script(57), 'proc::1000/0:/usr/bin/systemctl@sshd')))).toBe(true);
    expect(baseline.graph.order).toBe(4);
  });

  it('may do nothing else', () => {
    const baseline = learn(script, 20);
    expect(baseline.knows(sighting(did(script(57), 'file:WRITE:/srv/app/other')))).toBe(false);
    expect(baseline.knows(sighting(did(script(57), 'host:203.0.113.66:443')))).toBe(false);
  });

  it('are of one parent, one interpreter, one user, one service', () => {
    const baseline = learn(script, 20);
    const name = script(57);
    for (const edge of [
      python(name, 'proc::33:/usr/sbin/nginx'), python(name, 'proc::1000/1000:/usr/bin/dash -c@cron'), `${SSHD}->proc::1000/0:/usr/bin/perl ${name}@sshd`,
      `${SSHD}->proc::1000/1000:/usr/bin/python3.11 ${name}@sshd`, `${SSHD}->proc::1000/0:/usr/bin/python3.11 ${name}@cron`, `${SSHD}->proc::1000/0:${name}@sshd`,
    ]) expect(baseline.knows(sighting(edge)), edge).toBe(false);
  });

  it('are no excuse for another name beside them', () => {
    const baseline = learn(script, 20);
    const directory = script(1).slice(0, script(1).lastIndexOf('/') + 1);
    for (const name of ['run.py', 'backdoor.sh', 'x', '.x', 'jenkins.sh', 'build_script', 'part-x', 'AnsiballZ_shell.py', 'tmpbackdoor/run.sh']) expect(baseline.knows(sighting(python(directory + name)))).toBe(false);
  });

  it('are known after a restart, and each that was learned', () => {
    const baseline = learn(script, 20);
    const again = newBaseline(ms(60_000), JSON.parse(JSON.stringify(baseline.save())));
    for (const n of [0, 7, 57]) {
      expect(again.knows(sighting(python(script(n))))).toBe(true);
      expect(again.knows(sighting(did(script(n), 'file:WRITE:/srv/app/config')))).toBe(true);
    }
    expect(again.knows(sighting(python('/root/x.py')))).toBe(false);
  });
});

const deployed = (n: number): string => `/var/lib/deploy/run-${1_700_000_000 + n}.py`;

it('scripts are told when they become one, with some of their names', () => {
  const baseline = newBaseline(ms(60_000));
  for (let n = 0; n < 5; n++) baseline.learn(sighting(python(deployed(n))));
  expect(baseline.generalise()).toEqual([{ subject: SSHD, kind: 'exec', source: String.raw`^/var/lib/deploy/run-[0-9]{10}\.py$`, names: 5, witnesses: [0, 1, 2].map((n) => python(deployed(n)).slice(SSHD.length + 2)) }]);
});

it('what the runs of a script do under generated names becomes a pattern, too', () => {
  const output = (n: number): string => did(deployed(n), `file:CREATE:/srv/out/${(n * 2_654_435_761 + 2 ** 40).toString(16).padStart(12, '0')}.json`);
  const baseline = learn(deployed, 6, ...[0, 1, 2, 3, 4, 5].map(output));
  expect(baseline.knows(sighting(output(99)))).toBe(true);
});

it('what is learned later of one run is learned of all', () => {
  const baseline = learn(deployed, 6);
  baseline.learn(sighting(did(deployed(50), 'host:a.example.test:443')));
  expect(baseline.knows(sighting(did(deployed(51), 'host:a.example.test:443')))).toBe(true);
  expect(baseline.novelty(sighting(did(deployed(52), 'host:b.example.test:443')))).toMatchObject({ subjectKnown: true, kindKnown: true, portKnown: true });
});

describe('scripts stay apart', () => {
  it.each([
    ['three of them', 3, deployed],
    ['eight where anybody may write', 8, (n: number) => `/tmp/run-${1_700_000_000 + n}.py`],
    ['those with words for names', 20, (n: number) => `/opt/jobs/${['sync', 'backup', 'report', 'clean', 'mail', 'rotate', 'index', 'prune', 'check', 'notify'][n % 10]}${n < 10 ? '' : 'all'}.py`],
    ['those of the system', 20, (n: number) => `/usr/lib/app/run-${1_700_000_000 + n}.py`],
  ])('%s', (_, runs, script) => {
    const baseline = learn(script, runs);
    expect(baseline.knows(sighting(python(script(1))))).toBe(true);
    expect(baseline.knows(sighting(python(script(1).replace(/1700000001|backup/, '1799999999'))))).toBe(false);
  });
});

it('a flood of scripts is taken in as fast as they come', () => {
  const baseline = newBaseline(ms(60_000));
  // Each against each would take hours.
  for (let n = 0; n < 30_000; n++) {
    const script = `/srv/${[...String(n)].map((d) => 'aeioubdlmn'.charAt(Number(d))).join('o')}.py`;
    baseline.learn(sighting(python(script)));
    baseline.learn(sighting(did(script, 'file:WRITE:/srv/app/config')));
  }
  baseline.generalise();
  expect(baseline.knows(sighting(python('/srv/x.py')))).toBe(false);
}, 30_000);
