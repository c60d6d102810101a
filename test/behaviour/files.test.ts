import { describe, expect, it } from 'vitest';
import { Trait } from '../../src/behaviour/handler.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { CWD, DENIED, NR, openScene } from '../support/scene.ts';
import type { Actor, Item, Outcome, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const DIR = 0o040755;
const O = { WRONLY: 0o1, RDWR: 0o2, CREAT: 0o100, TRUNC: 0o1000, APPEND: 0o2000, DIRECTORY: 0o200000, TMPFILE: 0o20200000 } as const;

/** `ACTION:PATH` of all edges, renames with the old name. */
const files = (scene: Scene): readonly string[] =>
  alertsOf(replay(scene.lines)).map(({ edge, seen }) => edge.slice(edge.indexOf('->') + 2).replace(/^file:/, '') + (seen.from === '' ? '' : ` from ${seen.from}`));

const traitsOf = (scene: Scene): number | undefined => alertsOf(replay(scene.lines)).at(-1)?.seen.traits;

const dir = (name: string, inode: number): Item => ({ name, type: 'PARENT', inode, mode: DIR });
const made = (name: string, inode: number, mode = 0o100644): Item => ({ name, type: 'CREATE', inode, mode });
const there = (name: string | undefined, inode: number, mode = 0o100644): Item => ({ ...(name === undefined ? {} : { name }), type: 'NORMAL', inode, mode });
const gone = (name: string, inode: number): Item => ({ name, type: 'DELETE', inode });

const call = (nr: number, items: readonly Item[], outcome: Outcome = {}): Scene => openScene().files(ME, nr, items, outcome);
const open = (flags: number, ...items: readonly Item[]): Scene => call(NR.openat, items, { args: [CWD, 0, flags], cwd: '/srv' });

const opened = (oflag: string): Scene => openScene().call(ME, NR.openat2, { args: [CWD] }, ['CWD', 'cwd="/srv"'], ['OPENAT2', `oflag=${oflag} mode=0 resolve=0x0`], ['PATH', 'item=0 name="a" inode=10 dev=fe:00 mode=0100644 nametype=NORMAL']);

describe('opening a file', () => {
  it.each([
    ['making it', open(O.WRONLY | O.CREAT, dir('/srv', 2), made('a', 10)), ['CREATE:/srv/a']],
    ['for writing', open(O.WRONLY, there('a', 10)), ['WRITE:/srv/a']],
    ['for reading and writing', open(O.RDWR, there('/var/a', 10)), ['WRITE:/var/a']],
    ['to cut it', open(O.TRUNC, there('a', 10)), ['WRITE:/srv/a']],
    ['that is there, with O_CREAT', open(O.WRONLY | O.CREAT | O.APPEND, dir('/srv', 2), there('a', 10)), ['WRITE:/srv/a']],
    ['for reading', open(0, there('a', 10)), []],
    ['that is secret, for reading', open(0, there('/etc/shadow', 10)), ['READ:/etc/shadow']],
    ['that is a key, for reading', open(0, there('/root/.ssh/id_rsa', 10)), ['READ:/root/.ssh/id_rsa']],
    ['that is a public key, for reading', open(0, there('/root/.ssh/id_rsa.pub', 10)), []],
    ['that is a directory', open(O.DIRECTORY, there('/srv', 2, DIR)), []],
    ['without a name', open(O.RDWR | O.TMPFILE, there('/tmp', 10, 0o100600)), []],
    ['that is /dev/null', open(O.WRONLY, there('/dev/null', 5, 0o020666)), []],
    ['that is the memory', open(O.WRONLY, there('/dev/mem', 6, 0o020640)), ['WRITE:/dev/mem']],
    ['by a crooked name', open(O.WRONLY, there('/srv//x/.././a/', 10)), ['WRITE:/srv/a']],
    ['above the root', open(O.WRONLY, there('../../../../etc/passwd', 10)), ['WRITE:/etc/passwd']],
  ])('%s', (_, scene, expected) => expect(files(scene)).toEqual(expected));

  it('by other calls', () => {
    expect(files(openScene().files(ME, 85, [dir('/srv', 2), made('/srv/a', 10)]))).toEqual(['CREATE:/srv/a']);
    expect(files(openScene().files(ME, 2, [there('/srv/a', 10)], { args: [0, O.RDWR] }))).toEqual(['WRITE:/srv/a']);
    expect(files(openScene().files(ME, 76, [there('/srv/a', 10)]))).toEqual(['WRITE:/srv/a']);
    // 32 bit: open is 5, openat 295
    expect(files(openScene().files(ME, 5, [there('/srv/a', 10)], { args: [0, O.RDWR], arch: '40000003' }))).toEqual(['WRITE:/srv/a']);
    expect(files(openScene().files(ME, 295, [there('/srv/a', 10)], { args: [CWD, 0, O.RDWR], arch: '40000003' }))).toEqual(['WRITE:/srv/a']);
    // 64 bit ARM: openat is 56
    expect(files(openScene().files(ME, 56, [there('/srv/a', 10)], { args: [CWD, 0, O.RDWR], arch: 'c00000b7' }))).toEqual(['WRITE:/srv/a']);
  });

  it('by openat2, whose flags stand in a record of their own', () => {
    expect(files(opened('02'))).toEqual(['WRITE:/srv/a']);
    expect(files(opened('0'))).toEqual([]);
  });
});

const failed = (exit: number, name: string): Scene => call(NR.openat, [{ name, type: 'NORMAL', inode: 10 }], { success: false, exit, args: [CWD, 0, O.WRONLY] });

describe('what fails', () => {
  it.each([-2, -17, -20, -40, -28])('with %d is nothing', (exit) => expect(files(failed(exit, '/etc/shadow'))).toEqual([]));

  it('for want of permission is told where it shows intent', () => {
    for (const exit of [-13, -1]) {
      expect(files(failed(exit, '/etc/shadow'))).toEqual(['WRITE:/etc/shadow']);
      expect(traitsOf(failed(exit, '/etc/shadow'))).toBe(Trait.denied);
      expect(files(failed(exit, '/srv/a'))).toEqual([]);
    }
    expect(files(call(NR.openat, [there('/etc/shadow', 10)], { ...DENIED, args: [CWD, 0, 0] }))).toEqual(['READ:/etc/shadow']);
  });

  it('to make a file names its directory alone', () => {
    expect(files(call(NR.openat, [dir('/etc/cron.d/', 7)], { ...DENIED, args: [CWD, 0, O.WRONLY | O.CREAT] }))).toEqual(['CREATE:/etc/cron.d/?']);
    expect(files(call(NR.openat, [dir('cron.d/', 7)], { ...DENIED, cwd: '/etc', args: [CWD, 0, O.WRONLY | O.CREAT] }))).toEqual(['CREATE:/etc/cron.d/?']);
    expect(files(call(NR.openat, [dir('/srv/', 7)], { ...DENIED, args: [CWD, 0, O.WRONLY | O.CREAT] }))).toEqual([]);
  });

  it('to rename is told by the name that was not to be touched', () => {
    expect(files(call(NR.rename, [dir('/tmp/', 3), dir('/etc/', 4), gone('/etc/hosts', 10)], DENIED))).toEqual(['DELETE:/etc/hosts']);
    expect(files(call(NR.rename, [dir('/etc/', 4), dir('/tmp/', 3), gone('/tmp/x', 10), { name: '/etc/hosts', type: 'CREATE' }], DENIED))).toEqual(['RENAME:/etc/hosts from /tmp/x']);
  });
});

const known = (): Scene => openScene().files(ME, NR.mkdir, [dir('/srv', 2), made('/srv/in', 20, DIR)]).files(ME, NR.mkdir, [dir('/srv', 2), made('/srv/out', 21, DIR)]);
const after = (nr: number, items: readonly Item[], args: readonly number[]): readonly string[] => files(known().files(ME, nr, items, { args, cwd: '/root' })).slice(2);

describe('names below a descriptor', () => {
  it.each([
    ['openat', NR.openat, [dir('/root', 20), made('a', 30)], [5, 0, O.CREAT], ['CREATE:/srv/in/a']],
    ['mkdirat', NR.mkdirat, [dir('/root', 20), made('a', 30, DIR)], [5], ['CREATE:/srv/in/a']],
    ['unlinkat', NR.unlinkat, [dir('/root', 20), gone('a', 30)], [5], ['DELETE:/srv/in/a']],
    ['symlinkat', NR.symlinkat, [dir('/root', 20), { name: '/etc/passwd', type: 'UNKNOWN' as const }, made('a', 30, 0o120777)], [0, 5], ['LINK:/srv/in/a']],
    ['linkat', NR.linkat, [dir('/root', 20), there('x', 40), made('a', 40)], [6, 0, 5], ['LINK:/srv/in/a']],
    ['a name with a directory in it', NR.openat, [dir('deep/', 21), made('deep/a', 30)], [5, 0, O.CREAT], ['CREATE:/srv/out/a']],
    ['an absolute name all the same', NR.openat, [dir('/srv/', 2), made('/srv/a', 30)], [5, 0, O.CREAT], ['CREATE:/srv/a']],
  ])('%s', (_, nr, items, args, expected) => expect(after(nr, items, args)).toEqual(expected));

  it('stay what they are when nobody named the directory: never in the working directory, never protected', () => {
    const unknown = [dir('/root', 77), gone('shadow', 30)];
    expect(files(call(NR.unlinkat, unknown, { args: [5], cwd: '/etc' }))).toEqual(['DELETE:{fe:00:77}/shadow']);
    expect(files(call(NR.unlinkat, unknown, { ...DENIED, args: [5], cwd: '/etc' }))).toEqual([]);
  });

  it('are not taught a directory by the name that the kernel prints for it', () => {
    const scene = call(NR.unlinkat, [dir('/etc', 77), gone('a', 30)], { args: [5], cwd: '/etc' }).files(ME, NR.unlinkat, [dir('/etc', 77), gone('b', 31)], { args: [5], cwd: '/etc' });
    expect(files(scene)).toEqual(['DELETE:{fe:00:77}/a', 'DELETE:{fe:00:77}/b']);
  });

  it('stay known, however many files come and go in it', () => {
    const scene = known();
    for (let i = 0; i < 20_000; i++) scene.files(ME, NR.openat, [dir('/srv/in/', 20), made(`/srv/in/${i}`, 1000 + i)], { args: [CWD, 0, O.CREAT] });
    scene.files(ME, NR.unlinkat, [dir('/root', 20), gone('1', 1001)], { args: [5], cwd: '/root' }).files(ME, NR.unlinkat, [dir('/root', 21), gone('2', 9)], { args: [5], cwd: '/root' });
    expect(files(scene).slice(-2)).toEqual(['DELETE:/srv/in/1', 'DELETE:/srv/out/2']);
  });

  it('are forgotten with what was deleted: its inode is that of something else now', () => {
    const scene = known().files(ME, NR.openat, [dir('/root', 20), made('a', 30)], { args: [5, 0, O.CREAT], cwd: '/root' }).files(ME, NR.unlinkat, [dir('/root', 20), gone('a', 30)], { args: [5], cwd: '/root' });
    expect(files(scene.files(ME, NR.fchmod, [there(undefined, 30)])).at(-1)).toBe('ATTR:{fe:00:30}');
  });

  it('are known once a call has named the directory', () => {
    const scene = openScene().create(ME, '/srv/first').files(ME, NR.unlinkat, [dir('/root', 2), gone('a', 30)], { args: [5], cwd: '/root' });
    expect(files(scene)).toEqual(['CREATE:/srv/first', 'DELETE:/srv/a']);
  });
});

describe('calls by descriptor', () => {
  it('find the name that the file was opened by', () => {
    const scene = openScene().create(ME, '/srv/a').files(ME, NR.fchmod, [there(undefined, 1000)], { args: [5, 0o755] }).files(ME, NR.fchown, [there(undefined, 1000)]);
    expect(files(scene)).toEqual(['CREATE:/srv/a', 'ATTR:/srv/a']);
  });

  it('find it after a rename, too', () => {
    const scene = openScene().create(ME, '/srv/a').files(ME, NR.rename, [dir('/srv/', 2), dir('/srv/', 2), gone('/srv/a', 1000), made('/srv/b', 1000)]).files(ME, NR.fchmod, [there(undefined, 1000)]);
    expect(files(scene)).toEqual(['CREATE:/srv/a', 'RENAME:/srv/b from /srv/a', 'ATTR:/srv/b']);
  });

  it('print the inode when nobody named it', () => expect(files(call(NR.fchmod, [there(undefined, 99)]))).toEqual(['ATTR:{fe:00:99}']));

  it('do not find the name of a file that was deleted, by another one with its inode', () => {
    const scene = openScene().create(ME, '/srv/a').files(ME, NR.unlink, [dir('/srv/', 2), gone('/srv/a', 1000)]).files(ME, NR.fchmod, [there(undefined, 1000)]);
    expect(files(scene).at(-1)).toBe('ATTR:{fe:00:1000}');
  });
});

const below = (first: Item, second: Item): readonly string[] => {
  const scene = openScene().files(ME, NR.mkdir, [dir('/', 1), made('/a', 2, DIR)]).files(ME, NR.mkdir, [dir('/', 1), made('/b', 3, DIR)]);
  scene.files(ME, NR.openat, [dir('/root', 2), made('x', 10)], { args: [5, 0, O.CREAT], cwd: '/root' });
  return files(scene.files(ME, NR.renameat, [first, second, gone('x', 10), made('y', 10)], { args: [5, 0, 6], cwd: '/root' })).slice(3);
};

describe('renames', () => {
  it.each([
    ['four items', [dir('/b/', 3), dir('/a/', 2), gone('/a/x', 10), made('/b/y', 10)]],
    ['the old directory first', [dir('/a/', 2), dir('/b/', 3), gone('/a/x', 10), made('/b/y', 10)]],
    ['five items, over a file that was there', [dir('/b/', 3), dir('/a/', 2), gone('/a/x', 10), gone('/b/y', 11), made('/b/y', 10)]],
  ])('%s', (_, items) => expect(files(call(NR.rename, items))).toEqual(['RENAME:/b/y from /a/x']));

  it('below two descriptors go from where the file was known, in whichever order its directories are logged', () => {
    expect(below(dir('/root', 2), dir('/root', 3))).toEqual(['RENAME:/b/y from /a/x']);
    expect(below(dir('/root', 3), dir('/root', 2))).toEqual(['RENAME:/b/y from /a/x']);
  });

  it('below two descriptors tell their directories apart by the names in them', () => {
    const scene = (...parents: readonly Item[]): readonly string[] => files(openScene().files(ME, NR.mkdir, [dir('/', 1), made('/a', 2, DIR)]).files(ME, NR.mkdir, [dir('/', 1), made('/b', 3, DIR)])
      .files(ME, NR.renameat, [...parents, gone('p/x', 10), made('q/y', 10)], { args: [5, 0, 6], cwd: '/root' })).slice(2);
    expect(scene(dir('p/', 2), dir('q/', 3))).toEqual(['RENAME:/b/y from /a/x']);
    expect(scene(dir('q/', 3), dir('p/', 2))).toEqual(['RENAME:/b/y from /a/x']);
  });

  it('below one descriptor and the working directory teach only what is true', () => {
    const scene = openScene().files(ME, NR.renameat, [dir('/srv', 77), dir('/srv', 2), gone('x', 10), made('y', 10)], { args: [CWD, 0, 6], cwd: '/srv' });
    scene.files(ME, NR.unlinkat, [dir('/root', 77), gone('z', 11)], { args: [5], cwd: '/root' });
    expect(files(scene)).toEqual(['RENAME:{fe:00:77}/y from /srv/x', 'DELETE:{fe:00:77}/z']);
  });
});

describe('a log without CWD records', () => {
  it('does not take the directory of another call', () => {
    const scene = openScene().create(ME, '/etc/a').files(ME, NR.openat, [there('passwd', 30)], { args: [CWD, 0, O.WRONLY], cwd: '' });
    expect(files(scene)).toEqual(['CREATE:/etc/a', 'WRITE:{fe:00:30}']);
  });

  it('finds names in the directory that the kernel prints', () => {
    const scene = openScene().files(ME, NR.openat, [dir('/srv', 2), made('a', 30)], { args: [CWD, 0, O.CREAT], cwd: '' }).files(ME, NR.rename, [dir('/srv', 2), dir('/srv', 2), gone('a', 30), made('b', 30)], { cwd: '' });
    expect(files(scene)).toEqual(['CREATE:/srv/a', 'RENAME:/srv/b from /srv/a']);
  });

  it('leaves relative scripts where nobody knows', () => {
    const [alert] = alertsOf(replay(openScene().call(ME, NR.execve, {}, ['EXECVE', 'argc=2 a0="sh" a1="x.sh"']).lines));
    expect(alert?.edge).toBe('proc::33:?->proc::33:/usr/bin/x');
    const [shell] = alertsOf(replay(openScene().call({ ...ME, exe: '/usr/bin/dash' }, NR.execve, {}, ['EXECVE', 'argc=2 a0="sh" a1="x.sh"']).lines));
    expect(shell?.edge).toBe('proc::33:?->proc::33:/usr/bin/dash /?/x.sh');
  });
});

describe('what a file may do', () => {
  it.each([
    ['a plain file', open(O.CREAT, dir('/srv', 2), made('a', 10)), 0],
    ['a program', open(O.CREAT, dir('/srv', 2), made('a', 10, 0o100755)), Trait.executable],
    ['a set-user-ID program', open(O.CREAT, dir('/srv', 2), made('a', 10, 0o104755)), Trait.executable | Trait.setId],
    ['a directory', call(NR.mkdir, [dir('/srv', 2), made('/srv/a', 10, 0o042755)]), 0],
    ['a program under another name', call(NR.rename, [dir('/srv/', 2), dir('/srv/', 2), gone('/srv/a', 10), made('/srv/b', 10, 0o100755)]), Trait.executable],
    ['a program linked', call(NR.link, [dir('/srv/', 2), there('/srv/a', 10, 0o100755), made('/srv/b', 10, 0o100755)]), Trait.executable],
    ['chmod 644', call(NR.chmod, [there('/srv/a', 10, 0o100755)], { args: [0, 0o644] }), 0],
    ['chmod +x', call(NR.chmod, [there('/srv/a', 10)], { args: [0, 0o755] }), Trait.executable],
    ['fchmod 2755', call(NR.fchmod, [there(undefined, 10)], { args: [5, 0o2755] }), Trait.executable | Trait.setId],
    ['fchmodat 4755', call(NR.fchmodat, [there('/srv/a', 10)], { args: [CWD, 0, 0o4755] }), Trait.executable | Trait.setId],
    ['chown', call(NR.fchown, [there(undefined, 10, 0o104755)]), 0],
    ['is written over', open(O.WRONLY | O.TRUNC, there('/srv/tool', 10, 0o100755)), Trait.executable],
    ['is written over and runs as its owner', open(O.WRONLY, there('/srv/tool', 10, 0o104755)), Trait.executable | Trait.setId],
  ])('%s', (_, scene, traits) => expect(traitsOf(scene)).toBe(traits));
});

const trait = (exe: string, name: string): number | undefined => traitsOf(openScene().create({ ...ME, exe }, name, 0o100700));

describe('what daemons do all day', () => {
  it('is not told of the cgroups that systemd keeps for its units, but of anybody else there', () => {
    const cgroup = '/sys/fs/cgroup/system.slice/x.service/cgroup.procs';
    expect(files(openScene().create({ ...ME, exe: '/usr/lib/systemd/systemd' }, cgroup))).toEqual([]);
    expect(files(openScene().create(ME, cgroup))).toEqual([`CREATE:${cgroup}`]);
  });

  it('makes no program of a mail that Postfix has queued, nor an excuse of its place', () => {
    expect(trait('/usr/lib/postfix/sbin/cleanup', '/incoming/E57045994')).toBe(0);
    expect(trait('/usr/lib/postfix/sbin/cleanup', '/var/spool/postfix/incoming/E57045994')).toBe(0);
    expect(trait('/usr/lib/postfix/sbin/cleanup', '/var/spool/postfix/incoming/x.sh')).toBe(Trait.executable);
    expect(trait('/usr/bin/x', '/var/spool/postfix/incoming/E57045994')).toBe(Trait.executable);
  });
});
