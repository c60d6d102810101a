import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/detect/incidents.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { CWD, DENIED, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';

/** A service with an account of its own. */
const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const child = (exe: string, of: Actor = ME): Actor => ({ ...of, pid: of.pid + 1, ppid: of.pid, exe });

/** The last alert of a log that learns what `know` does, as a rule only that somebody is there. */
const rated = (act: (scene: Scene) => Scene, know: (scene: Scene) => Scene = (s) => s.create(ME, '/srv/a')): Alert => {
  const alert = alertsOf(replay(act(know(openScene()).wait(10_000)).lines, { baseline: 10 })).at(-1);
  if (alert === undefined) throw new Error('no alert');
  return alert;
};

const reads = (name: string, actor = ME, outcome: Outcome = {}) => (s: Scene): Scene => s.files(actor, NR.openat, [{ name, type: 'NORMAL' }], { ...outcome, args: [CWD] });
const writes = (name: string, actor = ME) => (s: Scene): Scene => s.files(actor, NR.openat, [{ name, type: 'NORMAL' }], { args: [CWD, 0, 1] });
const deletes = (name: string, actor = ME) => (s: Scene): Scene => s.files(actor, NR.unlink, [{ name, type: 'DELETE' }]);

const SSHD: Actor = { pid: 600, exe: '/usr/sbin/sshd', euid: 0 };
const login = (uid: number, pid: number): Actor => ({ pid, ppid: 600, exe: '/usr/sbin/sshd', euid: uid, auid: uid, ses: pid });
const shell = (uid: number, pid: number): Actor => ({ ...login(uid, pid), pid: pid + 1, ppid: pid, exe: '/usr/bin/bash' });
/** Logs in and runs a shell. */
const logsIn = (scene: Scene, uid: number, pid: number): Scene => scene.create(SSHD, '/srv/sshd').login(login(uid, pid), uid, pid).exec(shell(uid, pid), ['-bash']);
const knowsAdmin = (scene: Scene): Scene => logsIn(scene, 1000, 700).exec({ ...child('/usr/bin/ls', shell(1000, 700)) }, ['ls']);

describe('how grave it is', () => {
  it.each([
    ['a file like any other', 'low', (s) => s.create(ME, '/srv/b')],
    ['a program like any other', 'low', (s) => s.exec(child('/usr/bin/id'), ['id'])],
    ['a shell started by a service', 'high', (s) => s.exec(child('/usr/bin/dash'), ['sh', '-c', 'id'])],
    ['a shell started by an application', 'high', (s) => s.exec(child('/usr/bin/node'), ['node', '/srv/app.js']).exec(child('/usr/bin/dash', child('/usr/bin/node')), ['sh', '-c', 'id'])],
    ['a program that joins programs to the network', 'medium', (s) => s.exec(child('/usr/bin/nc.openbsd'), ['nc', 'x', '1'])],
    ['its peer', 'high', (s) => s.exec(child('/usr/bin/nc.openbsd'), ['nc', 'x', '1']).connect(child('/usr/bin/nc.openbsd'), ipv4('203.0.113.66', 4444))],
    ['a service that becomes root', 'high', (s) => s.exec({ ...child('/usr/local/bin/x'), euid: 0, uid: 33 }, ['x'])],
    ['a library in the scratch directory', 'medium', (s) => s.create(ME, '/tmp/x.so')],
    ['a log of logins that is emptied', 'high', writes('/var/log/auth.log')],
    ['a peer', 'medium', (s) => s.connect(ME, ipv4('203.0.113.66', 443))],
    ['a neighbour on this machine', 'low', (s) => s.connect(ME, ipv4('127.0.0.1', 6379))],
    ['a peer of code from the command line', 'high', (s) => s.exec(child('/usr/bin/bash'), ['bash', '-c', 'x']).connect(child('/usr/bin/bash'), ipv4('203.0.113.66', 443))],
    ['a listener on this machine', 'medium', (s) => s.call(ME, NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('127.0.0.1', 8080)}`])],
    ['a listener open to all', 'medium', (s) => s.call(ME, NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('0.0.0.0', 31337)}`])],
    ['a listener of code from the command line', 'high', (s) => s.exec(child('/usr/bin/python3'), ['python3', '-c', 'x']).call(child('/usr/bin/python3'), NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('0.0.0.0', 31337)}`])],
    ['a secret read by a service', 'high', reads('/etc/shadow')],
    ['a program of the scratch directory', 'high', (s) => s.exec(child('/tmp/x'), ['x'])],
    ['a hidden program', 'high', (s) => s.exec(child('/usr/local/bin/.b'), ['.b'])],
    ['a program that is deleted', 'high', (s) => s.exec(child('/srv/x (deleted)'), ['x'])],
    ['a program in memory', 'high', (s) => s.exec(child('/memfd:x (deleted)'), ['x'])],
    ['a script of the scratch directory', 'critical', (s) => s.exec(child('/usr/bin/dash'), ['sh', '/tmp/.x'])],
    ['a job of cron', 'high', (s) => s.create(ME, '/etc/cron.d/x')],
    ['a unit of systemd', 'high', (s) => s.create(ME, '/etc/systemd/system/x.service')],
    ['a program of the system', 'high', writes('/usr/bin/ls')],
    ['a setting of the system', 'medium', writes('/etc/x.conf')],
    ['a key that lets somebody in', 'high', writes('/root/.ssh/authorized_keys')],
    ['a page that a web server runs', 'high', (s) => s.create(ME, '/srv/www/x.php')],
    ['a record of logins that goes away', 'high', deletes('/var/log/wtmp')],
    ['the audit log that goes away', 'critical', deletes('/var/log/audit/audit.log')],
    ['a library for every program', 'critical', (s) => s.create(ME, '/etc/ld.so.preload')],
    ['a hold of another process', 'high', (s) => s.call(ME, NR.ptrace, { args: [16, 1] })],
    ['a kernel module', 'high', (s) => s.call(ME, NR.finit_module, {}, ['KERN_MODULE', 'name="x"'])],
    ['a set-user-ID program', 'critical', (s) => s.create(ME, '/srv/b', 0o104755)],
  ] as const satisfies readonly (readonly [string, string, (scene: Scene) => Scene])[])('%s is %s', (_, severity, act) => {
    const { severity: found, score, reasons } = rated(act);
    expect(found).toBe(severity);
    expect(score).toBeLessThanOrEqual(100);
    expect(reasons.length).toBeGreaterThan(0);
  });

  it('is more when it was forbidden', () => {
    expect(rated(reads('/etc/shadow', ME, DENIED)).score).toBeGreaterThan(rated(reads('/etc/shadow')).score);
    expect(rated(reads('/etc/shadow', ME, DENIED)).reasons.join()).toContain('denied');
  });

  it('is less when sudo or the like checks a password', () => {
    expect(rated(reads('/etc/shadow', { ...ME, euid: 0 })).severity).toBe('medium');
    expect(rated(reads('/etc/shadow', { ...ME, euid: 0, exe: '/usr/bin/sudo' })).severity).toBe('low');
    expect(rated(reads('/etc/shadow', { ...ME, euid: 0, exe: '/tmp/sudo' })).severity).toBe('medium');
  });

  it('is more when a program reads a secret that reads whatever it is told', () => {
    const root = { ...ME, euid: 0 };
    expect(rated(reads('/etc/shadow', { ...root, exe: '/usr/bin/cat' })).severity).toBe('high');
    expect(rated(reads('/etc/shadow', { ...root, exe: '/usr/bin/own' })).severity).toBe('medium');
  });

  it('grows when one door is tried after the other', () => {
    const bash = child('/usr/bin/bash');
    const scan = (ports: number) => (s: Scene): Scene => Array.from({ length: ports }, (_, i) => i).reduce((scene, i) => scene.connect(bash, ipv4('127.0.0.1', 20 + i)), s.exec(bash, ['bash', '-c', 'x']));
    expect([rated(scan(3)).severity, rated(scan(30)).severity, rated(scan(30)).technique]).toEqual(['medium', 'high', 'T1046']);
  });

  it('names the technique where it is plain', () => {
    expect(rated((s) => s.create(ME, '/etc/cron.d/x')).technique).toBe('T1053.003');
    expect(rated((s) => s.create(ME, '/srv/b')).technique).toBeUndefined();
  });
});

describe('the company it is in', () => {
  it('makes the first login of somebody high, and what follows graver', () => {
    const first = rated((s) => logsIn(s, 0, 800), knowsAdmin);
    expect([first.severity, first.technique]).toEqual(['high', 'T1078']);
    expect(rated((s) => logsIn(s, 0, 800).exec(child('/usr/bin/id', shell(0, 800)), ['id']), knowsAdmin).severity).toBe('medium');
  });

  it("leaves an administrator's new command low, and does not excuse what lasts", () => {
    expect(rated((s) => logsIn(s, 1000, 800).exec(child('/usr/bin/htop', shell(1000, 800)), ['htop']), knowsAdmin).severity).toBe('low');
    expect(rated((s) => logsIn(s, 1000, 800).create(shell(1000, 800), '/home/a/.ssh/authorized_keys'), knowsAdmin).severity).toBe('high');
  });

  const DPKG: Actor = { pid: 900, exe: '/usr/bin/dpkg', euid: 0 };
  const installs = (s: Scene): Scene => s.exec({ ...DPKG, ppid: 1 }, ['dpkg', '-i', 'x.deb']);

  it('takes the package manager for what it is, but never with set-user-ID programs, audit, or a library for all', () => {
    const of = (act: (s: Scene) => Scene): Alert => rated((s) => act(installs(s)));
    expect(of((s) => s.create(DPKG, '/usr/bin/new', 0o100755)).severity).toBe('medium');
    expect(of((s) => s.create(DPKG, '/etc/systemd/system/new.service')).severity).toBe('medium');
    expect(of((s) => s.create(DPKG, '/etc/systemd/system/new.service')).lowered).toBe(true);
    expect(of((s) => s.create(DPKG, '/usr/bin/new', 0o104755)).severity).toBe('critical');
    expect(of((s) => s.create(DPKG, '/etc/ld.so.preload')).severity).toBe('critical');
    expect(of((s) => s.create(DPKG, '/etc/audit/rules.d/x.rules')).severity).toBe('high');
    expect(rated((s) => s.create({ ...DPKG, exe: '/tmp/dpkg' }, '/usr/bin/new', 0o100755)).severity).toBe('high');
  });

  it('makes what runs or calls on the traces of a grave incident graver', () => {
    const trace = rated((s) => s.exec(child('/usr/bin/bash'), ['bash', '-c', 'x']).connect(child('/usr/bin/bash'), ipv4('203.0.113.66', 443)).wait(60_000).connect({ pid: 990, exe: '/usr/bin/y' }, ipv4('203.0.113.66', 443)));
    expect(trace.reasons.join()).toMatch(/goes on from incident [0-9a-f]{12}/);
    expect(trace.severity).toBe('high');
  });
});
