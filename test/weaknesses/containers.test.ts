import { describe, expect, it } from 'vitest';
import { bytes, pid, ses, uid, UNSET } from '../../src/audit/units.ts';
import { readGroup } from '../../src/input/proc.ts';
import type { ProcessFact } from '../../src/behaviour/processes.ts';
import { raw } from '../support/log.ts';
import { alertsOf, openFullmon } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

const ID = '0123456789ab';
const LONG = ID + 'cdef'.repeat(13);
const fact = (id: number, ppid: number, exe: string, more: Partial<ProcessFact> = {}): ProcessFact =>
  ({ pid: pid(id), ppid: pid(ppid), exe: bytes(exe), argv: [], cwd: bytes('/'), login: uid(UNSET), euid: uid(0), ses: ses(UNSET), notty: true, ...more });

describe('a program in a container', () => {
  it.each([
    ['docker, first version', `12:pids:/docker/${LONG}\n1:name=systemd:/docker/${LONG}\n`],
    ['docker under systemd', `0::/system.slice/docker-${LONG}.scope\n`],
    ['podman', `0::/machine.slice/libpod-${LONG}.scope/container\n`],
    ['containerd under Kubernetes', `0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-${LONG}.scope\n`],
    ['CRI-O', `0::/kubepods.slice/crio-${LONG}.scope\n`],
    ['Kubernetes, first version', `11:memory:/kubepods/besteffort/pod1/${LONG}\n`],
    ['a container in a container', `0::/docker/${LONG}/docker/${'f'.repeat(64)}\n`],
  ])('of %s is known by the id that its cgroup tells', (_, cgroup) => expect(readGroup(cgroup).container).toBe(ID));

  it.each([['the host', '0::/system.slice/nginx.service\n'], ['a name like an id', '0::/system.slice/0123456789abcdef.service\n'], ['nothing', '']])('is none in %s', (_, cgroup) => expect(readGroup(cgroup).container).toBe(''));

  it.each([
    ['/usr/bin/runc', 'itself'],
    ['/', 'a mount of its own, as in Debian 12'],
    ['/memfd:crun_cloned:/proc/self/exe (deleted)', 'a copy in memory'],
  ])('that a runtime starts from %s, %s, is not a program of the host, nor is what it starts: W32', (exe) => {
    const runc: Actor = { pid: 600, ppid: 500, exe, euid: 0 };
    const shell = { ...runc, exe: '/bin/sh' };
    const scene = openScene().exec(runc, ['runc', 'init']).exec(shell, ['sh']).exec({ ...runc, pid: 601, ppid: 600, exe: '/bin/id' }, ['id']);
    const fullmon = openFullmon({}, undefined, { process: () => undefined, container: (id) => bytes(id === 600 ? ID : '') });
    fullmon.feed(raw(`${scene.lines.join('\n')}\n`));
    fullmon.end();
    expect(alertsOf(fullmon.said).slice(-2).map(({ edge }) => edge.replaceAll(/@[^-\s]*/g, ''))).toEqual([`proc::0:${exe.replaceAll(' ', '%20')}->proc:0123456789ab:0:/bin/sh -`, 'proc:0123456789ab:0:/bin/sh -->proc:0123456789ab:0:/bin/id']);
  });
});

describe('a process that init took in', () => {
  it('belongs to the daemon of its unit, as systemd knows it', () => {
    const unit = bytes('mail.service');
    const fullmon = openFullmon();
    fullmon.know([fact(1, 0, '/usr/lib/systemd/systemd'), fact(400, 1, '/usr/sbin/maild', { unit }), fact(410, 1, '/usr/lib/mail/worker', { unit })], pid(450));
    fullmon.feed(raw(`${openScene().create({ pid: 410, ppid: 1, exe: '/usr/lib/mail/worker', euid: 0 }, '/srv/x').create({ pid: 400, ppid: 1, exe: '/usr/sbin/maild', euid: 0 }, '/srv/y').lines.join('\n')}\n`));
    fullmon.end();
    expect(alertsOf(fullmon.said).map(({ seen }) => seen.node)).toEqual(['proc::0:/usr/lib/mail/worker@maild', 'proc::0:/usr/sbin/maild']);
  });
});
