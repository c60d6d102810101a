// Programs that the processes of the world execute: what execve gets, what exe= is, and what the script is called.
import { posix } from 'node:path';
import { bytes } from './grammar.mjs';

const SCRIPTS = [
  '/opt/app/jobs/sync', '/opt/app/jobs/health', '/usr/local/bin/backup', '/home/deploy/bin/deploy tool', '/srv/data/über', '/usr/local/sbin/a->b',
  '/opt/app/100%', '/var/www/me@home', '/etc/cron.daily/logrotate',
].map(bytes);
const CODE = ['id', 'cd /srv && ls -l | wc -l', 'print("a=b", 1)', 'exe="/tmp/x" key="y"', 'echo ü > "/tmp/x y"'].map(bytes);
const WORDS = ['-v', '--all', '/etc/passwd', 'a b', 'key="x"', 'type=SYSCALL', '-c', '100%', bytes('naïve'), '\x1b[31m', '', '\xff\xfe'];

/** `options` may stand before a script, `inline` before code; `literal` is what the script is called then, `-` for code from standard input. */
const INTERPRETERS = [
  { exe: '/usr/bin/dash', called: ['sh', '/bin/sh'], ending: '.sh', options: ['', '-e', '-x'], inline: ['-c', '-ec'], literal: '-c', stdin: '-s' },
  { exe: '/usr/bin/bash', called: ['bash', '/bin/bash'], ending: '.sh', options: ['', '-e', '-o pipefail', '--norc'], inline: ['-c', '-lc', '-x -c'], literal: '-c', stdin: '-s' },
  { exe: '/usr/bin/python3.11', called: ['python3', '/usr/bin/python3'], ending: '.py', options: ['', '-u', '-Es', '-W ignore'], inline: ['-c', '-u -c'], literal: '-c', stdin: '-' },
  { exe: '/usr/bin/perl', called: ['perl', '/usr/bin/perl'], ending: '.pl', options: ['', '-w', '-T', '-Mstrict'], inline: ['-e', '-ne', '-w -e'], literal: '-e', stdin: '-' },
  { exe: '/usr/bin/node', called: ['node', '/usr/bin/node'], ending: '.js', options: ['', '--max-old-space-size=512', '--no-warnings'], inline: ['-e'], literal: '-e', stdin: '-' },
  { exe: '/usr/bin/php8.2', called: ['php', '/usr/bin/php'], ending: '.php', options: ['', '-q', '-d memory_limit=1G', '-f'] },
  { exe: '/usr/bin/ruby3.1', called: ['ruby', '/usr/bin/ruby'], ending: '.rb', options: ['', '-w', '-I lib'], inline: ['-e'], literal: '-e', stdin: '-' },
];

/** Names that look like an interpreter's and are none, names that need escaping, and programs of other architectures. */
const PLAIN = [
  '/usr/bin/ls', '/usr/bin/cat', '/usr/bin/curl', '/usr/bin/tar', '/usr/bin/rm', '/usr/bin/git', '/usr/bin/logger', '/usr/bin/dashboard',
  '/usr/bin/node_exporter', '/usr/bin/perlbug.bin', bytes('/opt/my app/bin/ünï'), '/opt/a->b/tool@2', '/opt/50%/bin/"quoted"', '/tmp/.x/a (deleted)',
  '/memfd:payload (deleted)', '/usr/bin/a=b', '/opt/\xff\x01/raw',
];
const OTHER_ARCH = [{ exe: '/opt/legacy/bin/ledger32', arch: 'i386' }, { exe: '/opt/arm/bin/agent', arch: 'aarch64' }];
const SETUID = ['/usr/bin/sudo', '/usr/bin/su', '/usr/bin/passwd'];

const words = text => text.split(' ').filter(Boolean);
const base = path => path.slice(path.lastIndexOf('/') + 1);

const program = (exe, argv, fields) => ({ exe, arch: 'x86_64', argv, script: '', paths: [exe], ...fields });

/** Kinds whose meaning the grammar leaves open: only those that nobody knows run them. */
const OPEN_QUESTIONS = [
  ['/usr/bin/php8.2', 'php', '-r', 'echo 1;'], ['/usr/bin/python3.11', 'python3', '-m', 'http.server'], ['/usr/bin/bash', 'bash', '/dev/stdin'],
  ['/usr/bin/perl', 'perl', '-E', 'say 1'], ['/usr/bin/node', 'node', '-p', '1'], ['/usr/bin/perl', 'perl', '/bin/pg_dump'],
  ['/usr/bin/busybox', '-sh'], ['/usr/bin/busybox', 'sh', '/opt/app/run.sh'],
];

/**
 * One program to execute, as { exe, arch, argv, script, paths, euid?, next? }: `paths` are the names that the kernel resolved
 * (the program, or the script and its interpreter), `next` is what it executes at once. Names may be relative to `cwd`.
 * `terminal`: has the process one? `mayRaise`: may it execute setuid programs? `unknown`: are open questions allowed?
 */
export function anyProgram(random, cwd, { terminal, mayRaise = false, unknown = false }) {
  const more = () => Array.from({ length: random.below(4) }, () => random.pick(WORDS));
  const given = path => (random.chance(0.3) ? posix.relative(cwd, path) : path);
  const plain = exe => program(exe, [random.chance(0.5) ? exe : base(exe), ...more()]);
  if (unknown && random.chance(0.5)) {
    const [exe, ...argv] = random.pick(OPEN_QUESTIONS);
    return program(exe, argv);
  }
  const kind = random.weighted({
    plain: 40, shebang: 12, env: 4, argument: 15, inline: 15, stdin: 3, bare: 2, busybox: 6, setuid: mayRaise ? 8 : 0, arch: 4, long: 1, longOption: 0.3,
  });
  const language = random.pick(INTERPRETERS.filter(({ inline }) => inline || !['inline', 'stdin'].includes(kind)));
  const called = random.pick(language.called);
  const script = random.pick(SCRIPTS) + language.ending;
  const interpreter = (argv, text, paths = [called.startsWith('/') ? called : `/usr/bin/${called}`]) => program(language.exe, argv, { script: text, paths });
  switch (kind) {
    case 'shebang': {
      const path = random.chance(0.3) ? `./${posix.relative(cwd, script)}` : script;
      const option = ['.pl', '.rb'].includes(language.ending) && random.chance(0.3) ? ['-w'] : [];
      return interpreter([language.exe, ...option, path, ...more()], script, [path, language.exe]);
    }
    case 'env': {
      const next = interpreter([called, script, ...more()], script);
      return program('/usr/bin/env', ['/usr/bin/env', ...next.argv], { paths: [script, '/usr/bin/env'], next });
    }
    case 'argument':
      return interpreter([called, ...words(random.pick(language.options)), given(script), ...more()], script);
    case 'inline':
      return interpreter([called, ...words(random.pick(language.inline)), random.pick(CODE), ...more()], language.literal);
    case 'stdin':
      return interpreter([called, language.stdin], '-');
    case 'bare':
      // without a script it reads its code from standard input, which is a person when it is a terminal
      return interpreter([language.ending === '.sh' && random.chance(0.5) ? `-${base(called)}` : called], terminal ? '' : '-');
    case 'busybox': {
      const applet = random.pick(['wget', 'nc', 'ls', 'vi', 'sh']);
      const rest = applet === 'sh' ? [] : more();
      const linked = `/usr/local/bin/${applet}`;
      return random.chance(0.5)
        ? program('/usr/bin/busybox', ['busybox', applet, ...rest], { script: applet })
        : program('/usr/bin/busybox', [linked, ...rest], { script: applet, paths: [linked] });
    }
    case 'setuid':
      return { ...plain(random.pick(SETUID)), euid: 0 };
    case 'arch': {
      const { exe, arch } = random.pick(OTHER_ARCH);
      return { ...plain(exe), arch };
    }
    case 'long': {
      const names = Array.from({ length: random.between(1, 400) }, (_, n) => `/srv/data/file ${n}`);
      return program('/usr/bin/cat', ['cat', ...names, 'b'.repeat(random.between(1, 30_000)), 'last']);
    }
    case 'longOption': {
      const path = `${random.pick(SCRIPTS)}.js`;
      return program('/usr/bin/node', ['node', `--title=${'t'.repeat(random.between(7000, 20_000))}`, path], { script: path });
    }
    default:
      return plain(random.pick(PLAIN));
  }
}
