import { describe, expect, it } from 'vitest';
import { Trait } from '../../src/behaviour/handler.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { DENIED, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x', euid: 0 };
const VICTIM: Actor = { pid: 400, ppid: 1, exe: '/usr/sbin/nginx' };

const seen = (scene: Scene) => alertsOf(replay(scene.lines)).map(({ edge, seen: { traits } }) => [edge.slice(edge.indexOf('->') + 2), traits] as const);
const objects = (scene: Scene): readonly string[] => seen(scene).map(([object]) => object);
const call = (nr: number, outcome?: Outcome, ...records: readonly (readonly [string, string])[]): Scene => openScene().call(ME, nr, outcome, ...records);
const path = (name: string, item = 0): readonly [string, string] => ['PATH', `item=${item} name="${name}" inode=${item + 1} dev=fe:00 mode=040755 nametype=NORMAL`];

describe('the kernel', () => {
  it.each([
    ['loads a module', call(NR.finit_module, {}, ['KERN_MODULE', 'name="rootkit"']), ['kernel:module:rootkit']],
    ['loads a module from memory', call(NR.init_module, {}, ['KERN_MODULE', 'name="rootkit"']), ['kernel:module:rootkit']],
    ['unloads one', call(NR.delete_module, {}, ['KERN_MODULE', 'name="audit_helper"']), ['kernel:module:audit_helper']],
    ['loads another kernel', call(246), ['kernel:kexec']],
    ['takes a BPF program', call(NR.bpf, { args: [5] }), ['kernel:bpf']],
    ['mounts', call(NR.mount, {}, ['CWD', 'cwd="/srv"'], path('mnt'), path('/dev/sdb1', 1)), ['kernel:mount:/srv/mnt']],
    ['mounts by the new calls', call(429, {}, ['CWD', 'cwd="/"'], path(''), path('/mnt', 1)), ['kernel:mount:/mnt']],
    ['takes a mount away', call(NR.umount2, {}, ['CWD', 'cwd="/srv"'], path('mnt')), ['kernel:umount:/srv/mnt']],
    ['takes a mount away for an old 32-bit program', call(22, { arch: '40000003' }, ['CWD', 'cwd="/"'], path('/mnt')), ['kernel:umount:/mnt']],
    ['takes another root', call(NR.pivot_root, {}, ['CWD', 'cwd="/"'], path('/new'), path('/new/old', 1)), ['kernel:pivot_root:/new']],
    ['parts namespaces', call(NR.unshare, { args: [0x10000000] }), ['kernel:unshare']],
    ['clones into new namespaces', call(NR.clone, { args: [0x10000011] }), ['kernel:unshare']],
    ['clones as usual', call(NR.clone, { args: [0x1200011] }), []],
    ['enters a namespace', call(NR.setns), ['kernel:setns']],
    ['makes a file in memory', call(NR.memfd_create), ['kernel:memfd']],
    ['gives a ring', call(NR.io_uring_setup), ['kernel:io_uring']],
  ])('%s', (_, scene, expected) => expect(objects(scene)).toEqual(expected));

  it.each([
    ['module', NR.finit_module], ['bpf', NR.bpf], ['mount', NR.mount], ['umount', NR.umount2], ['unshare', NR.unshare], ['clone into a namespace', NR.clone], ['setns', NR.setns],
  ])('tells a %s that was refused', (_, nr) => {
    expect(seen(call(nr, { success: false, exit: -1, args: [0x20000] })).map(([, traits]) => traits)).toEqual([Trait.denied]);
  });

  it.each([NR.memfd_create, NR.io_uring_setup])('says nothing of call %d when it fails', (nr) => expect(objects(call(nr, { ...DENIED, args: [0x20000] }))).toEqual([]));
});

const trace = (request: number, outcome: Outcome = {}, target = 400): readonly string[] =>
  objects(openScene().create(VICTIM, '/a').call(ME, NR.ptrace, { args: [request, 99], ...outcome }, ['OBJ_PID', `opid=${target} oauid=-1 ouid=0 oses=-1 ocomm="nginx"`])).slice(1);

describe('taking hold of a process', () => {
  it.each([[16, 'attach'], [0x4206, 'seize'], [4, 'poketext'], [5, 'pokedata'], [13, 'setregs'], [0x4205, 'setregset']])('%d (%s) is told by the program of the target', (request) => {
    expect(trace(request)).toEqual(['trace:/usr/sbin/nginx']);
  });

  it.each([0, 7, 17, 24, 0x4200, 0x4207])('%d is not', (request) => expect(trace(request)).toEqual([]));
  it('is told when it is refused', () => expect(trace(16, DENIED)).toEqual(['trace:/usr/sbin/nginx']));
  it('is told of a process that nobody knows', () => expect(trace(16, {}, 12_345)).toEqual(['trace:?']));

  it('works by the argument where there is no record of the target', () => {
    expect(objects(openScene().create(VICTIM, '/a').call(ME, NR.ptrace, { args: [16, 400] })).slice(1)).toEqual(['trace:/usr/sbin/nginx']);
    expect(objects(openScene().create(VICTIM, '/a').call(ME, NR.process_vm_writev, { args: [400] })).slice(1)).toEqual(['trace:/usr/sbin/nginx']);
  });
});

const exe = (program: string, outcome: Outcome): readonly string[] => objects(openScene().files(ME, NR.execve, [{ name: program, type: 'NORMAL' }], outcome));

describe('running a program', () => {
  it('that is not there is nothing', () => expect(exe('/usr/local/bin/id', { success: false, exit: -2 })).toEqual([]));

  it('that may not be run is told when it is one of the system', () => {
    expect(exe('/usr/sbin/hidden', DENIED)).toEqual(['proc::0:/usr/sbin/hidden']);
    expect(exe('sbin/hidden', { ...DENIED, cwd: '/usr' })).toEqual(['proc::0:/usr/sbin/hidden']);
    expect(exe('/srv/hidden', DENIED)).toEqual([]);
  });

  it('from memory or deleted says so', () => {
    const memory = openScene().call({ ...ME, exe: '/memfd:x (deleted)' }, NR.execveat, {}, ['EXECVE', 'argc=1 a0="x"']);
    expect(objects(memory)).toEqual(['proc::0:/memfd:x%20(deleted)']);
  });

  it('under another ABI is the same', () => {
    // x32, 32 bit x86, 64 bit ARM
    for (const [nr, arch] of [[0x40000000 + 520, 'c000003e'], [11, '40000003'], [221, 'c00000b7']] as const) {
      expect(objects(openScene().call({ ...ME, exe: '/usr/bin/id' }, nr, { arch }, ['EXECVE', 'argc=1 a0="id"'])), arch).toEqual(['proc::0:/usr/bin/id']);
    }
  });
});
