import { describe, expect, it } from 'vitest';
import { alertsOf, replay } from '../support/replay.ts';
import { CWD, DENIED, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const child = (exe: string): Actor => ({ ...ME, pid: 501, ppid: 500, exe });

/** The last alert of a log that learns only that somebody is there. */
const rated = (act: (scene: Scene) => Scene) => {
  const alert = alertsOf(replay(act(openScene().create(ME, '/srv/a').wait(10_000)).lines, { baseline: 10 })).at(-1);
  if (alert === undefined) throw new Error('no alert');
  return alert;
};

const secret = (outcome: Outcome) => (s: Scene): Scene => s.files(ME, NR.openat, [{ name: '/etc/shadow', type: 'NORMAL' }], { ...outcome, args: [CWD] });

describe('how grave it is', () => {
  it.each([
    ['a file like any other', 'low', (s) => s.create(ME, '/srv/b')],
    ['a program like any other', 'low', (s) => s.exec(child('/usr/bin/id'), ['id'])],
    ['a peer', 'medium', (s) => s.connect(ME, ipv4('203.0.113.66', 443))],
    ['a peer of an interpreter', 'medium', (s) => s.connect({ ...ME, exe: '/usr/bin/bash' }, ipv4('203.0.113.66', 443))],
    ['a listener', 'medium', (s) => s.call(ME, NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('0.0.0.0', 31337)}`])],
    ['a secret read', 'medium', (s) => s.files(ME, NR.openat, [{ name: '/etc/shadow', type: 'NORMAL' }], { args: [CWD] })],
    ['a program of the scratch directory', 'high', (s) => s.exec(child('/tmp/x'), ['x'])],
    ['a hidden program', 'high', (s) => s.exec(child('/usr/local/bin/.b'), ['.b'])],
    ['a program that is deleted', 'high', (s) => s.exec(child('/srv/x (deleted)'), ['x'])],
    ['a program in memory', 'high', (s) => s.exec(child('/memfd:x (deleted)'), ['x'])],
    ['a script of the scratch directory', 'high', (s) => s.exec(child('/usr/bin/dash'), ['sh', '/tmp/.x'])],
    ['a protected file', 'high', (s) => s.create(ME, '/etc/cron.d/x')],
    ['a key', 'high', (s) => s.files(ME, NR.openat, [{ name: '/root/.ssh/authorized_keys', type: 'NORMAL' }], { args: [CWD, 0, 1] })],
    ['a hold of another process', 'high', (s) => s.call(ME, NR.ptrace, { args: [16, 1] })],
    ['a set-user-ID program', 'high', (s) => s.create(ME, '/srv/b', 0o104755)],
    ['a set-user-ID program among those of the system', 'critical', (s) => s.create(ME, '/usr/local/bin/.b', 0o104755)],
  ] as const satisfies readonly (readonly [string, string, (scene: Scene) => Scene])[])('%s is %s', (_, severity, act) => {
    const { severity: found, score, reasons } = rated(act);
    expect(found).toBe(severity);
    expect(score).toBeLessThanOrEqual(100);
    expect(reasons.length).toBeGreaterThan(0);
  });

  it('is more when it was forbidden', () => {
    expect(rated(secret(DENIED)).score).toBeGreaterThan(rated(secret({})).score);
    expect(rated(secret(DENIED)).reasons.join()).toContain('denied');
  });
});
