import { describe, expect, it } from 'vitest';
import { MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, MAX_PATHS } from '../../src/audit/event.ts';
import { SYSCALLS } from '../../src/audit/syscalls.ts';
import { UNSET } from '../../src/audit/units.ts';
import { hex, read, readOne, record, syscall, T0 } from '../support/log.ts';

const ENRICHED = '\x1d';
const rejects = (...lines: readonly string[]): Record<string, number> => Object.fromEntries(read(...lines).losses.rejected);

describe('SYSCALL', () => {
  it('tells the call, who made it and what came of it', () => {
    expect(readOne(record('SYSCALL', syscall(), 77))).toEqual({
      node: '', time: T0, serial: 77,
      syscall: {
        arch: 0xc000003e, nr: 59, success: true, exit: 0, a0: 0x5d6719d0, a1: 1, a2: 2, a3: 8, ppid: 10, pid: 11, auid: 1000, uid: 33, euid: 34, ses: 7,
        notty: true, comm: 'ls', exe: '/usr/bin/ls',
      },
    });
  });

  it('tells a failure with its errno', () => {
    expect(readOne(record('SYSCALL', syscall({ success: 'no', exit: '-115' }))).syscall).toMatchObject({ success: false, exit: -115 });
  });

  it('may lack the outcome: the call did not return', () => {
    expect(readOne(record('SYSCALL', syscall({ success: undefined, exit: undefined }))).syscall).toMatchObject({ success: false, exit: 0, pid: 11 });
  });

  it('keeps the low 32 bits of arguments', () => {
    expect(readOne(record('SYSCALL', syscall({ a0: 'ffffffffffffff9c', a1: '7ffd484083e0', a2: '80042', a3: '0' }))).syscall)
      .toMatchObject({ a0: 0xffffff9c, a1: 0x484083e0, a2: 0x80042, a3: 0 });
  });

  it.each([['4294967295'], ['-1']])('reads %s as nobody and no session', (unset) => {
    expect(readOne(record('SYSCALL', syscall({ auid: unset, ses: unset }))).syscall).toMatchObject({ auid: UNSET, ses: UNSET });
  });

  it('reads an old record without parent and session', () => {
    expect(readOne(record('SYSCALL', syscall({ ppid: undefined, ses: undefined, tty: undefined, subj: undefined, key: undefined }))).syscall)
      .toMatchObject({ ppid: 0, ses: UNSET, notty: false, exe: '/usr/bin/ls' });
  });

  it('knows whether there is a terminal', () => {
    expect(readOne(record('SYSCALL', syscall({ tty: 'pts0' }))).syscall?.notty).toBe(false);
  });

  it.each([
    ['a blank', '/tmp/a b'], ['a quote', '/tmp/a"b'], ['a newline', '/tmp/a\nb'], ['UTF-8', '/tmp/\xc3\xa4'], ['bytes that are no UTF-8', '/tmp/\xff\xfe'], ['the enriched separator', '/tmp/a\x1db'],
    ['a deleted program', '/usr/sbin/nginx (deleted)'], ['what looks like a field', '/tmp/x uid=0 exe="/bin/true"'],
  ])('reads a program whose name is in hex: %s', (_, name) => {
    expect(readOne(record('SYSCALL', syscall({ exe: hex(name), comm: hex(name.slice(0, 15)) }))).syscall).toMatchObject({ exe: name, comm: name.slice(0, 15) });
    expect(readOne(record('SYSCALL', syscall({ exe: hex(name).toLowerCase() }))).syscall).toMatchObject({ exe: name });
  });

  it.each([['"DEADBEEF"', 'DEADBEEF'], ['"(null)"', '(null)'], ['"?"', '?'], ['""', ''], ['(null)', ''], ['(none)', ''], ['?', '']])('takes the program %s literally', (exe, is) => {
    expect(readOne(record('SYSCALL', syscall({ exe }))).syscall?.exe).toBe(is);
  });

  it('is not changed by what an enriched log adds', () => {
    const { syscall: plain } = readOne(record('SYSCALL', syscall()));
    const added = `${ENRICHED}ARCH=x86_64 SYSCALL=execve AUID="root" UID="root" pid=1 exe="/bin/other"`;
    expect(readOne(record('SYSCALL', syscall() + added)).syscall).toEqual(plain);
    expect(readOne(record('SYSCALL', syscall({ subj: undefined, key: undefined }) + added)).syscall).toEqual(plain);
    expect(readOne(record('SYSCALL', `${syscall({ ppid: undefined })}${ENRICHED}ppid=1`)).syscall?.ppid).toBe(0);
  });

  it('understands fields in any order, and the first of two equal ones counts', () => {
    const shuffled = syscall().split(' ').toReversed().join(' ');
    expect(readOne(record('SYSCALL', shuffled)).syscall).toEqual(readOne(record('SYSCALL', syscall())).syscall);
    expect(readOne(record('SYSCALL', `${syscall({ pid: '11 pid=999' })} exe="/bin/other"`)).syscall).toMatchObject({ pid: 11, exe: '/usr/bin/ls' });
  });

  it('is not misled by labels with blanks', () => {
    expect(readOne(record('SYSCALL', syscall({ subj: '=/usr/sbin/ntpd (enforce)' }))).syscall).toMatchObject({ pid: 11, exe: '/usr/bin/ls' });
    expect(readOne(record('SYSCALL', `subj==/usr/sbin/ntpd (enforce) ${syscall()}`)).syscall).toMatchObject({ pid: 11, exe: '/usr/bin/ls' });
  });

  it.each([
    ['x86_64', 'c000003e', { 59: 'execve', 322: 'execveat', 42: 'connect', 257: 'openat', 101: 'ptrace', 313: 'finit_module', 437: 'openat2' }],
    ['i386', '40000003', { 11: 'execve', 102: 'socketcall', 362: 'connect', 5: 'open', 26: 'ptrace', 437: 'openat2' }],
    ['aarch64', 'c00000b7', { 221: 'execve', 203: 'connect', 56: 'openat', 117: 'ptrace', 273: 'finit_module', 437: 'openat2' }],
  ])('names the calls of %s', (_, arch, calls) => {
    for (const [nr, name] of Object.entries(calls)) {
      const call = readOne(record('SYSCALL', syscall({ arch, syscall: nr }))).syscall;
      expect(` ${SYSCALLS.get(call?.arch ?? 0)}`).toMatch(new RegExp(`\\s${call?.nr} ${name}(\\s|$)`));
    }
  });

  it.each([
    ['no pid', { pid: undefined }], ['no program', { exe: undefined }], ['no call', { syscall: undefined }], ['no architecture', { arch: undefined }], ['no user', { euid: undefined }],
    ['a pid that is no number', { pid: '1x' }], ['an architecture that is no number', { arch: 'x86_64' }], ['a program whose quotes are not closed', { exe: '"/usr/bin/ls', subj: undefined, key: undefined }],
  ])('is rejected with %s', (_, fields) => {
    expect(rejects(record('SYSCALL', syscall(fields)))).toEqual({ 'bad SYSCALL': 1 });
  });
});

describe('CWD', () => {
  it.each([['"/"', '/'], ['"/var/www"', '/var/www'], [hex('/tmp/a b c'), '/tmp/a b c'], ['(null)', '']])('%s', (cwd, is) => {
    expect(readOne(record('CWD', `cwd=${cwd}`)).cwd).toBe(is);
    expect(readOne(record('CWD', ` cwd=${cwd}`)).cwd).toBe(is);
  });

  it.each(['', 'cwd=', 'cwd="/var', 'pwd="/"'])('is rejected when it says %j', (body) => {
    expect(rejects(record('CWD', body))).toEqual({ 'bad CWD': 1 });
  });
});

const path = (name: string, rest = 'inode=12 dev=fe:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0'): string => record('PATH', `item=0 name=${name} ${rest}`);

describe('PATH', () => {
  it('tells name, inode, device, mode and what the name was to the call', () => {
    expect(readOne(path('"/etc/passwd"')).paths).toEqual([{ name: '/etc/passwd', inode: 12, dev: 0xfe * 2 ** 20 + 1, mode: 0o100644, nametype: 'NORMAL' }]);
  });

  it.each([['NORMAL', 'NORMAL'], ['PARENT', 'PARENT'], ['CREATE', 'CREATE'], ['DELETE', 'DELETE'], ['UNKNOWN', 'other']])('reads name type %s, new and old', (type, is) => {
    for (const key of ['nametype', 'objtype']) expect(readOne(path('"x"', `inode=12 obj=system_u:object_r:etc_t:s0 ${key}=${type}`)).paths).toMatchObject([{ nametype: is }]);
  });

  it('may have no name: the call had a descriptor', () => {
    expect(readOne(path('(null)')).paths).toMatchObject([{ name: undefined, inode: 12 }]);
  });

  it('may name what does not exist', () => {
    expect(readOne(path('"/nowhere"', 'nametype=UNKNOWN cap_fp=0')).paths).toEqual([{ name: '/nowhere', inode: -1, dev: 0, mode: 0, nametype: 'other' }]);
  });

  it.each([['a blank', '/tmp/a b'], ['a newline', 'a\nb'], ['what looks like a record', 'x type=SYSCALL msg=audit(1.000:1): pid=1'], ['each byte', Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join('')]])('reads %s in a name', (_, name) => {
    expect(readOne(path(hex(name))).paths).toMatchObject([{ name, inode: 12, nametype: 'NORMAL' }]);
  });

  it('takes a file named (null) for one', () => {
    expect(readOne(path('"(null)"')).paths).toMatchObject([{ name: '(null)' }]);
  });

  it('is not changed by what an enriched log adds', () => {
    expect(readOne(path('"x"', `inode=12 nametype=NORMAL cap_frootid=0${ENRICHED}OUID="root" OGID="root" mode=0777`)).paths).toMatchObject([{ name: 'x', mode: 0 }]);
  });

  it('comes as often as the call named files, in order', () => {
    expect(readOne(path('"/tmp/"'), path('"/tmp/a"'), path('"/tmp/b"')).paths?.map((p) => p.name)).toEqual(['/tmp/', '/tmp/a', '/tmp/b']);
  });

  it('does not inherit from the event before', () => {
    expect(read(record('PATH', 'item=0 name="/a" inode=1 dev=08:01 mode=0100755 nametype=CREATE', 1), record('PROCTITLE', 'proctitle="a"', 1), record('PATH', 'item=0 name="/b"', 2)).events[1])
      .toEqual({ node: '', time: T0, serial: 2, paths: [{ name: '/b', inode: -1, dev: 0, mode: 0, nametype: 'other' }] });
  });

  it('beyond the bound is dropped and counted', () => {
    const { events, losses } = read(...Array.from({ length: MAX_PATHS + 6 }, () => path('"x"')));
    expect(events[0]?.paths).toHaveLength(MAX_PATHS);
    expect(losses.truncated).toBe(6);
  });

  it.each(['', 'item=0', 'name="x" inode=1', 'item=0 name="/etc/pass'])('is rejected when it says %j', (body) => {
    expect(rejects(record('PATH', body))).toEqual({ 'bad PATH': 1 });
  });
});

const argv = (...bodies: readonly string[]): readonly string[] | undefined => readOne(...bodies.map((body) => record('EXECVE', body))).argv;

describe('EXECVE', () => {
  it('tells the arguments, quoted or in hex', () => {
    expect(argv(`argc=5 a0="bash" a1="-c" a2=${hex('echo "a b" >/tmp/x')} a3="" a4="12"`)).toEqual(['bash', '-c', 'echo "a b" >/tmp/x', '', '12']);
  });

  it('takes quoted hex for text', () => {
    expect(argv('argc=1 a0="6C73"')).toEqual(['6C73']);
  });

  it('may come in several records, and an argument in several parts', () => {
    const long = 'é '.repeat(9000);
    expect(argv('argc=3 a0="echo" a1="x"', ' a2="y"')).toEqual(['echo', 'x', 'y']);
    expect(argv(
      `argc=3 a0="echo" a1_len=${2 * long.length} a1[0]=${hex(long.slice(0, 7500))}`, ` a1[1]=${hex(long.slice(7500, 15000))}`, ` a1[2]=${hex(long.slice(15000))} a2="end"`,
    )).toEqual(['echo', long, 'end']);
  });

  it('may be empty', () => {
    expect(argv('argc=0')).toEqual([]);
    expect(argv('argc=0 a0="whoami"')).toEqual(['whoami']);
  });

  it('may lack an argument', () => {
    expect(argv('argc=3 a0="a" a2="c"')).toEqual(['a', '', 'c']);
    expect(argv('argc=2 a0="a" a1=(null)')).toEqual(['a', '']);
  });

  it('is not changed by what an enriched log adds', () => {
    expect(argv(`argc=1 a0="ls"${ENRICHED}A0="x" a0="rm" a1="x"`)).toEqual(['ls']);
  });

  it('keeps a bounded number of arguments', () => {
    const { events, losses } = read(record('EXECVE', `argc=9999 ${Array.from({ length: MAX_ARGUMENTS + 9 }, (_, i) => `a${i}="x"`).join(' ')}`));
    expect(events[0]?.argv).toHaveLength(MAX_ARGUMENTS);
    expect(losses.truncated).toBe(1);
    expect(read(record('EXECVE', 'argc=9999999 a9999999="x"')).events[0]?.argv).toEqual([]);
  });

  it('keeps a bounded length, and nothing behind a gap', () => {
    const part = 'x'.repeat(7500);
    const { events, losses } = read(
      record('EXECVE', `argc=3 a0="echo" a1_len=150000 a1[0]="${part}"`), ...Array.from({ length: 18 }, (_, i) => record('EXECVE', ` a1[${i + 1}]="${part}"`)), record('EXECVE', ' a1[19]="tail" a2="end"'),
    );
    expect(events[0]?.argv).toHaveLength(2);
    expect(events[0]?.argv?.[1]).toMatch(/^x+$/);
    expect(events[0]?.argv?.join('').length).toBeLessThanOrEqual(MAX_ARGUMENT_BYTES);
    expect(losses.truncated).toBeGreaterThan(0);
  });

  it('has its bounds for itself', () => {
    const { events, losses } = read(...Array.from({ length: 9 }, (_, i) => [record('EXECVE', `argc=1 a0="${'x'.repeat(50_000)}"`, i), record('EOE', '', i)]).flat());
    expect(events.map((e) => e.argv?.[0]?.length)).toEqual(Array.from({ length: 9 }, () => 50_000));
    expect(losses.truncated).toBe(0);
  });

  it.each(['', 'a="x"', 'a1_len=90', '[0]="x"'])('is rejected when it says %j', (body) => {
    expect(rejects(record('EXECVE', body))).toEqual({ 'bad EXECVE': 1 });
  });
});

describe('SOCKADDR', () => {
  it.each(['02000050A9FEA9FE0000000000000000', '0100', '100000000000000000000000', '02000050a9fea9fe'])('keeps %s', (saddr) => {
    expect(readOne(record('SOCKADDR', `saddr=${saddr}`)).saddr).toBe(saddr);
    expect(readOne(record('SOCKADDR', `saddr=${saddr}${ENRICHED}SADDR={ saddr_fam=inet laddr=169.254.169.254 lport=80 }`)).saddr).toBe(saddr);
  });

  it.each(['', 'saddr=', 'saddr=02', 'saddr=020', 'saddr=02000', 'saddr=(null)', 'saddr=0200zz50', 'addr=0200'])('is rejected when it says %j', (body) => {
    expect(rejects(record('SOCKADDR', body))).toEqual({ 'bad SOCKADDR': 1 });
  });
});

describe('PROCTITLE', () => {
  it.each([
    ['"(systemd)"', '(systemd)'], [hex('bash\0-c\0echo a b'), 'bash\0-c\0echo a b'], ['"DEADBEEF"', 'DEADBEEF'], ['(null)', ''], [`"sshd"${ENRICHED}PROCTITLE="x"`, 'sshd'], ['', ''],
  ])('%s', (title, is) => {
    expect(readOne(record('CWD', 'cwd="/"'), record('PROCTITLE', `proctitle=${title}`)).proctitle).toBe(is);
  });

  it('is rejected when damaged, and still ends its event', () => {
    const { events, losses } = read(record('CWD', 'cwd="/"', 1), record('PROCTITLE', 'title="x"', 1), record('CWD', 'cwd="/tmp"', 1));
    expect(Object.fromEntries(losses.rejected)).toEqual({ 'bad PROCTITLE': 1 });
    expect(events.map((e) => e.cwd)).toEqual(['/', '/tmp']);
  });
});

describe('LOGIN', () => {
  it.each([
    ['today', 'pid=1298 uid=0 subj=system_u:system_r:sshd_t:s0-s0:c0.c1023 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=7 res=1', 7],
    ['enriched', `pid=1298 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1${ENRICHED}UID="root" OLD-AUID="unset" AUID="1"`, 7],
    ['before Linux 3.14', 'pid=1298 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=7', 7],
    ['before Linux 3.14, in other words', 'login pid=1298 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=7', 7],
    ['before there were sessions', 'login pid=1298 uid=0 old auid=500 new auid=1000', UNSET],
  ])('tells who logged in: %s', (_, body, session) => {
    expect(readOne(record('LOGIN', body)).login).toEqual({ pid: 1298, auid: 1000, ses: session });
  });

  it.each(['', 'pid=1', 'pid=1 uid=0 auid=x ses=1', 'pid=x uid=0 old auid=1 new auid=2', 'uid=0 auid=1 ses=1', 'old auid=1 new auid=2 new ses=3'])('is rejected when it says %j', (body) => {
    expect(rejects(record('LOGIN', body))).toEqual({ 'bad LOGIN': 1 });
  });

  it('cannot be made slow to read', () => {
    const many = ['pid=1 new auid=1 ', ' pid=1 ', ' new auid=', ' new auid=1 new ses= '].map((text) => text.repeat(1000));
    expect(rejects(record('LOGIN', many.join(' ')), ...many.map((body) => record('LOGIN', body)))).toEqual({ 'bad LOGIN': 3 });
  });
});

describe('other records', () => {
  it('OBJ_PID tells whom a call was for', () => {
    expect(readOne(record('OBJ_PID', 'opid=2732155 oauid=0 ouid=0 oses=2 obj=unconfined ocomm="sleep"')).objectPid).toBe(2732155);
    expect(rejects(record('OBJ_PID', 'oauid=0'), record('OBJ_PID', 'opid=x'))).toEqual({ 'bad OBJ_PID': 2 });
  });

  it('KERN_MODULE tells the module', () => {
    expect(readOne(record('KERN_MODULE', 'name="nf_tables"')).module).toBe('nf_tables');
    expect(readOne(record('KERN_MODULE', `name=${hex('a b')}`)).module).toBe('a b');
    expect(rejects(record('KERN_MODULE', 'name="nf'))).toEqual({ 'bad KERN_MODULE': 1 });
  });

  it('OPENAT2 tells the flags', () => {
    expect(readOne(record('OPENAT2', 'oflag=0102 mode=0600 resolve=0x8')).openFlags).toBe(0o102);
    expect(rejects(record('OPENAT2', 'oflag=8'), record('OPENAT2', 'mode=0600'))).toEqual({ 'bad OPENAT2': 2 });
  });

  it('USER_START of an old kernel names no session: it tells nothing, and is no loss', () => {
    const old = record('USER_START', 'user pid=6377 uid=500 auid=500 subj=x msg=\'PAM: session open acct=root : exe="/bin/su" (hostname=?, addr=192.0.2.1, terminal=pts/1 ses=5 res=success)\'');
    expect(read(old).losses).toMatchObject({ lines: 1, rejected: new Map() });
    expect(rejects(record('USER_START', 'pid=6377 uid=0'), old)).toEqual({ 'bad USER_START': 1 });
  });

  it('tell nothing, and are no loss', () => {
    const { events, losses } = read(
      record('UNKNOWN[1420]', 'subj_apparmor=unconfined'), record('UNKNOWN[1334]', 'prog-id=45 op=UNLOAD'), record('BPRM_FCAPS', 'fver=0 fp=0'), record('NETFILTER_CFG', 'table=?:0;?:0 family=0'),
      record('USER_AVC', "pid=854 msg='avc:  received policyload notice (seqno=2)"), record('AVC', 'avc:  denied  { read } for  pid=1 comm="x"'), record('DAEMON_CONFIG', 'op=reconfigure state=changed res=success'), record('X', ''),
    );
    expect(events).toEqual([]);
    expect(losses).toMatchObject({ lines: 8, rejected: new Map() });
  });

  it.each(['USER_CMD', 'USER_LOGIN', 'USER_TTY', 'TRUSTED_APP', 'SERVICE_START', 'UNKNOWN[1300]'])('of user space (%s) are never taken for the kernel\'s, whatever they say', (type) => {
    const kernel = [record('SYSCALL', syscall({ pid: '666' }), 9), record('EXECVE', 'argc=1 a0="x"', 9), record('LOGIN', 'pid=1 uid=0 auid=0 ses=1', 9)];
    const { events, losses } = read(
      ...kernel.map((line) => record(type, `pid=5 uid=0 auid=0 ses=1 msg='op=x acct="${line}" ${line} res=success'`, 9)),
      ...kernel.map((line) => record(type, `pid=5 uid=0 auid=0 ses=1 msg='\r${line}'`, 9)), ...kernel.map((line) => record(type, line, 9)),
    );
    expect(events).toEqual([]);
    expect(losses).toMatchObject({ lines: 9, rejected: new Map() });
  });
});

describe('a torn line', () => {
  const whole = record('SYSCALL', syscall({ pid: '99', exe: '"/usr/bin/other"' }), 2);

  it.each([
    ['SYSCALL', record('SYSCALL', syscall({ comm: '"ls-with-name"', exe: hex('/usr/bin/my program') })), 'exe=2F'],
    ['PATH', record('PATH', 'item=0 name="/etc/cron.d/job" inode=12 dev=fe:01 mode=0100644'), 'mode=01'],
    ['PATH', record('PATH', `item=0 name=${hex('/etc/cron.d/my job')} inode=12 dev=fe:01 mode=0100644`), 'mode=01'],
    ['CWD', record('CWD', 'cwd="/var/www/html"'), 'html'],
    ['KERN_MODULE', record('KERN_MODULE', 'name="overlay"'), 'lay'],
    ['LOGIN', record('LOGIN', 'pid=1298 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=7 res=1'), 'ses='],
    ['LOGIN', record('LOGIN', 'login pid=1298 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=7'), 'old ses='],
    ['USER_START', record('USER_START', "pid=1298 uid=0 auid=1000 ses=7 subj=x msg='op=PAM:session_open res=success'"), 'ses='],
    ['EXECVE', record('EXECVE', `argc=3 a0="bash" a1="-c" a2=${hex('echo a b')}`), '6563'],
  ])('that ran into the next record is one rejected %s: the two are never mixed', (type, line, until) => {
    const from = line.indexOf('): ') + 2;
    for (let cut = from; cut <= line.indexOf(until); cut++) {
      // Cut before its only value, a record has nothing that could look wrong.
      if (/(?:cwd|: name)=$/.test(line.slice(0, cut))) continue;
      const { events, losses } = read(line.slice(0, cut) + whole);
      expect(Object.fromEntries(losses.rejected), line.slice(0, cut)).toEqual({ [`bad ${type}`]: 1 });
      for (const event of events) expect(event).toEqual({ node: '', time: T0, serial: 1 });
    }
  });

  it('in the midst of its header costs that record only', () => {
    const line = record('CWD', 'cwd="/var/www/html"');
    for (let cut = 1; cut < line.indexOf('): '); cut++) {
      const { events, losses } = read(line.slice(0, cut), whole);
      expect(events.map((e) => e.syscall?.pid)).toEqual([99]);
      expect([...losses.rejected.values()]).toEqual([1]);
    }
  });

  it('costs the event that record only', () => {
    const { events, losses } = read(
      record('SYSCALL', syscall()), record('EXECVE', 'argc=1 a0="ls"'), record('CWD', 'cwd="/va'), record('PATH', 'item=0 name="/usr/bin/ls" nametype=NORMAL'), record('PATH', 'item=1 name='),
      record('SOCKADDR', 'saddr=0'), record('PROCTITLE', 'proctitle="ls"'),
    );
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ argv: ['ls'], proctitle: 'ls', paths: [{ name: '/usr/bin/ls' }] });
    expect(events[0]).not.toHaveProperty('cwd');
    expect(Object.fromEntries(losses.rejected)).toEqual({ 'bad CWD': 1, 'bad PATH': 1, 'bad SOCKADDR': 1 });
  });
});
