import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accepting } from '../../src/shell/rules.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const SERVICE = resolve(import.meta.dirname, '../../src/service');
const LOGS = '/var/log/fullmon';
/** The agent's user. */
const UID = 998;

let dir = '';
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-rotation-'))));
afterEach(() => rmSync(dir, { recursive: true }));

/** What is told of a log where what the installer brings is accepted. */
const toldOf = async ({ lines }: Scene): Promise<readonly string[]> => {
  const file = join(dir, 'accepted.jsonl');
  writeFileSync(file, readFileSync(join(SERVICE, 'accepted.jsonl'), 'utf8').replaceAll('@UID@', String(UID)).replaceAll('@AT@', new Date(0).toISOString()), { mode: 0o600 });
  const troubles: string[] = [];
  const { settings } = await accepting({ baseline: 0, monitor: 0, rebase: false, flood: 0, ignored: () => false }, file, (text) => troubles.push(text));
  expect(troubles).toEqual([]);
  return alertsOf(replay(lines, settings)).map(({ edge }) => edge);
};

const rename = (scene: Scene, who: Actor, from: string, to: string): Scene =>
  scene.files(who, NR.rename, [{ name: `${LOGS}/`, type: 'PARENT' }, { name: `${LOGS}/`, type: 'PARENT' }, { name: `${LOGS}/${from}`, type: 'DELETE' }, { name: `${LOGS}/${to}`, type: 'CREATE' }]);
const remove = (scene: Scene, who: Actor, name: string): Scene => scene.files(who, NR.unlink, [{ name: `${LOGS}/`, type: 'PARENT' }, { name: `${LOGS}/${name}`, type: 'DELETE' }]);

/** What logrotate does with our settings on the day after so many files have been kept; `starters`: what systemd runs it by. */
const rotate = (scene: Scene, kept: number, starters: readonly string[]): Scene => {
  const pid = 900 + 2 * kept;
  const logrotate: Actor = { pid, exe: '/usr/sbin/logrotate', euid: UID, uid: 0 };
  for (const exe of [...starters, logrotate.exe]) scene.exec({ ...logrotate, exe, euid: 0 }, [exe]);
  if (kept > 0) {
    scene.create(logrotate, `${LOGS}/alerts.json.1.gz`, 0o100600).files(logrotate, NR.fchmod, [{ name: `${LOGS}/alerts.json.1.gz`, type: 'NORMAL', mode: 0o100640 }]);
    scene.exec({ pid: pid + 1, ppid: pid, exe: '/usr/bin/gzip', euid: UID, uid: 0 }, ['/bin/gzip']);
    remove(scene, logrotate, 'alerts.json.1');
    for (let n = kept; n > 0; n--) rename(scene, logrotate, `alerts.json.${n}.gz`, `alerts.json.${n + 1}.gz`);
  }
  rename(scene, logrotate, 'alerts.json', 'alerts.json.1');
  return kept < 14 ? scene : remove(scene, logrotate, 'alerts.json.15.gz');
};

describe("fullmon's own log", () => {
  it.each([['systemd', []], ['its executor', ['/usr/lib/systemd/systemd-executor']]])('that logrotate rotates by our settings, started by %s, is no alert, from the first file to the last', async (_, starters) => {
    expect(readFileSync(join(SERVICE, 'fullmon.logrotate'), 'utf8')).toMatch(/su fullmon fullmon\n[^]*rotate 14\n\tcompress\n\tdelaycompress\n/);
    const scene = openScene();
    for (let kept = 0; kept <= 14; kept++) rotate(scene, kept, starters).wait(86_400_000);
    const started = starters.length === 0 ? ['proc::0:?->proc::0:/usr/sbin/logrotate'] : [expect.stringMatching(/systemd-executor$/), expect.stringMatching(/systemd-executor->proc::0:\/usr\/sbin\/logrotate$/)];
    expect([...new Set(await toldOf(scene))]).toEqual(started);
  });

  it.each([
    ['removed out of turn', (scene: Scene, logrotate: Actor) => remove(scene, logrotate, 'alerts.json.5.gz')],
    ['removed before it was rotated', (scene: Scene, logrotate: Actor) => remove(scene, logrotate, 'alerts.json')],
    ['put elsewhere', (scene: Scene, logrotate: Actor) => rename(scene, logrotate, 'alerts.json', 'old')],
    ['rotated by root', (scene: Scene, logrotate: Actor) => rename(scene, { ...logrotate, euid: 0 }, 'alerts.json', 'alerts.json.1')],
    ['rotated by somebody who has logged in', (scene: Scene, logrotate: Actor) => rename(scene, { ...logrotate, auid: 0, ses: 3 }, 'alerts.json', 'alerts.json.1')],
    ['rotated by another program', (scene: Scene, logrotate: Actor) => rename(scene, { ...logrotate, exe: '/usr/bin/mv' }, 'alerts.json', 'alerts.json.1')],
  ])('that is %s is told', async (_, act) => {
    expect(await toldOf(act(openScene(), { pid: 900, exe: '/usr/sbin/logrotate', euid: UID, uid: 0 }))).toHaveLength(1);
  });
});
