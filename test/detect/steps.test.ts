import { describe, expect, it } from 'vitest';
import { alertsOf, replay } from '../support/replay.ts';
import { CWD, NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const dir = (name: string, inode: number) => ({ name, type: 'PARENT' as const, inode, mode: 0o040755 });
const rename = (scene: Scene, from: string, to: string): Scene =>
  scene.files(ME, NR.rename, [dir('/srv/', 2), dir('/srv/', 2), { name: from, type: 'DELETE', inode: 99 }, { name: to, type: 'CREATE', inode: 99 }], { args: [CWD] });
const remove = (scene: Scene, name: string): Scene => scene.files(ME, NR.unlink, [dir('/srv/', 2), { name, type: 'DELETE', inode: 99 }]);
const learned = (): Scene => openScene().create(ME, '/srv/a').wait(10_000);
const told = (scene: Scene, baseline = 10): readonly string[] => alertsOf(replay(scene.lines, { baseline, monitor: 60 })).map(({ edge }) => edge.slice(edge.indexOf('file:') + 5));

describe('a write through a temporary file', () => {
  it('is one alert, that of where it went', () => expect(told(rename(learned().create(ME, '/srv/new.tmp'), '/srv/new.tmp', '/srv/new'))).toEqual(['RENAME:/srv/new']));

  it('is one alert when the file goes away again', () => expect(told(remove(learned().create(ME, '/srv/lock'), '/srv/lock'))).toEqual(['CREATE:/srv/lock']));

  it('hides no program, no protected place and no page that a web server runs', () => {
    expect(told(rename(learned().create(ME, '/srv/tool.tmp', 0o100755), '/srv/tool.tmp', '/srv/tool'))).toEqual(['CREATE:/srv/tool.tmp', 'RENAME:/srv/tool']);
    expect(told(rename(learned().create(ME, '/srv/x.php'), '/srv/x.php', '/srv/x'))).toEqual(['CREATE:/srv/x.php', 'RENAME:/srv/x']);
    expect(told(rename(learned().create(ME, '/etc/cron.d/x.tmp'), '/etc/cron.d/x.tmp', '/etc/cron.d/x'))).toEqual(['CREATE:/etc/cron.d/x.tmp', 'RENAME:/etc/cron.d/x']);
  });

  it('is told step by step by who learns nothing', () => expect(told(rename(openScene().create(ME, '/srv/new.tmp'), '/srv/new.tmp', '/srv/new'), 0)).toEqual(['CREATE:/srv/new.tmp', 'RENAME:/srv/new']));
});
