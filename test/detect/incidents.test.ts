import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { alertsOf, replay } from '../support/replay.ts';
import type { Flags } from '../support/replay.ts';
import { record } from '../support/log.ts';
import { ipv4, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const DB: Actor = { pid: 510, exe: '/usr/sbin/mysqld', euid: 105 };
const CRON: Actor = { pid: 520, exe: '/usr/sbin/cron', euid: 0 };
const MINUTE = 60_000;

const start = (): Scene => openScene().create(WEB, '/srv/a').create(DB, '/srv/b').create(CRON, '/srv/c').wait(10_000);
const FLAGS: Flags = { baseline: 10, monitor: 60 };
const say = (scene: Scene, flags = FLAGS): readonly Line[] => replay(scene.lines, flags);
const lifeOf = (said: readonly Line[]): readonly string[] => said.flatMap((line) => (line.type === 'incident' ? [`${line.state} ${line.incident.severity}`] : []));
const incidentsOf = (said: readonly Line[]): readonly string[] => alertsOf(said).map(({ incident }) => incident);
const countOf = (scene: Scene): number => new Set(incidentsOf(say(scene))).size;

describe('an incident', () => {
  it('opens once, rises with what follows, and closes when it has been idle for five minutes', () => {
    const scene = start().create(WEB, '/srv/x').wait(2 * MINUTE).create(WEB, '/srv/y').wait(2 * MINUTE).create(WEB, '/etc/cron.d/x').wait(20 * MINUTE).create(DB, '/srv/b');
    expect(lifeOf(say(scene))).toEqual(['opened low', 'risen high', 'closed high']);
  });

  it('is told before its edges, and explained by the gravest of them', () => {
    const said = say(start().create(WEB, '/srv/x').create(WEB, '/etc/cron.d/x'));
    const at = said.findIndex(({ type }) => type === 'incident');
    expect(said.slice(at, at + 3).map(({ type }) => type)).toEqual(['incident', 'edge', 'edge']);
    const opened = said[at];
    expect(opened?.type === 'incident' && opened.state === 'opened' && opened.explanation.edge).toBe('proc::33:/usr/sbin/nginx->file:CREATE:/etc/cron.d/x');
  });

  it('names the session and the address it came from', () => {
    const login: Actor = { pid: 600, ppid: 1, exe: '/usr/sbin/sshd', euid: 0, auid: 0, ses: 7 };
    const scene = start().login(login, 0, 7).exec({ ...login, pid: 601, ppid: 600, exe: '/usr/bin/bash' }, ['-bash']);
    const opened = record('USER_START', `pid=600 uid=0 auid=0 ses=7 msg='op=PAM:session_open acct="root" exe="/usr/sbin/sshd" hostname=x addr=198.51.100.9 terminal=ssh res=success'`, 9, 10_000);
    const sessions = say({ ...scene, lines: [...scene.lines, opened] }).flatMap((line) => (line.type === 'incident' && line.state === 'opened' ? [line.explanation.session] : []));
    expect(sessions).toEqual([{ login: 0, ses: 7, service: 'sshd', address: '198.51.100.9' }]);
  });

  it('is graver than its gravest edge when it goes through several tactics', () => {
    const shell: Actor = { ...WEB, pid: 501, ppid: 500, exe: '/usr/bin/dash' };
    const scene = start().exec(shell, ['sh', '-c', 'x']).connect(shell, ipv4('203.0.113.66', 443)).create(shell, '/home/a/.ssh/authorized_keys');
    const said = say(scene);
    expect(alertsOf(said).map(({ severity }) => severity)).toEqual(['high', 'high', 'high']);
    expect(lifeOf(said)).toEqual(['opened critical', 'closed critical']);
  });

  it('counts what comes again and does not tell it again', () => {
    const scene = start().create(WEB, '/srv/x');
    for (let i = 0; i < 20; i++) scene.wait(MINUTE).create(WEB, '/srv/x');
    const said = say(scene);
    expect(alertsOf(said).length).toBe(1);
    expect(said.flatMap((line) => (line.type === 'incident' && line.state === 'closed' ? [line.incident.repeats] : []))).toEqual([20]);
  });

  it('closes with the log', () => expect(lifeOf(say(start().create(WEB, '/srv/x')))).toEqual(['opened low', 'closed low']));
});

describe('what belongs together', () => {
  it('is what one lineage does', () => expect(countOf(start().create(WEB, '/srv/x').wait(MINUTE).exec({ ...WEB, pid: 501, ppid: 500, exe: '/usr/bin/id' }, ['id']))).toBe(1));

  it('is not what two services do at the same time', () => expect(countOf(start().create(WEB, '/srv/x').create(DB, '/srv/y'))).toBe(2));

  it('is a file written by one and run by another', () => {
    expect(countOf(start().create(WEB, '/srv/up/tool').wait(MINUTE).exec({ ...DB, pid: 511, ppid: 510, exe: '/srv/up/tool' }, ['tool']))).toBe(1);
    expect(countOf(start().create(WEB, '/srv/up/tool').wait(MINUTE).exec({ ...DB, pid: 511, ppid: 510, exe: '/usr/bin/bash' }, ['bash', '/srv/up/tool']))).toBe(1);
    expect(countOf(start().create(WEB, '/srv/up/tool').wait(MINUTE).exec({ ...DB, pid: 511, ppid: 510, exe: '/srv/up/other' }, ['other']))).toBe(2);
  });

  it('is a job written for cron and what cron then runs', () => {
    const job: Actor = { pid: 530, ppid: 521, exe: '/usr/bin/dash', euid: 0, auid: 0, ses: 9 };
    const runs = (scene: Scene): Scene => scene.wait(MINUTE).login({ ...job, pid: 521, ppid: 520, exe: '/usr/sbin/cron' }, 0, 9).exec(job, ['sh', '-c', 'x']);
    expect(countOf(runs(start().create(WEB, '/etc/cron.d/x')))).toBe(1);
    expect(countOf(runs(start().create(WEB, '/srv/x')))).toBe(2);
  });

  it('goes on under another name when its file is used after it has closed', () => {
    const scene = start().create(WEB, '/tmp/tool', 0o100755).wait(20 * MINUTE).exec({ ...DB, pid: 511, ppid: 510, exe: '/tmp/tool' }, ['tool']);
    const [first, second] = say(scene).flatMap((line) => (line.type === 'incident' && line.state === 'opened' ? [line.incident] : []));
    expect(second?.after).toBe(first?.id);
  });
});

const memory = (scene: Scene): Scene => scene.exec({ ...WEB, pid: 501, ppid: 500, exe: '/memfd:x (deleted)' }, ['x']);

describe('what is too grave to be learned', () => {
  it('warns while learning, and still afterwards', () => {
    const said = say(memory(memory(openScene().create(WEB, '/srv/a')).wait(86_400_000)).wait(MINUTE));
    expect(alertsOf(said).map(({ edge }) => edge.includes('/memfd:'))).toEqual([true, true]);
    expect(lifeOf(say(openScene().create(WEB, '/etc/ld.so.preload')))).toEqual(['opened critical', 'closed critical']);
  });

  it('is nothing else', () => expect(lifeOf(say(openScene().create(WEB, '/etc/cron.d/x').exec({ ...WEB, pid: 501, ppid: 500, exe: '/tmp/x' }, ['x'])))).toEqual([]));
});

describe('going on learning', () => {
  it('leaves what its company excused to a person', () => {
    const dpkg: Actor = { pid: 900, exe: '/usr/bin/dpkg', euid: 0, ppid: 901 };
    const scene = start().exec({ ...dpkg, ppid: 1 }, ['dpkg']);
    for (let day = 0; day < 3; day++) scene.exec({ ...dpkg, ppid: 1 }, ['dpkg']).create({ ...dpkg, ppid: 1 }, '/etc/systemd/system/x.service').create({ ...dpkg, ppid: 1 }, '/srv/x').wait(25 * 60 * MINUTE);
    const told = alertsOf(say(scene, { ...FLAGS, rebase: true })).map(({ edge }) => edge.slice(edge.lastIndexOf('/')));
    expect(told.filter((name) => name === '/x.service').length).toBe(3);
    expect(told.filter((name) => name === '/x').length).toBe(1);
  });
});
