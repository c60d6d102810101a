import { describe, expect, it } from 'vitest';
import { NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { HOUR, MINUTE, told } from './watch.ts';

const SORT: Actor = { pid: 600, ppid: 1, exe: '/usr/bin/sort' };
const BASH: Actor = { pid: 700, ppid: 1, exe: '/usr/bin/bash' };

const spread = (scene: Scene, by: Actor, paths: readonly string[]): Scene => {
  for (const path of paths) scene.wait(MINUTE).create(by, path);
  return scene;
};
const learned = (by: Actor, paths: readonly string[]): Scene => spread(openScene().create(BASH, '/srv/a').wait(MINUTE), by, paths).wait(HOUR);
const created = (by: Actor, path: string): string => `proc::${by.euid ?? 33}:${by.exe}->file:CREATE:${path}`;

const SORTED = ['/tmp/sortQkWz3x', '/tmp/sortaB9tRp', '/tmp/sort7HnLmq', '/tmp/sortXyZ12w', '/tmp/sortPq0vKd'];

describe('temporary files of sort', () => {
  it('are no longer told once it has made some (W06)', () => expect(told(learned(SORT, SORTED).create(SORT, '/tmp/sortM4xQ7z'))).toEqual([]));
  it('do not let sort make anything else in /tmp (W06)', () => expect(told(learned(SORT, SORTED).create(SORT, '/tmp/xmrig.json'))).toEqual([created(SORT, '/tmp/xmrig.json')]));
  it('do not let another program make such files (W06)', () => expect(told(learned(SORT, SORTED).create(BASH, '/tmp/sortM4xQ7z'))).toEqual([created(BASH, '/tmp/sortM4xQ7z')]));
  it('do not let it make them elsewhere (W06)', () => expect(told(learned(SORT, SORTED).create(SORT, '/srv/sortM4xQ7z'))).toEqual([created(SORT, '/srv/sortM4xQ7z')]));
  it('do not let it make a program by such a name (W06)', () => expect(told(learned(SORT, SORTED).create(SORT, '/tmp/sortM4xQ7z', 0o100755))).toEqual([created(SORT, '/tmp/sortM4xQ7z')]));
  it('do not let it delete what it only made (W06)', () => {
    const scene = learned(SORT, SORTED).files(SORT, NR.unlink, [{ name: '/tmp/', type: 'PARENT', inode: 2, mode: 0o041777 }, { name: '/tmp/sortM4xQ7z', type: 'DELETE' }]);
    expect(told(scene)).toEqual(['proc::33:/usr/bin/sort->file:DELETE:/tmp/sortM4xQ7z']);
  });
});

describe('files of the system', () => {
  const ANSIBLE: Actor = { pid: 800, ppid: 1, exe: '/usr/bin/python3.11', euid: 0 };

  it.each(['/etc/cron.d/job', '/etc/systemd/system/app', '/root/.ssh/key', '/usr/lib/app/plugin', '/boot/vmlinuz-6.', '/var/spool/cron/crontabs/u', '/opt/fullmon/part', '/var/lib/fullmon/part'])('are never ignored, however many %sN were seen (W07, W34)', (stem) => {
    const paths = Array.from({ length: 12 }, (_, i) => `${stem}${100 + i * 7}`);
    expect(told(learned(ANSIBLE, paths).create(ANSIBLE, `${stem}999`))).toEqual([created(ANSIBLE, `${stem}999`)]);
  });

  it('are not ignored because the same name was made below many directories (W07)', () => {
    const paths = ['/opt/app/conf1', '/srv/app/conf1', '/var/app/conf1', '/home/app/conf1'];
    expect(told(learned(ANSIBLE, paths).create(ANSIBLE, '/mnt/app/conf1'))).toEqual([created(ANSIBLE, '/mnt/app/conf1')]);
  });
});

describe('a number in names', () => {
  const numbered = ['/srv/a/x1', '/srv/a/x2', '/srv/a/x3', '/srv/a/x4'];
  it('may go on counting (W08)', () => expect(told(learned(BASH, numbered).create(BASH, '/srv/a/x5'))).toEqual([]));
  it.each(['implant', 'x', 'x1.sh', 'xx', '.x1', 'x123456789', 'y1', 'sub/x1'])('does not let %s through (W08)', (name) => {
    expect(told(learned(BASH, numbered).create(BASH, `/srv/a/${name}`))).toEqual([created(BASH, `/srv/a/${name}`)]);
  });
});

describe('what a web server would run', () => {
  it.each(['.php', '.phtml', '.jsp', '.cgi', '.php.jpg'])('is told, though uploads of such names and shapes go by: %s (W08)', (extension) => {
    const uploads = Array.from({ length: 12 }, (_, i) => `/srv/www/up/${(0x5f3a91c2 + i * 0x1234567).toString(16)}.jpg`);
    const name = `/srv/www/up/6f00ba12${extension}`;
    expect(told(learned(BASH, uploads).create(BASH, '/srv/www/up/6f00ba11.jpg').create(BASH, name))).toEqual([created(BASH, name)]);
  });
});

describe('a flood of names', () => {
  it('does not keep it from telling what comes after (W26)', () => {
    const scene = openScene().create(BASH, '/srv/a');
    for (let i = 0; i < 20_000; i++) scene.wait(150).create(SORT, `/tmp/${(i * 2_654_435_761 % 2 ** 32).toString(36)}-${i % 7}/${'abcdefghij'.slice(0, 1 + i % 10)}`);
    expect(told(scene.wait(HOUR).create(BASH, '/srv/implant'))).toEqual([created(BASH, '/srv/implant')]);
  });
});
