import { describe, expect, it } from 'vitest';
import { bytes } from '../../src/audit/units.ts';
import { isInterpreter, scriptOf } from '../../src/behaviour/script.ts';

/** The script of a command line, words parted by blanks, as it is started in /srv without a terminal. */
const script = (exe: string, command: string, notty = true): string => scriptOf(bytes(exe), command.split(' ').filter((word) => word !== '').map(bytes), bytes('/srv'), notty);

describe('the script of an interpreter', () => {
  it.each([
    // shells
    ['/usr/bin/dash', 'sh -c id', '-c'],
    ['/usr/bin/dash', '/bin/sh /opt/app/jobs/health.sh', '/opt/app/jobs/health.sh'],
    ['/usr/bin/dash', '/bin/sh -e /usr/lib/php/sessionclean', '/usr/lib/php/sessionclean'],
    ['/usr/bin/dash', 'sh ./run.sh a b', '/srv/run.sh'],
    ['/usr/bin/dash', 'sh ../x/./run.sh', '/x/run.sh'],
    ['/usr/bin/dash', 'sh -s', '-'],
    ['/usr/bin/dash', 'sh -xs a b', '-'],
    ['/usr/bin/dash', 'sh -', '-'],
    ['/usr/bin/dash', 'sh - /tmp/x', '/tmp/x'],
    ['/usr/bin/dash', 'sh -- /tmp/-x', '/tmp/-x'],
    ['/usr/bin/bash', 'bash -lc id', '-c'],
    ['/usr/bin/bash', 'bash -o pipefail -c id', '-c'],
    ['/usr/bin/bash', 'bash -eo pipefail run.sh', '/srv/run.sh'],
    ['/usr/bin/bash', 'bash -euo pipefail run.sh', '/srv/run.sh'],
    ['/usr/bin/bash', 'bash +x -O extglob run.sh', '/srv/run.sh'],
    ['/usr/bin/bash', 'bash --norc --rcfile /etc/rc run.sh', '/srv/run.sh'],
    ['/usr/bin/bash', 'bash --rcfile=/etc/rc -c id', '-c'],
    ['/usr/bin/bash', 'bash --login', '-'],
    ['/usr/bin/zsh', 'zsh -fc id', '-c'],
    // python
    ['/usr/bin/python3.11', 'python3 /opt/app/jobs/sync.py', '/opt/app/jobs/sync.py'],
    ['/usr/bin/python3.11', 'python3 -s x.py', '/srv/x.py'],
    ['/usr/bin/python3.11', 'python3 -u -W ignore x.py', '/srv/x.py'],
    ['/usr/bin/python3.11', 'python3 -Wignore -Xutf8 x.py', '/srv/x.py'],
    ['/usr/bin/python3.11', 'python3 -m http.server 8080', '-m http.server'],
    ['/usr/bin/python3.11', 'python3 -mhttp.server', '-m http.server'],
    ['/usr/bin/python3.11', 'python3 -Im pip', '-m pip'],
    ['/usr/bin/python3.11', 'python3 -c import(os)', '-c'],
    ['/usr/bin/python3.11', 'python3 -Bc import(os)', '-c'],
    ['/usr/bin/python3.11', 'python3 -', '-'],
    ['/usr/bin/python3.11', 'python3', '-'],
    ['/opt/venv/bin/python3', 'python x.py', '/srv/x.py'],
    // perl and ruby
    ['/usr/bin/perl', 'perl -e print', '-e'],
    ['/usr/bin/perl', 'perl -ne print', '-e'],
    ['/usr/bin/perl', 'perl -i.save -pe s/a/b/ f', '-e'],
    ['/usr/bin/perl', 'perl -i.save x.pl', '/srv/x.pl'],
    ['/usr/bin/perl', 'perl -MSocket x.pl', '/srv/x.pl'],
    ['/usr/bin/perl', 'perl -MIO::Socket -e print', '-e'],
    ['/usr/bin/perl', 'perl -Ilib -w x.pl', '/srv/x.pl'],
    ['/usr/bin/perl', 'perl -I lib x.pl', '/srv/x.pl'],
    ['/usr/bin/perl', 'perl -F: -lane print f', '-e'],
    ['/usr/bin/perl5.36', '/usr/bin/perl /bin/pg_dump app', '/bin/pg_dump'],
    ['/usr/bin/ruby3.1', 'ruby -rsocket -e puts', '-e'],
    ['/usr/bin/ruby3.1', 'ruby -r socket x.rb', '/srv/x.rb'],
    // node, php, lua, tcl
    ['/usr/bin/node', 'node server.js', '/srv/server.js'],
    ['/usr/bin/node', 'node --inspect-brk --require ./a.js server.js', '/srv/server.js'],
    ['/usr/bin/node', 'node -r ./a.js server.js', '/srv/server.js'],
    ['/usr/bin/node', 'node -e 1', '-e'],
    ['/usr/bin/node', 'node -pe 1', '-e'],
    ['/usr/bin/node', 'node --eval=1', '-e'],
    ['/usr/bin/node', 'node --print 1', '-e'],
    ['/usr/bin/php8.2', 'php -r phpinfo();', '-r'],
    ['/usr/bin/php8.2', 'php -d memory_limit=1G -f x.php', '/srv/x.php'],
    ['/usr/bin/php8.2', 'php -dmemory_limit=1G x.php', '/srv/x.php'],
    ['/usr/bin/php8.2', 'php -S 0:80 -t public router.php', '/srv/router.php'],
    ['/usr/bin/lua5.4', 'lua -e print(1)', '-e'],
    ['/usr/bin/tclsh8.6', 'tclsh x.tcl', '/srv/x.tcl'],
    // what is none
    ['/usr/sbin/php-fpm8.2', 'php-fpm: pool www', ''],
    ['/usr/bin/ls', 'ls -c x', ''],
    ['/usr/bin/dash', '', ''],
    // multi-call binaries
    ['/usr/bin/busybox', 'wget -q -O- http://x', 'wget'],
    ['/usr/bin/busybox', 'busybox nc 203.0.113.66 4444', 'nc'],
    ['/usr/bin/busybox', '-sh', 'sh'],
    ['/usr/bin/busybox', '/bin/busybox', ''],
  ])('%s: %s -> %s', (exe, command, expected) => expect(script(exe, command)).toBe(expected));

  it('is none for a shell at a terminal', () => {
    expect(script('/usr/bin/bash', '-bash', false)).toBe('');
    expect(script('/usr/bin/bash', 'bash -i')).toBe('');
    expect(script('/usr/bin/python3.11', 'python3', false)).toBe('');
  });

  it.each(['/usr/bin/bash', '/bin/sh', '/opt/x/bin/python3.12', '/usr/bin/perl5.36.0', '/usr/bin/node', '/usr/bin/php8.2'])('%s is an interpreter', (exe) => expect(isInterpreter(bytes(exe))).toBe(true));
  it.each(['/usr/bin/bashful', '/usr/sbin/php-fpm8.2', '/usr/bin/pythonic', '/usr/sbin/sshd', '/tmp/sh/x', ''])('%s is none', (exe) => expect(isInterpreter(bytes(exe))).toBe(false));
});
