// A small world of processes: daemons that init started, sessions that sshd and cron opened, and what each of them does.
// It knows for certain what the log can only suggest, and so the edge of every event.
import { NOBODY_KNOWS, UNSET, edge, kernel, subject, trace, unknownSubject } from './grammar.mjs';
import { makeFiles } from './files.mjs';
import { makeNetwork } from './network.mjs';
import { anyProgram } from './programs.mjs';
import { kernelRecords, untrusted } from './records.mjs';
import { ARCHES } from './syscalls.mjs';

const MOST_PROCESSES = 120;
const WORKERS = 3;
const KEYS = [null, 'PROCESS', 'exec_log', 'a\x01b', 'my key'];
const INIT = { pid: 1 };
const NETLINK = '100000000000000000000000';
const SYSTEMD = 'comm="systemd" exe="/usr/lib/systemd/systemd"';
const WORKER = '/srv/data/my worker.py';

const DAEMONS = [
  { exe: '/usr/sbin/sshd', argv: ['/usr/sbin/sshd', '-D'], euid: 0, opens: 'ssh' },
  { exe: '/usr/sbin/cron', argv: ['/usr/sbin/cron', '-f'], euid: 0, opens: 'cron' },
  { exe: '/usr/sbin/nginx', argv: ['nginx', '-g', 'daemon on;'], euid: 0, worker: 33 },
  { exe: '/usr/sbin/php-fpm8.2', argv: ['/usr/sbin/php-fpm8.2', '--nodaemonize', '-y', '/etc/php/8.2/fpm/php-fpm.conf'], euid: 0, worker: 33 },
  { exe: '/usr/bin/node', argv: ['/usr/bin/node', '--no-warnings', '/opt/app/server.js'], script: '/opt/app/server.js', euid: 997 },
  { exe: '/usr/bin/python3.11', argv: ['/usr/bin/python3', WORKER], script: WORKER, paths: [WORKER, '/usr/bin/python3'], euid: 998, worker: 998 },
  { exe: '/usr/lib/postgresql/15/bin/postgres', argv: ['postgres', '-D', '/var/lib/postgresql/15/main'], euid: 101, worker: 101 },
  { exe: '/usr/bin/busybox', argv: ['busybox', 'httpd', '-f'], script: 'httpd', euid: 33 },
  { exe: '/opt/legacy/bin/ledger32', argv: ['ledger32'], euid: 998, arch: 'i386', worker: 998 },
  { exe: '/opt/arm/bin/agent', argv: ['agent', '--all'], euid: 0, arch: 'aarch64' },
  { exe: '/opt/a->b/tool@2 \xc3\xbc', argv: ['tool'], euid: 998 },
];
const USERS = [{ uid: 1000, home: '/home/deploy' }, { uid: 1001, home: '/srv/data' }, { uid: 0, home: '/root' }];

const MESSAGES = ['USER', 'USER_CMD', 'USER_AUTH', 'USER_AVC', 'CRED_REFR', 'USER_LOGIN', 'CRYPTO_KEY_USER', 'SOFTWARE_UPDATE', 'SERVICE_STOP'];
/** Texts of programs that look like records of the kernel. */
const NESTED = [
  'type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=0 uid=0 euid=0 exe="/tmp/evil" key="PROCESS"',
  'cwd="/root" cmd=2F62696E2F7368202D6320226964223B747970653D50415448 exe="/usr/bin/sudo" terminal=pts/0 res=success',
  'op=login acct=C3BC6E616C exe="/usr/sbin/sshd" hostname=? addr=198.51.100.7 terminal=sshd res=failed',
  "it's audit(1.2:3): op='x' name=\"/etc/shadow\"",
  'avc:  received policyload notice (seqno=2)  exe="/usr/bin/dbus-daemon" sauid=81 hostname=? addr=? terminal=?',
];

const base = path => path.slice(path.lastIndexOf('/') + 1);
/** Does the architecture of `p` have a call? */
const has = p => call => ARCHES[p.arch].numbers[call] !== undefined;
const binary = name => {
  const hash = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 900_000, 7);
  return { name, dev: 'fe:00', inode: 4_000_000 + hash, mode: 0o100755, uid: 0, type: 'NORMAL' };
};

/**
 * The world. `step(style)` lets something happen and answers with its events in order, each
 * { records: [type, body, enrichment][], edge?: string, reads, writes }: events may be interleaved as long as none writes what another reads or writes.
 */
export function makeWorld(random) {
  const files = makeFiles(random);
  const network = makeNetwork(random);
  const live = new Set();
  let lastPid = 1000;
  let lastSession = 1;
  let happened = [];
  let style;

  const nextPid = () => (lastPid += random.between(1, 3));
  const argument = (arch, value = null) => {
    if (value === null) return random.pointer().slice(arch === 'i386' ? -8 : 0);
    if (value === 'cwd') return arch === 'aarch64' ? 'ffffffffffffff9c' : 'ffffff9c';
    return typeof value === 'number' ? value.toString(16) : value;
  };

  /** One event of process `p`; `what` overrides what most calls have. Its edge is left out when nobody knows. */
  function emit(p, { call, args = [], arch = p.arch, edge: object, touches = [], extra = [], ...what }) {
    const full = {
      process: p, name: call, arch, number: ARCHES[arch].numbers[call], args: Array.from({ length: 4 }, (_, n) => argument(arch, args[n])),
      exit: 0, success: true, before: [], special: [], paths: [], key: 'FILEMOD', personality: random.chance(0.005), ...what,
    };
    if (full.paths.length > 0 && full.cwd === undefined) full.cwd = p.cwd;
    happened.push({
      records: kernelRecords(full, style),
      edge: object === undefined || p.euid === NOBODY_KNOWS ? undefined : object,
      reads: [`p${p.ppid}`, `s${p.ses}`, ...extra],
      writes: [`p${p.pid}`, ...touches],
    });
    p.seen = true;
  }

  const fork = (parent, changes) => {
    const child = { ...parent, pid: nextPid(), ppid: parent.pid, seen: false, executed: false, settled: false, opens: undefined, children: 0, parent, starter: parent.exe, ...changes };
    parent.children++;
    live.add(child);
    return child;
  };

  function exit(p) {
    live.delete(p);
    for (const other of live) if (other.parent === p) Object.assign(other, { ppid: 1, parent: INIT });
  }

  const home = () => random.pick(files.dirs);

  /** Process `p` becomes `program`; `caller` is the node that the exec starts from. */
  function exec(p, program, caller = subject(p), changes = {}) {
    const [name] = program.paths;
    const arch = p.arch;
    const service = p.service || (p.daemon && p.auid === UNSET ? base(p.exe) : '');
    const euid = program.euid ?? p.euid;
    const { exe, script, argv } = program;
    Object.assign(p, { exe, script, arch: program.arch, comm: base(name).slice(0, 15), title: argv, euid, service, daemon: false, executed: true, ...changes });
    const memory = exe.startsWith('/memfd:');
    const paths = memory ? [{ ...binary(''), dev: '00:01' }] : [...program.paths.map(binary), binary('/lib64/ld-linux-x86-64.so.2')];
    const handed = memory ? { call: 'execveat', args: [5, null, null, null] } : { call: 'execve' };
    emit(p, { ...handed, arch, argv, paths, fcaps: euid === 0, key: random.pick(KEYS), edge: edge(caller, subject(p)) });
    if (program.next) exec(p, program.next);
  }

  function failedExec(p) {
    const [name, exit] = random.pick([['/usr/local/sbin/git', -2], ['/usr/local/bin/ls', -2], ['/srv/data/no program', -13]]);
    emit(p, { call: 'execve', paths: [{ name, type: 'UNKNOWN' }], exit, success: false, key: 'PROCESS' });
  }

  function fileEvent(p) {
    const { edge: object, ...call } = files.operation(p, has(p));
    const denials = [
      `avc:  denied  { write } for  pid=${p.pid} comm="x" name="shadow" dev="sda1" ino=1 scontext=u:r:t:s0 tcontext=u:r:t:s0 tclass=file permissive=1`,
      `apparmor="ALLOWED" operation="open" profile="/usr/bin/x" name="/etc/shadow" pid=${p.pid} comm="x" requested_mask="w" denied_mask="w" fsuid=0 ouid=0`,
    ];
    const before = random.chance(0.02) ? [['AVC', random.pick(denials)]] : [];
    emit(p, { ...call, before, edge: object && edge(subject(p), object) });
  }

  function socketEvent(p) {
    const { edge: object, serves, ...call } = network(has(p));
    // A fork that takes a port of its own has left whoever started it.
    const isOwn = p.ses === UNSET && p.service !== '' && p.starter === p.exe && !/^\/memfd:|\(deleted\)$/.test(p.exe) && !/\/(?:bash|dash|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|php[\d.]*|lua[\d.]*)$/.test(p.exe);
    if (serves && isOwn) Object.assign(p, { service: '', daemon: true });
    emit(p, { ...call, edge: object && edge(subject(p), object), loseProctitle: p.daemon && p.settled && random.chance(0.03) });
  }

  /** Calls that change other processes, the kernel or the name spaces. */
  function rareEvent(p) {
    const act = (call, args, object, more) => emit(p, { call, args, key: 'MODULE', edge: object && edge(subject(p), object), ...more });
    const fails = random.chance(0.2) ? { exit: -1, success: false } : {};
    const targets = [...live].filter(other => other !== p && other.seen && other.euid !== NOBODY_KNOWS);
    const target = random.pick(targets);
    const name = random.pick(['nf_tables', 'dm-crypt', 'a b', 'x>y']);
    const where = random.pick(['/mnt', '/mnt/my disk', '/srv/data/in/../out', 'sub/dir']);
    const dir = { ...binary('/mnt'), mode: 0o40755, name: where };
    const places = where.startsWith('/') ? where.replace('in/../', '') : `${p.cwd === '/' ? '' : p.cwd}/${where}`;
    ({
      attach: () => act('ptrace', [random.pick([0x10, 0x4206, 4, 5, 6]), target.pid], trace(target.exe), { target, key: 'INJECT', extra: [`p${target.pid}`], ...fails }),
      look: () => act('ptrace', [random.pick([1, 2, 3, 7, 0x11]), target.pid], undefined, { target, key: 'INJECT', extra: [`p${target.pid}`] }),
      inject: () => act('process_vm_writev', [target.pid, null, 1], trace(target.exe), { exit: 64, key: 'INJECT', extra: [`p${target.pid}`] }),
      module: () => act(random.pick(['init_module', 'finit_module']), [3, null], kernel('module', name), { special: [['KERN_MODULE', `name=${untrusted(name)}`]] }),
      bpf: () => act('bpf', [5, null, '90'], kernel('bpf'), { exit: 7, before: [[random.pick(['BPF', 'UNKNOWN[1334]']), `prog-id=${random.between(1, 900)} op=LOAD`]], ...fails }),
      mount: () => act('mount', [null, null, null, random.pick(['0', '1000'])], kernel('mount', places), { paths: [dir], ...fails }),
      unshare: () => act('unshare', ['10000000'], kernel('unshare'), { key: 'NAMESPACE' }),
      setns: () => act('setns', [5, '40000000'], kernel('setns'), { key: 'NAMESPACE' }),
      memfd: () => act('memfd_create', [null, 1], kernel('memfd'), { exit: 5, key: 'MEMFD' }),
    })[random.weighted({ attach: target ? 4 : 0, look: target ? 2 : 0, inject: target ? 1 : 0, module: 2, bpf: 1, mount: 2, unshare: 1, setns: 1, memfd: 2 })]();
  }

  /** Calls that mean nothing: a map, a pipe, a firewall change. */
  const idleEvent = p => emit(p, random.pick([
    { call: 'mmap', args: [0, '1000', 5, 2], exit: 140_000_000, special: [['MMAP', 'fd=3 flags=0x2']] },
    { call: has(p)('pipe') ? 'pipe' : 'pipe2', special: [['FD_PAIR', 'fd0=3 fd1=4']] },
    { call: 'sendmsg', args: [3], exit: 56, before: [['NETFILTER_CFG', `table=?:0;?:0 family=0 entries=2 op=nft_register_gen pid=${p.pid} comm="x"`]] },
  ]));

  const context = () => (style.subj ? `subj=${style.subj} ` : '');
  const single = record => happened.push({ records: [record], reads: [], writes: [] });
  const userMessage = (p, type, text) =>
    single([type, `pid=${p.pid} uid=${p.uid} auid=${p.auid} ses=${p.ses} ${context()}msg='${text}'`, `UID="root" AUID="${p.auid === UNSET ? 'unset' : 'deploy'}"`]);
  const pam = (p, type, op) =>
    userMessage(p, type, `op=PAM:${op} grantors=pam_permit acct="deploy" exe="${p.exe}" hostname=? addr=? terminal=? res=success`);

  /** The session of `auid` begins in process `p`: from here on it works on behalf of who opened it. */
  function login(p, auid) {
    lastSession++;
    pam(p, 'USER_ACCT', 'accounting');
    pam(p, 'CRED_ACQ', 'setcred');
    const changes = `old-auid=${p.auid} auid=${auid} tty=(none) old-ses=${p.ses} ses=${lastSession} res=1`;
    const before = [['LOGIN', `pid=${p.pid} uid=${p.uid} ${context()}${changes}`, 'UID="root" OLD-AUID="unset" AUID="deploy"']];
    Object.assign(p, { auid, ses: lastSession, service: base(p.exe), daemon: false });
    emit(p, { call: 'write', args: [3, null, 4], exit: 4, before, key: null, touches: [`s${lastSession}`] });
    pam(p, 'USER_START', 'session_open');
  }

  const become = ({ uid, home: cwd }) => ({ uid, euid: uid, gid: uid, home: files.dirs.find(({ path }) => path === cwd), cwd });

  /** sshd forks, executes itself, logs somebody in, forks once more under that user, and that executes the shell. */
  function sshSession(daemon) {
    const person = random.pick(USERS);
    const monitor = fork(daemon);
    exec(monitor, { exe: daemon.exe, arch: daemon.arch, argv: [daemon.exe, '-R'], script: '', paths: [daemon.exe] }, subject(daemon));
    login(monitor, person.uid);
    const child = fork(monitor, become(person));
    emit(child, { call: 'connect', args: [4, null, 12], saddr: NETLINK, key: 'NETCONN' });
    const shell = fork(child, { tty: 'pts0' });
    const command = random.chance(0.4) ? { argv: ['bash', '-c', 'uptime'], script: '-c' } : { argv: ['-bash'], script: '' };
    exec(shell, { exe: '/usr/bin/bash', arch: 'x86_64', paths: ['/bin/bash'], ...command }, subject(child));
  }

  /** cron forks, logs the job's user in, and a child of that becomes the user and the shell at once. */
  function cronSession(daemon) {
    const job = random.pick([{ uid: 997, home: '/var/lib/app' }, { uid: 0, home: '/root' }]);
    const session = fork(daemon);
    login(session, job.uid);
    const shell = fork(session, become(job));
    exec(shell, { exe: '/usr/bin/dash', arch: 'x86_64', argv: ['/bin/sh', '-c', '/opt/app/jobs/sync.sh'], script: '-c', paths: ['/bin/sh'] }, subject(session));
  }

  const newcomer = ({ exe, ...fields }) => ({
    exe, auid: UNSET, ses: UNSET, pid: nextPid(), tty: '(none)', script: '', service: '', arch: 'x86_64', comm: base(exe).slice(0, 15), title: [exe],
    cwd: '/', home: home(), seen: false, executed: false, children: 0, parent: INIT, ...fields,
  });

  function startDaemon({ exe, argv, script = '', paths = [exe], euid, arch = 'x86_64', worker, opens }) {
    const p = newcomer({ exe, ppid: 1, uid: euid, euid, gid: euid, worker, opens, settled: true });
    p.cwd = p.home.path;
    live.add(p);
    userMessage({ pid: 1, uid: 0, auid: UNSET, ses: UNSET }, 'SERVICE_START', `unit=${base(exe)} ${SYSTEMD} hostname=? addr=? terminal=? res=success`);
    exec(p, { exe, argv, script, paths, arch }, unknownSubject(p), { daemon: true });
    if (worker === undefined) return;
    for (let n = 0; n < WORKERS; n++) {
      const child = fork(p, { uid: worker, euid: worker, gid: worker, settled: true });
      emit(child, { call: 'connect', args: [4, null, 12], saddr: NETLINK, key: 'NETCONN' });
    }
  }

  /** A process that the log never introduced; all that can be said of it is that it is there. */
  function stranger() {
    const person = random.pick([{ auid: UNSET, ses: UNSET }, { auid: NOBODY_KNOWS, ses: 77_777 }]);
    const exe = random.pick(['/usr/bin/bash', '/usr/bin/python3.11', '/opt/unknown/daemon']);
    const p = newcomer({ ...person, exe, ppid: random.between(300, 900), uid: NOBODY_KNOWS, euid: NOBODY_KNOWS, gid: NOBODY_KNOWS });
    live.add(p);
    act(p);
  }

  const programFor = (p, mayRaise = false) => {
    const unknown = p.euid === NOBODY_KNOWS;
    return anyProgram(random, p.cwd, { terminal: p.tty !== '(none)', unknown, mayRaise: mayRaise && !unknown });
  };

  function spawn(p) {
    const child = fork(p, { home: random.chance(0.5) ? p.home : home() });
    if (random.chance(0.4)) child.cwd = random.chance(0.5) ? child.home.path : home().path;
    if (random.chance(0.15)) return fileEvent(child); // a fork that executes nothing
    if (random.chance(0.1)) failedExec(child);
    exec(child, programFor(child, p.euid >= 1000), subject(p));
  }

  /** Another program in the same process; not in one whose children may still be what it was. */
  function replace(p) {
    if (p.children > 0 || p.daemon || !p.seen) return fileEvent(p);
    exec(p, programFor(p));
  }

  function leave(p) {
    // a child that executed nothing yet is what its parent is: the parent stays as long
    if (p.settled || [...live].some(other => other.parent === p && !other.executed)) return;
    if (p.ses !== UNSET && random.chance(0.3)) pam(p, 'USER_END', 'session_close');
    exit(p);
  }

  function act(p) {
    const full = live.size > MOST_PROCESSES;
    const kind = random.weighted({
      fileEvent: 50, socketEvent: 18, rareEvent: 2, idleEvent: 3, failedExec: p.daemon ? 0 : 2, spawn: full ? 0 : 9, replace: 2, leave: full ? 20 : 8,
    });
    ({ fileEvent, socketEvent, rareEvent, idleEvent, failedExec, spawn, replace, leave })[kind](p);
  }

  /** Messages of programs, and single records of the kernel, that are no behaviour. */
  function message() {
    const p = random.pick([...live]);
    if (random.chance(0.6)) return userMessage(p, random.pick(MESSAGES), random.pick(NESTED));
    const who = `auid=${p.auid} uid=0 gid=0 ses=${p.ses} pid=${p.pid} comm="x" exe="/tmp/evil"`;
    single(random.pick([
      ['ANOM_ABEND', `${who} sig=11 res=1`],
      ['SECCOMP', `${who} sig=0 arch=c000003e syscall=59 compat=0 ip=0x7f code=0x7ffc0000`],
      ['TTY', `tty pid=${p.pid} uid=0 auid=${p.auid} ses=${p.ses} major=136 minor=1 comm="bash" data=69640D`],
      ['UNKNOWN[1420]', 'subj_selinux=u:r:t:s0 subj_apparmor=unconfined'],
      ['BPF', 'prog-id=45 op=UNLOAD'],
      ['MAC_POLICY_LOAD', 'policy loaded auid=4294967295 ses=4294967295'],
    ]));
  }

  function restart() {
    const old = random.pick([...live].filter(p => p.daemon && p.parent === INIT && p.opens === undefined && p.settled));
    const spec = DAEMONS.find(({ exe }) => exe === old?.exe);
    if (!spec) return;
    for (const p of live) if (p.parent === old && p.daemon) exit(p);
    exit(old);
    startDaemon(spec);
  }

  function open() {
    const daemon = random.pick([...live].filter(({ opens }) => opens));
    (daemon.opens === 'ssh' ? sshSession : cronSession)(daemon);
  }

  function something() {
    if (live.size === 0) DAEMONS.forEach(startDaemon);
    const kind = random.weighted({ act: 100, open: live.size > MOST_PROCESSES ? 0 : 4, stranger: live.size > MOST_PROCESSES ? 0 : 1, message: 6, restart: 0.1 });
    ({ act: () => act(random.pick([...live])), open, stranger, message, restart })[kind]();
  }

  return {
    step(now) {
      style = now;
      happened = [];
      something();
      return happened;
    },
  };
}
