import { describe, expect, it } from 'vitest';
import { printObject } from '../../src/behaviour/edge.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const OTHER: Actor = { pid: 501, exe: '/usr/bin/y' };

const rename = (scene: Scene, from: string, to: string, actor = ME): Scene =>
  scene.files(actor, NR.rename, [{ name: from.replace(/[^/]+$/, ''), type: 'PARENT', inode: 1 }, { name: to.replace(/[^/]+$/, ''), type: 'PARENT', inode: 1 }, { name: from, type: 'DELETE' }, { name: to, type: 'CREATE' }]);
const remove = (scene: Scene, name: string, actor = ME): Scene => scene.files(actor, NR.unlink, [{ name, type: 'DELETE' }]);
const chmod = (scene: Scene, name: string): Scene => scene.files(ME, NR.chmod, [{ name, type: 'NORMAL' }], { args: [0, 0o644] });

/** Each edge of the scene, and the edge that put an end to its name. */
const ends = (scene: Scene, flags = {}): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(alertsOf(replay(scene.lines, flags)).map(({ seen }) => [printObject(seen), seen.end && printObject(seen.end)]));

describe('what became of a name', () => {
  it('is told by the rename that took it away', () => {
    const scene = chmod(openScene().create(ME, '/srv/.tmp'), '/srv/.tmp');
    expect(ends(rename(scene, '/srv/.tmp', '/srv/final'))).toEqual({ 'file:CREATE:/srv/.tmp': 'file:RENAME:/srv/final', 'file:ATTR:/srv/.tmp': 'file:RENAME:/srv/final', 'file:RENAME:/srv/final': undefined });
  });

  it('is told by the delete of what was made just before, by whichever way', () => {
    expect(ends(remove(openScene().create(ME, '/srv/a'), '/srv/a'))).toEqual({ 'file:CREATE:/srv/a': 'file:DELETE:/srv/a', 'file:DELETE:/srv/a': 'file:DELETE:/srv/a' });
    expect(ends(remove(rename(openScene().create(ME, '/srv/a'), '/srv/a', '/srv/b'), '/srv/b'))).toEqual({ 'file:CREATE:/srv/a': 'file:RENAME:/srv/b', 'file:RENAME:/srv/b': 'file:DELETE:/srv/b', 'file:DELETE:/srv/b': 'file:DELETE:/srv/b' });
  });

  it('is nothing when the file was there before, when another took it away, or when it came back', () => {
    expect(ends(remove(openScene(), '/srv/a'))).toEqual({ 'file:DELETE:/srv/a': undefined });
    expect(ends(remove(openScene().create(ME, '/srv/a'), '/srv/a', OTHER))).toEqual({ 'file:CREATE:/srv/a': undefined, 'file:DELETE:/srv/a': undefined });
    expect(ends(remove(openScene().create(ME, '/srv/a'), '/srv/a').create(ME, '/srv/a'))).toMatchObject({ 'file:CREATE:/srv/a': undefined });
  });

  it('is not waited for beyond the window', () => {
    const scene = rename(openScene().create(ME, '/srv/.tmp').wait(20_000), '/srv/.tmp', '/srv/final');
    expect(ends(scene, { monitor: 10 })).toEqual({ 'file:CREATE:/srv/.tmp': undefined, 'file:RENAME:/srv/final': undefined });
  });
});

describe('a temporary that happens to read like a word', () => {
  const HASHES = ['k3', 'm4', 'p5', 'q6', 'r7', 's8'].map((x, i) => `tmp${x}f_2a${i}b`);
  /** Learns a job that writes through temporaries; then the edges of `after` that are new. */
  const unseen = (after: (scene: Scene) => Scene): readonly string[] => {
    const scene = openScene();
    for (const name of HASHES) rename(scene.create(ME, `/srv/${name}`), `/srv/${name}`, '/srv/data');
    return alertsOf(replay(after(scene.wait(100_000)).lines, { baseline: 100 })).map(({ seen }) => printObject(seen));
  };

  it('is one, if it was renamed as they are', () => {
    expect(unseen((scene) => rename(scene.create(ME, '/srv/tmpkworkers'), '/srv/tmpkworkers', '/srv/data'))).toEqual([]);
  });

  it('is none, if it stays, comes back, or is a program', () => {
    expect(unseen((scene) => scene.create(ME, '/srv/tmpkworkers'))).toEqual(['file:CREATE:/srv/tmpkworkers']);
    expect(unseen((scene) => rename(scene.create(ME, '/srv/tmpkworkers'), '/srv/tmpkworkers', '/srv/data').create(ME, '/srv/tmpkworkers'))).toEqual(['file:CREATE:/srv/tmpkworkers']);
    expect(unseen((scene) => rename(scene.create(ME, '/srv/tmpkworkers', 0o100755), '/srv/tmpkworkers', '/srv/data'))).toEqual(['file:CREATE:/srv/tmpkworkers']);
  });

  it('does not hide what it becomes', () => {
    expect(unseen((scene) => rename(scene.create(ME, '/srv/tmpk3f_2a0b'), '/srv/tmpk3f_2a0b', '/srv/backdoor'))).toEqual(['file:RENAME:/srv/backdoor']);
    expect(unseen((scene) => rename(scene.create(ME, '/srv/backdoor'), '/srv/backdoor', '/srv/data'))).toEqual(['file:CREATE:/srv/backdoor']);
  });
});
