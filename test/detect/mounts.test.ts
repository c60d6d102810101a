import { describe, expect, it } from 'vitest';
import { parseMounts } from '../../src/audit/mounts.ts';
import type { Mount } from '../../src/audit/mounts.ts';
import { ms } from '../../src/audit/units.ts';
import { watchMounts } from '../../src/detect/mounts.ts';
import { openFullmon } from '../support/replay.ts';
import { raw, record, T0 } from '../support/log.ts';
import { NR, openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

const ROOT = '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard';
const MNT = '61 27 8:17 / /mnt rw,relatime shared:30 - ext4 /dev/sdb1 rw';
const USER = '70 27 0:58 / /run/user/1000 rw,nosuid,nodev,relatime shared:41 master:2 - tmpfs tmpfs rw,size=401k,mode=700,uid=1000';
const OURS = ['-a always,exit -F arch=b64 -S execve -F key=PROCESS', '-a always,exit -F arch=b64 -S openat -F perm=wa -F dir=/ -F key=FILEMOD', '-a always,exit -F arch=b64 -S open -F path=/etc/shadow -F key=SECRET'];
const HOUR = 3600;

const all = (...lines: readonly string[]): readonly Mount[] => parseMounts(lines.join('\n'));
const at = (seconds: number) => ms(T0 + seconds * 1000);
const after = (path: string): string => `mounted since the audit rules were loaded: ${path}: what happens to files there is not recorded until they are loaded again (augenrules --load)`;

/** What is told at each look, half a minute apart. */
const told = (rules: readonly string[] | undefined, ...looks: readonly (readonly string[])[]): readonly (readonly string[])[] => {
  const mounts = watchMounts();
  return looks.map((lines, n) => mounts.look(all(...lines), rules, at(30 * n)).map(({ severity, text }) => `${severity}: ${text}`));
};

describe('what is mounted', () => {
  it('is read as the kernel lists it; what holds no files of anybody, or cannot be written, is left out', () => {
    expect(all(
      '22 27 0:21 / /proc rw,relatime - proc proc rw', ROOT, '41 31 0:38 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw', MNT, USER,
      '75 27 7:1 / /snap/core ro,nodev,relatime shared:44 - squashfs /dev/loop1 ro', String.raw`80 27 0:60 / /srv/a\040b\134c rw - tmpfs none rw`, '', 'something else', '81 27 0:61 / relative rw - tmpfs none rw',
    ).map(({ id, path }) => `${id} ${path}`)).toEqual(['27 254:0 /', '61 8:17 /mnt', '70 0:58 /run/user/1000', String.raw`80 0:60 /srv/a b\c`]);
  });
});

describe('a file system mounted after the rules were loaded', () => {
  it('is told once where they name a directory that it is in', () => {
    expect(told(OURS, [ROOT], [ROOT, MNT], [ROOT, MNT], [ROOT])).toEqual([[], [`medium: ${after('/mnt')}`], [], []]);
  });

  it('is told where they name what lies below it, and nowhere else', () => {
    const rules = ['-w /srv/www/html -p wa -k web', '-a always,exit -F dir=/home -F perm=wa'];
    const on = (path: string): readonly string[] => told(rules, [ROOT], [ROOT, MNT.replace('/mnt', path)])[1] ?? [];
    expect(['/srv', '/srv/www', '/srv/www/html/x', '/home', '/home/a'].filter((path) => on(path).length !== 1)).toEqual([]);
    expect(['/srv/ww', '/srv/www2', '/homes', '/opt'].filter((path) => on(path).length > 0)).toEqual([]);
  });

  it('is told where the rules may not be asked for, as ours are about all there is', () => {
    expect(told(undefined, [ROOT], [ROOT, MNT])[1]).toEqual([`medium: ${after('/mnt')}`]);
    expect(told([], [ROOT], [ROOT, MNT])[1]).toEqual([]);
  });

  it('is told when it can be written, if it could not before', () => {
    expect(told(OURS, [ROOT, MNT.replace('rw,', 'ro,')], [ROOT, MNT])[1]).toEqual([`medium: ${after('/mnt')}`]);
  });

  it('is told once for a directory that comes and goes with each login', () => {
    expect(told(OURS, [ROOT], [ROOT, USER], [ROOT], [ROOT, USER.replace('0:58', '0:61')], ...Array.from({ length: 300 }, () => [ROOT, USER])).flat()).toHaveLength(1);
  });

  it('is told with all others of an hour, however many containers start', () => {
    const mounts = watchMounts();
    mounts.look(all(ROOT), OURS, at(0));
    const texts: string[] = [];
    for (let n = 0; n < 240; n++) {
      const lines = Array.from({ length: n }, (_, i) => MNT.replace('61', `${i + 100}`).replace('/mnt', `/var/lib/docker/overlay2/${i}/merged`));
      texts.push(...mounts.look(all(ROOT, ...lines), OURS, at(60 * (n + 1))).map(({ text }) => text));
    }
    expect(texts).toHaveLength(4);
    expect(texts[1]).toContain('overlay2/1/merged, /var/lib/docker/overlay2/2/merged, /var/lib/docker/overlay2/3/merged and 57 more');
  });

  it('cannot drive a terminal, or fill the line, by its name', () => {
    const [, [text = ''] = []] = told(OURS, [ROOT], [ROOT, MNT.replace('/mnt', `/mnt/\u001B[31m${'x'.repeat(4000)}`)]);
    expect(text).toContain('/mnt/%1B[31mxxx');
    expect(text.length).toBeLessThan(500);
  });

  it('takes no more memory however many there were', () => {
    const mounts = watchMounts();
    mounts.look(all(ROOT), OURS, at(0));
    for (let n = 1; n < 4; n++) mounts.look(all(...Array.from({ length: 5000 }, (_, i) => MNT.replace('/mnt', `/mnt/${n}-${i}`))), OURS, at(n * HOUR));
    const { known, told: paths } = mounts.save();
    expect([known?.length, paths.length]).toEqual([4096, 1024]);
  });
});

describe('rules that are loaded again', () => {
  it('hold for what is mounted then; that is told, and so is what comes after', () => {
    const mounts = watchMounts();
    mounts.look(all(ROOT), OURS, at(0));
    mounts.look(all(ROOT, MNT), OURS, at(30));
    mounts.loaded();
    expect(mounts.look(all(ROOT, MNT), OURS, at(60))).toEqual([{ severity: 'low', text: 'audit rules were loaded again and hold for what is mounted at /mnt' }]);
    expect(mounts.look(all(ROOT, MNT), OURS, at(90))).toEqual([]);
    expect(mounts.look(all(ROOT, MNT, USER), OURS, at(2 * HOUR)).map(({ text }) => text)).toEqual([after('/run/user/1000')]);
  });
});

const findings = (said: ReturnType<typeof openFullmon>['said']): readonly string[] => said.flatMap((line) => (line.type === 'finding' ? [`${line.kind} ${line.severity}: ${line.text}`] : []));

describe('the agent', () => {
  const ADMIN: Actor = { pid: 500, exe: '/usr/bin/umount', euid: 0 };

  it('takes from the log that what was mounted was exchanged for another between two looks', () => {
    const fullmon = openFullmon({ baseline: 1 });
    fullmon.mounted(all(ROOT, MNT), at(0));
    const scene = openScene().call(ADMIN, NR.umount2, {}, ['CWD', 'cwd="/"'], ['PATH', 'item=0 name="/mnt" inode=2 dev=08:11 mode=040755 nametype=NORMAL']);
    fullmon.feed(raw(scene.lines.map((line) => `${line}\n`).join('')));
    fullmon.tick(at(5));
    fullmon.tick(at(200));
    fullmon.mounted(all(ROOT, MNT), at(210));
    expect(findings(fullmon.said)).toContain(`audit medium: ${after('/mnt')}`);
  });

  it('takes from the log that rules were loaded, and remembers through a restart what they hold for', () => {
    const fullmon = openFullmon({ baseline: 1 });
    fullmon.mounted(all(ROOT), at(0));
    fullmon.mounted(all(ROOT, MNT), at(30));
    fullmon.feed(raw(`${record('CONFIG_CHANGE', 'auid=0 ses=3 subj=unconfined op=add_rule key="FILEMOD" list=4 res=1', 90, 31_000)}\n`));
    fullmon.tick(at(40));
    fullmon.mounted(all(ROOT, MNT), at(60));
    expect(findings(fullmon.said).filter((text) => text.includes('/mnt'))).toEqual([`audit medium: ${after('/mnt')}`, 'audit low: audit rules were loaded again and hold for what is mounted at /mnt']);
    const next = openFullmon({ baseline: 1 }, JSON.parse(JSON.stringify(fullmon.save())));
    next.mounted(all(ROOT, MNT, USER), at(2 * HOUR));
    expect(findings(next.said)).toEqual([`audit medium: ${after('/run/user/1000')}`]);
  });

  it('takes a boot for the beginning', () => {
    const fullmon = openFullmon({ baseline: 1 });
    fullmon.feed(raw(`${record('CONFIG_CHANGE', 'auid=0 ses=3 op=set audit_backlog_limit=64 old=64 res=1', 900_000, 0)}\n`));
    fullmon.mounted(all(ROOT), at(0));
    fullmon.feed(raw(`${record('CONFIG_CHANGE', 'auid=0 ses=3 op=set audit_backlog_limit=64 old=64 res=1', 5, 600_000)}\n`));
    fullmon.mounted(all(ROOT, MNT, USER), at(700));
    expect(findings(fullmon.said).filter((text) => text.includes('mounted'))).toEqual([]);
  });
});
