import { describe, expect, it } from 'vitest';
import { record as line } from '../support/log.ts';
import { replay } from '../support/replay.ts';
import { CWD, DENIED, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';
import { HOUR, SECOND, told } from './watch.ts';

const APP: Actor = { pid: 600, ppid: 1, exe: '/usr/bin/node', euid: 0 };
const ME = 'proc::0:/usr/bin/node';

const ipv6 = (groups: string, port: number, rest = ''): string => `0A00${port.toString(16).toUpperCase().padStart(4, '0')}00000000${groups}00000000${rest}`;
const MAPPED = (tail: string, port: number): string => ipv6(`00000000000000000000FFFF${tail}`, port);
const unix = (path: string): string => `0100${Buffer.from(`${path}\0`).toString('hex').toUpperCase()}`;

/** It has worked for an hour, on files and with peers of its own. */
const usual = (): Scene => openScene().create(APP, '/srv/a').connect(APP, ipv4('192.0.2.10', 443)).call(APP, NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('0.0.0.0', 8080)}`]).wait(HOUR);

const write = (scene: Scene, path: string, oflag: number): Scene => scene.files(APP, NR.openat, [{ name: path, type: 'NORMAL' }], { args: [CWD, 0, oflag] });

describe('writing into a file that is there', () => {
  it.each(['/etc/passwd', '/etc/shadow', '/root/.ssh/authorized_keys', '/var/spool/cron/crontabs/root', '/srv/app/config.php', '/home/u/.bashrc'])('%s is told (W05)', (path) => {
    const O_APPEND = 0o2001;
    expect(told(write(usual(), path, O_APPEND))).toEqual([`${ME}->file:WRITE:${path}`]);
  });

  it.each([['cutting it', 0o1000], ['reading and writing it', 0o2]])('is told when it is %s (W05)', (_, oflag) => {
    expect(told(write(usual(), '/etc/crontab', oflag))).toEqual([`${ME}->file:WRITE:/etc/crontab`]);
  });

  it.each([['chmod', NR.chmod, 0o4755], ['chown', NR.fchown, 0]])('is told when it is a %s (W05)', (_, nr, mode) => {
    expect(told(usual().files(APP, nr, [{ name: '/srv/tool', type: 'NORMAL', mode: 0o100755 }], { args: [0, mode] }))).toEqual([`${ME}->file:ATTR:/srv/tool`]);
  });
});

describe('a new peer', () => {
  it('is told over IPv6 (W10)', () => {
    expect(told(usual().connect(APP, ipv6('20010DB8000000000000000000000066', 4444)))).toEqual([`${ME}->host:2001:db8::66:4444`]);
  });

  it('is told when it comes as IPv4 in IPv6, and a known one is still known (W10)', () => {
    expect(told(usual().connect(APP, MAPPED('C000020A', 443)).connect(APP, MAPPED('C0000242', 443)))).toEqual([`${ME}->host:192.0.2.66:443`]);
  });

  it('is told when it is the socket of docker, and not when it is that of a logger (W10)', () => {
    expect(told(usual().connect(APP, unix('/run/systemd/journal/socket')).connect(APP, unix('/run/docker.sock')))).toEqual([`${ME}->sock:/run/docker.sock`]);
  });

  it('is none when a program talks to the kernel (W10)', () => expect(told(usual().connect(APP, '100000000000000000000000'))).toEqual([]));

  it.each<readonly [string, Outcome]>([['in progress', { success: false, exit: -115 }], ['refused', { success: false, exit: -111 }], ['timed out', { success: false, exit: -110 }]])('is told while the connection is %s (W30)', (_, outcome) => {
    expect(told(usual().connect(APP, ipv4('203.0.113.66', 4444), outcome))).toEqual([`${ME}->host:203.0.113.66:4444`]);
  });

  it('is told when its address is longer than it need be (W30)', () => {
    expect(told(usual().connect(APP, ipv4('203.0.113.66', 4444).padEnd(200, '0')))).toEqual([`${ME}->host:203.0.113.66:4444`]);
  });

  it('is told when only a datagram, or TCP fast open, is sent to it (W30)', () => {
    expect(told(usual().call(APP, NR.sendto, { exit: 20 }, ['SOCKADDR', `saddr=${ipv4('203.0.113.66', 53)}`]))).toEqual([`${ME}->host:203.0.113.66:53`]);
  });

  it('is told when a 32-bit program goes through socketcall (W30)', () => {
    expect(told(usual().call(APP, 102, { args: [3], arch: '40000003' }, ['SOCKADDR', `saddr=${ipv4('203.0.113.66', 4444)}`]))).toEqual([`${ME}->host:203.0.113.66:4444`]);
  });

  it('is told on a port it was not known on', () => expect(told(usual().connect(APP, ipv4('192.0.2.10', 22)))).toEqual([`${ME}->host:192.0.2.10:22`]));
});

describe('a program told to do something it never did', () => {
  const victim: Actor = { pid: 700, ppid: 1, exe: '/usr/sbin/nginx' };
  const NOTHING: Outcome = {};
  const mountPoint = ['PATH', 'item=0 name="/mnt" inode=9 dev=fe:00 mode=040755 nametype=NORMAL'] as const;
  it.each<readonly [string, number, string, Outcome, readonly (readonly [string, string])[]]>([
    ['listens', NR.bind, 'listen:0.0.0.0:31337', NOTHING, [['SOCKADDR', `saddr=${ipv4('0.0.0.0', 31337)}`]]],
    ['takes hold of another', NR.ptrace, 'trace:/usr/sbin/nginx', { args: [16] }, [['OBJ_PID', 'opid=700 oauid=-1 ouid=0 oses=-1 ocomm="nginx"']]],
    ['writes into its memory', NR.process_vm_writev, 'trace:/usr/sbin/nginx', { args: [700] }, []],
    ['loads a module', NR.finit_module, 'kernel:module:rootkit', NOTHING, [['KERN_MODULE', 'name="rootkit"']]],
    ['loads a BPF program', NR.bpf, 'kernel:bpf', { args: [5] }, []],
    ['mounts', NR.mount, 'kernel:mount:/mnt', NOTHING, [mountPoint]],
    ['takes a mount away', NR.umount2, 'kernel:umount:/mnt', NOTHING, [mountPoint]],
    ['leaves its namespaces', NR.unshare, 'kernel:unshare', { args: [0x10000000] }, []],
    ['enters those of another', NR.setns, 'kernel:setns', NOTHING, []],
    ['makes a program in memory', NR.memfd_create, 'kernel:memfd', NOTHING, []],
    ['opens a way past the log', NR.io_uring_setup, 'kernel:io_uring', NOTHING, []],
    ['reads the password hashes', NR.openat, 'file:READ:/etc/shadow', { args: [CWD, 0, 0] }, [['PATH', 'item=0 name="/etc/shadow" inode=9 dev=fe:00 mode=0100640 nametype=NORMAL']]],
  ])('%s, and that is told (W30)', (_, nr, object, outcome, records) => {
    const scene = openScene().create(victim, '/run/nginx.pid').create(APP, '/srv/a').wait(HOUR).call(APP, nr, outcome, ...records);
    expect(told(scene)).toEqual([`${ME}->${object}`]);
  });

  it('runs another by a descriptor, and that is told (W30)', () => {
    expect(told(usual().call({ pid: 610, ppid: 600, exe: '/memfd:x (deleted)', euid: 0 }, NR.execveat, {}, ['EXECVE', 'argc=1 a0="x"']))).toEqual([`${ME}->proc::0:/memfd:x%20(deleted)@node`]);
  });

  it('is told by what it does, whatever key the rule has (W30)', () => {
    const scene = usual().create(APP, '/etc/cron.d/x');
    const keyed = scene.lines.map((line) => line.replace('key=(null)', 'key=7065726D5F6D6F6401616363657373'));
    expect(told({ ...scene, lines: keyed })).toEqual([`${ME}->file:CREATE:/etc/cron.d/x`]);
  });

  it('is told from a log that repeats everything in words (W30)', () => {
    const scene = usual().create(APP, '/etc/cron.d/x');
    const enriched = scene.lines.map((line) => (line.startsWith('type=SYSCALL') ? `${line}\x1dARCH=x86_64 SYSCALL=openat AUID="unset" UID="root" EXE="/bin/sshd"` : line));
    expect(told({ ...scene, lines: enriched })).toEqual([`${ME}->file:CREATE:/etc/cron.d/x`]);
  });

  it('is told from the log of an old system (W30)', () => {
    const scene = usual().create(APP, '/etc/cron.d/x');
    expect(told({ ...scene, lines: scene.lines.map((line) => line.replace('nametype=', 'objtype=')) })).toEqual([`${ME}->file:CREATE:/etc/cron.d/x`]);
  });
});

describe('what fails', () => {
  it('is no process: searching $PATH is silent (W31)', () => {
    const scene = usual();
    for (const dir of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin']) {
      scene.call(APP, NR.execve, { success: false, exit: -2 }, ['CWD', 'cwd="/"'], ['PATH', `item=0 name="${dir}/git" nametype=UNKNOWN`]);
    }
    expect(told(scene)).toEqual([]);
  });

  it('is no process, but told when a program of the system may not be run (W31)', () => {
    const scene = usual().call(APP, NR.execve, DENIED, ['CWD', 'cwd="/"'], ['PATH', 'item=0 name="/usr/sbin/unix_chkpwd" inode=9 dev=fe:00 mode=0100750 nametype=NORMAL']);
    expect(told(scene)).toEqual([`${ME}->proc::0:/usr/sbin/unix_chkpwd`]);
  });

  it('is told when it is what an intruder tries: the shadow file, refused (W31)', () => {
    expect(told(usual().files(APP, NR.openat, [{ name: '/etc/shadow', type: 'NORMAL' }], { ...DENIED, args: [CWD, 0, 0] }))).toEqual([`${ME}->file:READ:/etc/shadow`]);
  });

  it('is silent where it shows nothing: a cache file that may not be opened (W31)', () => {
    expect(told(usual().files(APP, NR.openat, [{ name: '/srv/cache/x', type: 'NORMAL' }], { ...DENIED, args: [CWD, 0, 1] }))).toEqual([]);
  });
});

/** What is told about the log itself, beside an ordinary one. */
const findings = (...more: readonly string[]): readonly string[] =>
  replay([...usual().create(APP, '/srv/a').lines, ...more], { baseline: 3600, monitor: 60 }).flatMap((said) => (said.type === 'finding' ? [`${said.severity} ${said.kind}`] : []));

describe('blinding the watcher', () => {
  const later = HOUR + 5 * SECOND;

  it('is told: rules are taken away and auditd is stopped (W22)', () => {
    expect(findings(
      line('CONFIG_CHANGE', 'auid=0 ses=3 subj=unconfined op=remove_rule key="PROCESS" list=4 res=1', 90, later),
      line('DAEMON_END', 'op=terminate auid=0 uid=0 ses=3 pid=700 subj=unconfined res=success', 91, later),
    )).toEqual(['critical audit', 'critical audit']);
  });

  it('is told: auditing is switched off (W22)', () => {
    expect(findings(line('CONFIG_CHANGE', 'op=set audit_enabled=0 old=1 auid=0 ses=3 res=1', 90, later))).toEqual(['critical audit']);
  });
});
