import { describe, expect, it } from 'vitest';
import { pid } from '../../src/audit/units.ts';
import { fact } from '../support/fact.ts';
import { raw } from '../support/log.ts';
import { alertsOf, openFullmon } from '../support/replay.ts';
import { CWD, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { DAY, HOUR, MINUTE, told } from './watch.ts';

const NGINX: Actor = { pid: 500, ppid: 1, exe: '/usr/sbin/nginx' };
const SSHD: Actor = { pid: 800, ppid: 1, exe: '/usr/sbin/sshd', euid: 0, comm: 'sshd' };
const BACKUP = ipv4('192.0.2.10', 443);

/** curl, on behalf of somebody, talks to the backup server. */
const curl = (scene: Scene, id: number, ppid: number): Scene => scene.exec({ pid: id, ppid, exe: '/usr/bin/curl' }, ['curl']).connect({ pid: id, ppid, exe: '/usr/bin/curl' }, BACKUP);

/** An hour of ordinary work of a web server. */
const usual = (): Scene => openScene().create(NGINX, '/srv/a').wait(HOUR);

describe('a program', () => {
  it('that calls itself sshd is not sshd (W01)', () => {
    const scene = openScene().create(SSHD, '/run/sshd.pid').exec({ ...SSHD, pid: 801, ppid: 800, exe: '/usr/bin/id' }, ['id']).wait(HOUR)
      .create({ ...SSHD, pid: 900, exe: '/dev/shm/.x/sshd' }, '/run/sshd.pid');
    expect(told(scene)).toEqual(['proc::0:/dev/shm/.x/sshd->file:CREATE:/run/sshd.pid']);
  });

  it('that is deleted while it runs is not the one that lay there (W01)', () => {
    const node: Actor = { pid: 600, ppid: 1, exe: '/usr/bin/node' };
    expect(told(openScene().create(node, '/srv/a').wait(HOUR).create({ ...node, exe: '/usr/bin/node (deleted)' }, '/srv/a'))).toEqual(['proc::33:/usr/bin/node%20(deleted)->file:CREATE:/srv/a']);
  });

  it('named like the backup job may not talk to the backup server (W33)', () => {
    const backup: Actor = { pid: 700, ppid: 1, exe: '/usr/bin/restic', comm: 'restic' };
    const fpm: Actor = { pid: 710, ppid: 1, exe: '/usr/sbin/php-fpm8.2' };
    const implant: Actor = { pid: 711, ppid: 710, exe: '/tmp/restic', comm: 'restic' };
    const scene = openScene().create(fpm, '/srv/a').connect(backup, BACKUP).wait(HOUR).exec(implant, ['restic']).connect(implant, BACKUP);
    expect(told(scene)).toEqual(['proc::33:/usr/sbin/php-fpm8.2->proc::33:/tmp/restic@php-fpm8.2', 'proc::33:/tmp/restic@php-fpm8.2->host:192.0.2.10:443']);
  });

  it('may not do for the web server what it does for the backup job (W33)', () => {
    const backup: Actor = { pid: 700, ppid: 1, exe: '/usr/bin/restic' };
    const scene = curl(openScene().create(NGINX, '/srv/a').create(backup, '/srv/b'), 701, 700).wait(HOUR);
    expect(told(curl(curl(scene, 702, 700), 703, 500))).toEqual(['proc::33:/usr/sbin/nginx->proc::33:/usr/bin/curl@nginx', 'proc::33:/usr/bin/curl@nginx->host:192.0.2.10:443']);
  });

  it('that replaces itself by a harmless one is told all the same (W20)', () => {
    const implant: Actor = { pid: 510, ppid: 500, exe: '/tmp/implant' };
    const scene = openScene().create(NGINX, '/srv/a').exec({ pid: 505, ppid: 500, exe: '/usr/bin/apt' }, ['apt']).wait(HOUR)
      .exec(implant, ['implant']).create(implant, '/srv/loot').exec({ ...implant, exe: '/usr/bin/apt' }, ['apt']);
    expect(told(scene)).toEqual([
      'proc::33:/usr/sbin/nginx->proc::33:/tmp/implant@nginx', 'proc::33:/tmp/implant@nginx->file:CREATE:/srv/loot', 'proc::33:/tmp/implant@nginx->proc::33:/usr/bin/apt@nginx',
    ]);
  });
});

describe('a user', () => {
  const shell: Actor = { pid: 900, ppid: 800, exe: '/usr/bin/bash', auid: 1000, euid: 1000, ses: 5 };

  it('who becomes root is another subject, though the login is the same (W02)', () => {
    const scene = openScene().login(SSHD, 1000, 5).exec(shell, ['-bash']).create(shell, '/srv/a').wait(HOUR).create(shell, '/srv/a').create({ ...shell, euid: 0 }, '/srv/a');
    expect(told(scene)).toEqual(['proc::1000/0:/usr/bin/bash -@sshd->file:CREATE:/srv/a']);
  });

  it('who runs a program as root that he ran as himself is told (W02)', () => {
    const id = (n: number): Actor => ({ ...shell, pid: n, ppid: 900, exe: '/usr/bin/id' });
    const scene = openScene().login(SSHD, 1000, 5).exec(shell, ['-bash']).exec(id(901), ['id']).wait(HOUR).exec(id(902), ['id']).exec({ ...id(903), euid: 0 }, ['id']);
    expect(told(scene)).toEqual(['proc::1000/1000:/usr/bin/bash -@sshd->proc::1000/0:/usr/bin/id@sshd']);
  });
});

describe('a daemon', () => {
  const dash: Actor = { pid: 510, ppid: 500, exe: '/usr/bin/dash' };

  it('that was running before fullmon is the parent of the shell it starts (W03)', () => {
    const fullmon = openFullmon({ baseline: 3600, monitor: 60 });
    fullmon.know([fact(1, 0, '/usr/lib/systemd/systemd', ['init']), fact(500, 1, '/usr/sbin/nginx', ['nginx'])], pid(505));
    const cron: Actor = { pid: 506, ppid: 1, exe: '/usr/sbin/cron' };
    const scene = openScene().create(cron, '/run/cron.pid').wait(HOUR).exec(dash, ['sh', '-c', 'id']);
    fullmon.feed(raw(`${scene.lines.join('\n')}\n`));
    fullmon.end();
    expect(alertsOf(fullmon.said).map(({ edge }) => edge)).toEqual(['proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx']);
  });

  it('may not run a shell because cron does (W04)', () => {
    const cron: Actor = { pid: 400, ppid: 1, exe: '/usr/sbin/cron' };
    const scene = openScene().create(NGINX, '/srv/a').create(cron, '/run/cron.pid').exec({ ...dash, pid: 410, ppid: 400 }, ['sh', '-c', 'job']).wait(HOUR);
    expect(told(scene.exec({ ...dash, pid: 420, ppid: 400 }, ['sh', '-c', 'job']).exec(dash, ['sh', '-c', 'id']))).toEqual(['proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx']);
  });

  it('is still known as a parent a day after it was last heard of (W21)', () => {
    const other: Actor = { pid: 450, ppid: 1, exe: '/usr/bin/redis-server' };
    const scene = usual();
    scene.create(other, '/srv/dump');
    for (let minute = 0; minute < 24 * 60; minute += 5) scene.wait(5 * MINUTE).create(other, '/srv/dump');
    expect(told(scene.exec(dash, ['sh', '-c', 'id'])).at(-1)).toBe('proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx');
  });

  it('is still known as a parent by the fullmon that was started anew meanwhile (W21)', () => {
    const flags = { baseline: 3600, monitor: 60 };
    const before = openFullmon(flags);
    const scene = usual().create(NGINX, '/srv/a');
    before.feed(raw(`${scene.lines.join('\n')}\n`));
    before.pause();
    const after = openFullmon(flags, JSON.parse(JSON.stringify(before.save())));
    after.feed(raw(`${openScene().wait(HOUR + DAY).exec(dash, ['sh', '-c', 'id']).lines.join('\n')}\n`));
    after.end();
    expect(alertsOf([...before.said, ...after.said]).map(({ edge }) => edge)).toEqual(['proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx']);
  });
});

describe('a file', () => {
  const touch: Actor = { pid: 510, ppid: 500, exe: '/usr/bin/touch', euid: 0 };
  const lockIn = (scene: Scene, cwd: string, inode: number): Scene =>
    scene.files(touch, NR.openat, [{ name: cwd, type: 'PARENT', inode, mode: 0o040755 }, { name: 'lock', type: 'CREATE' }], { args: [CWD, 0, 0o101], cwd });

  it('named relatively is the one in its directory: touching lock in /srv/app is not touching it in /etc/cron.d (W27)', () => {
    expect(told(lockIn(lockIn(lockIn(openScene(), '/srv/app', 2).wait(HOUR), '/srv/app', 2), '/etc/cron.d', 3))).toEqual(['proc::0:/usr/bin/touch->file:CREATE:/etc/cron.d/lock']);
  });

  it('is one, however crookedly it is named (W27)', () => {
    expect(told(openScene().create(NGINX, '/srv/a').wait(HOUR).create(NGINX, '//srv/./x/../a').create(NGINX, '/srv/../etc/passwd'))).toEqual(['proc::33:/usr/sbin/nginx->file:CREATE:/etc/passwd']);
  });

  it.each([
    ['a blank', '/tmp/a b', '/tmp/a%20b'],
    ['a quote', '/tmp/a"b', '/tmp/a"b'],
    ['a line feed', '/tmp/a\nb', '/tmp/a%0Ab'],
    ['an umlaut', '/tmp/\xc3\xa4', '/tmp/%C3%A4'],
    ['an arrow', '/tmp/x->proc::0:sshd', '/tmp/x-%3Eproc::0:sshd'],
    ['what looks like hex', '/tmp/2F62696E', '/tmp/2F62696E'],
  ])('with %s in its name is told by its name (W28)', (_, name, printed) => {
    expect(told(usual().create(NGINX, name))).toEqual([`proc::33:/usr/sbin/nginx->file:CREATE:${printed}`]);
  });
});
