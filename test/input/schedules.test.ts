import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { programOf, readSchedules, timerJobs } from '../../src/input/schedules.ts';

let root: string;

const put = (path: string, text = '', mode = 0o644): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
};
const program = (path: string): void => put(path, '#!/bin/sh\n', 0o755);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'schedules-'));
  for (const path of ['/usr/bin/test', '/usr/bin/bash', '/usr/bin/nice', '/usr/bin/gzip', '/usr/bin/mysqldump', '/usr/bin/python3.11', '/usr/sbin/fstrim', '/usr/sbin/logrotate', '/usr/lib/php/sessionclean', '/opt/app/real.sh']) program(path);
  put('/opt/app/sync.py');
  symlinkSync('real.sh', join(root, '/opt/app/link.sh'));
});
afterAll(() => rmSync(root, { recursive: true }));

it.each([
  ['[ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi', '/usr/lib/php/sessionclean'],
  ['mysqldump --all-databases 2>/dev/null | gzip > /var/backups/all.gz', '/usr/bin/mysqldump'],
  ['cd /srv && nice -n 19 python3.11 /opt/app/sync.py --all', '/opt/app/sync.py'],
  ['LANG=C bash -c "/opt/app/link.sh"', '/opt/app/link.sh'],
  ["bash -c 'echo x > /tmp/x'", '/usr/bin/bash'],
  ['gzip -9 %/opt/app/sync.py', '/usr/bin/gzip'],
  ['test -e /run/x', '/usr/bin/test'],
  ['/opt/gone.sh', undefined],
  ['', undefined],
])('the command %j is about %s', (command, expected) => expect(programOf(command, root)).toBe(expected));

it('jobs of cron are found wherever cron finds them, by the name under which they will run', async () => {
  put('/etc/crontab', '# m h dom\nSHELL=/bin/sh\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n*/5 * * * * app /opt/app/link.sh\n');
  put('/etc/cron.d/php', 'PATH = /usr/bin\n09,39 * * * * root [ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean\n@reboot root mysqldump x\n');
  put('/etc/cron.d/php.dpkg-old', '1 1 1 1 1 root gzip\n');
  program('/etc/cron.daily/logrotate');
  put('/etc/cron.daily/README');
  program('/etc/cron.daily/x.sh');
  put('/var/spool/cron/crontabs/app', '0 3 * * * python3.11 /opt/app/sync.py\n');
  expect(await readSchedules(root)).toEqual([
    { name: 'cron: /etc/crontab /opt/app/link.sh', by: 'cron', program: '/opt/app/real.sh' },
    { name: 'cron: /etc/cron.d/php /usr/lib/php/sessionclean', by: 'cron', program: '/usr/lib/php/sessionclean' },
    { name: 'cron: /etc/cron.d/php /usr/bin/mysqldump', by: 'cron', program: '/usr/bin/mysqldump' },
    { name: 'cron: /etc/cron.daily/logrotate', by: 'cron', program: '/etc/cron.daily/logrotate' },
    { name: 'cron: /var/spool/cron/crontabs/app /opt/app/sync.py', by: 'cron', program: '/opt/app/sync.py' },
  ]);
});

it('what makes way for a timer is due only where there are none', async () => {
  put('/etc/cron.d/scrub', '30 3 * * 0 root test -e /run/systemd/system || /usr/lib/php/sessionclean\n');
  const names = async (): Promise<readonly string[]> => (await readSchedules(root)).map(({ name }) => name);
  expect(await names()).toContain('cron: /etc/cron.d/scrub /usr/lib/php/sessionclean');
  mkdirSync(join(root, '/run/systemd/system'), { recursive: true });
  expect(await names()).not.toContain('cron: /etc/cron.d/scrub /usr/lib/php/sessionclean');
});

it('timers are found by what they start', () => {
  const timers = JSON.stringify([
    { next: 1, left: 2, last: null, passed: null, unit: 'logrotate.timer', activates: 'logrotate.service' },
    { next: null, unit: 'fstrim.timer', activates: 'fstrim.service' },
    { unit: 'gone.timer', activates: 'gone.service' },
  ]);
  const services = [
    'Id=logrotate.service\nExecStart={ path=/usr/sbin/logrotate ; argv[]=/usr/sbin/logrotate /etc/logrotate.conf ; ignore_errors=no ; start_time=[n/a] ; pid=0 }',
    'ExecStart={ path=/usr/bin/nice ; argv[]=/usr/bin/nice /usr/sbin/fstrim --all ; ignore_errors=yes ; pid=0 }\nId=fstrim.service',
    'Id=gone.service',
  ].join('\n\n');
  expect(timerJobs(timers, services, root)).toEqual([
    { name: 'timer: logrotate.timer', by: 'timer', program: '/usr/sbin/logrotate' },
    { name: 'timer: fstrim.timer', by: 'timer', program: '/usr/sbin/fstrim' },
  ]);
  expect(timerJobs('not json', '', root)).toEqual([]);
});

it('a machine without any has none', async () => expect(await readSchedules(join(root, 'nowhere'))).toEqual([]));
