#!/usr/bin/env node
// Floods fullmon with millions of distinct names, pids, programs, users, addresses, ports or sessions, harmless or grave, with an attack in the
// middle (or afterwards, when the flood comes while it learns). Prints what memory that took and what was told; fails when the attack was not
// found, when the flood was told more than once or, while monitoring, not at all, when too much was told, or when it took more than 300 MiB.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const MOST = 300; // MiB
const MOST_TOLD = 20_000; // edges
const START = 1_700_000_000_000; // ms
const LEARNING = 60; // s
const FLOODING = 40; // s, within one cycle
const BLOCK = 1 << 18;
const UNSET = 4294967295;

/** A number that looks like chance. */
const mixed = n => (Math.imul(n ^ 0x5bd1e995, 0x9e3779b1) >>> 0).toString(36) + (Math.imul(n ^ (n >>> 7), 0x85ebca6b) >>> 0).toString(36);
const letters = n => mixed(n).replace(/\d/g, digit => 'ghijklmnop'[digit]);
const hex = text => (/^[!#-~]*$/.test(text) ? `"${text}"` : Buffer.from(text, 'latin1').toString('hex').toUpperCase());
const address = n => `020001BB${(n >>> 0).toString(16).padStart(8, '0')}0000000000000000`.toUpperCase();

const port = n => `0200${(1 + (n % 32_767)).toString(16).padStart(4, '0')}7F${Math.floor(n / 32_767).toString(16).padStart(6, '0')}0000000000000000`.toUpperCase();

const call = (nr, { pid, ppid = 1, exe, euid = 33, login = UNSET, ses = UNSET, args = '0 0 0 0' }, ...records) => {
  const [a0, a1, a2, a3] = args.split(' ');
  return [
    ['SYSCALL', `arch=c000003e syscall=${nr} success=yes exit=0 a0=${a0} a1=${a1} a2=${a2} a3=${a3} items=1 ppid=${ppid} pid=${pid} auid=${login} uid=${euid} gid=33 euid=${euid} suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=${ses} comm="x" exe="${exe}" key=(null)`],
    ...records, ['PROCTITLE', 'proctitle="x"'],
  ];
};
const open = (by, path, flags, type, mode = '0100644') => call(257, { ...by, args: `ffffff9c 0 ${flags} 1b6` }, ['CWD', 'cwd="/"'], ['PATH', `item=0 name=${hex(path)} inode=5 dev=fe:00 mode=${mode} ouid=0 ogid=0 rdev=00:00 nametype=${type}`]);
const create = (by, path, mode) => open(by, path, '241', 'CREATE', mode);
const read = (by, path) => open(by, path, '0', 'NORMAL');
const connect = (by, saddr) => call(42, by, ['SOCKADDR', `saddr=${saddr}`]);
const exec = (by, ...argv) => call(59, by, ['EXECVE', `argc=${argv.length} ${argv.map((arg, i) => `a${i}="${arg}"`).join(' ')}`], ['CWD', 'cwd="/"']);

const listen = (by, saddr) => call(49, by, ['SOCKADDR', `saddr=${saddr}`]);
const login = ({ pid, login, ses }) => [...call(1, { pid, ppid: 700, exe: '/usr/sbin/sshd', euid: 0, login, ses }).slice(0, 1), ['LOGIN', `pid=${pid} uid=0 old-auid=${UNSET} auid=${login} tty=(none) old-ses=${UNSET} ses=${ses} res=1`], ['PROCTITLE', 'proctitle="x"']];

const WEB = { pid: 500, exe: '/usr/sbin/nginx' };
/** Every other one, all the way round; the odd ones are the attacker's. */
const pidOf = n => 1000 + ((2 * n) % 4_190_000);

/** What the n-th event of a flood is. */
const FLOODS = {
  names: n => create(WEB, `/srv/data/${letters(n)}`),
  counter: n => create(WEB, `/srv/data/${n}`),
  words: n => create(WEB, `/srv/data/${letters(n).replace(/(.)/g, '$1-').slice(0, 3 + (n % 20))}${letters(n)}`),
  directories: n => create(WEB, `/srv/data/${letters(n)}/${letters(n * 7)}`),
  long: n => create(WEB, `/srv/${letters(n)}${'/\xe9\xff'.repeat(20)}${'\xe9'.repeat(3900)}`),
  pids: n => create({ ...WEB, pid: pidOf(n), exe: '/usr/bin/worker' }, `/srv/data/${letters(n)}`),
  orphans: n => create({ pid: pidOf(n), ppid: pidOf(n * 31), exe: `/opt/${letters(n)}` }, `/srv/data/${letters(n)}`),
  programs: n => exec({ pid: pidOf(n), ppid: 500, exe: `/opt/${letters(n)}` }, 'x'),
  grave: n => exec({ pid: pidOf(n), ppid: 500, exe: `/tmp/${letters(n)}` }, 'x'),
  chains: n => exec({ pid: pidOf(n), ppid: pidOf(n - 1), exe: `/opt/${letters(n)}` }, 'x'),
  big: n => exec({ pid: pidOf(n), ppid: n % 10 === 0 ? 500 : pidOf(n - 1), exe: `/opt/${letters(n)}${'/x'.repeat(2000)}` }, 'y'.repeat(1500)),
  users: n => create({ pid: 600, exe: '/usr/sbin/smbd', euid: n }, '/srv/data/x'),
  addresses: n => connect(WEB, address(n * 2654435761)),
  ports: n => listen(WEB, port(n)),
  sessions: n => (n % 2 === 0 ? login : by => create({ ...by, ppid: 700, exe: '/usr/sbin/sshd' }, `/home/${letters(n)}`))({ pid: pidOf(n >> 1), login: 1000 + (n >> 1), ses: 1 + (n >> 1) }),
  webshells: n => create(WEB, `/srv/www/${letters(n)}.php`),
  secrets: n => read(WEB, `/home/${letters(n)}/.ssh/id_ed25519`),
  rights: n => create(WEB, `/tmp/${letters(n)}`, '0104755'),
  breakins: n => exec({ pid: pidOf(n), exe: `/tmp/${letters(n)}` }, 'x'),
  // Each without its end, so that it is open for as long as may be.
  unfinished: n => create(WEB, `/srv/data/${letters(n)}`).slice(0, -1),
};

const shell = pid => ({ pid, ppid: 500, exe: '/usr/bin/dash' });
const ATTACK = [
  [pid => exec(shell(pid), 'sh', '-c', 'id'), 'proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx'],
  [pid => connect(shell(pid), address(0xcb007142)), 'proc::33:/usr/bin/dash -c@nginx->host:203.0.113.66:443'],
  [pid => create(shell(pid), '/root/.ssh/authorized_keys'), 'proc::33:/usr/bin/dash -c@nginx->file:CREATE:/root/.ssh/authorized_keys'],
  [() => create(WEB, '/srv/data/shell.php'), 'proc::33:/usr/sbin/nginx->file:CREATE:/srv/data/shell.php'],
];

/** The whole log in blocks. */
const write = function* (shape, events, during) {
  let block = '';
  let serial = 100;
  const event = (time, records) => {
    serial++;
    for (const [type, body] of records) block += `type=${type} msg=audit(${Math.floor(time / 1000)}.${String(Math.floor(time) % 1000).padStart(3, '0')}:${serial}): ${body}\n`;
  };
  const attack = (time, n) => ATTACK.forEach(([records], i) => event(time + i, records(pidOf(n) + 1)));
  event(START, create(WEB, '/srv/a'));
  const from = START + (during === 'learning' ? 10 : LEARNING + 5) * 1000;
  for (let n = 1; n <= events; n++) {
    event(from + (n / events) * FLOODING * 1000, FLOODS[shape](n));
    if (during === 'monitoring' && n === Math.floor(events * 0.4)) attack(from + (n / events) * FLOODING * 1000, n);
    // A daemon that works is heard of now and then.
    if (n % 1000 === 0) event(from + (n / events) * FLOODING * 1000, create(WEB, '/srv/a'));
    if (block.length < BLOCK) continue;
    yield block;
    block = '';
  }
  const after = START + (LEARNING + 70) * 1000;
  if (during === 'learning') attack(after, events);
  event(after + 1000, create(WEB, '/srv/a'));
  yield block;
};

const peakOf = pid => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** Runs one flood through the program: peak in MiB, findings, edges told and which of the attack's are missing. */
export async function flood(shape, { events, during, flags = [] }) {
  const child = spawn(MAIN, ['replay', '-', '--baseline', `${LEARNING}`, '--monitor', '60', '--format', 'json', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  child.stdin.on('error', () => undefined);
  const told = new Set();
  const findings = [];
  let [edges, incidents, peak] = [0, 0, 0];
  const wanted = new Set(ATTACK.map(([, edge]) => edge));
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const { type, msg, kind, state } = JSON.parse(line);
      if (type === 'edge') {
        edges++;
        if (wanted.has(msg)) told.add(msg);
      } else if (type === 'finding') findings.push(`${kind}: ${msg}`);
      else if (type === 'incident' && state === 'opened') incidents++;
    }
  })();
  const timer = setInterval(() => (peak = Math.max(peak, peakOf(child.pid))), 100);
  child.once('exit', () => clearInterval(timer));
  const began = performance.now();
  for (const block of write(shape, events, during)) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (!child.stdin.write(block, 'latin1')) await Promise.race([once(child.stdin, 'drain'), exited]);
  }
  child.stdin.end();
  await exited;
  await reading;
  return { status: child.exitCode ?? child.signalCode, seconds: (performance.now() - began) / 1000, peak, edges, incidents, findings, missing: [...wanted].filter(edge => !told.has(edge)) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { events: { type: 'string', default: '4000000' }, during: { type: 'string' }, rebase: { type: 'boolean' } } });
  const unknown = positionals.find(shape => !(shape in FLOODS));
  if (unknown !== undefined) {
    console.error(`usage: flood.mjs [--events N] [--during learning|monitoring] [--rebase] [${Object.keys(FLOODS).join('|')}]...`);
    process.exit(2);
  }
  for (const shape of positionals.length > 0 ? positionals : Object.keys(FLOODS)) {
    for (const during of values.during ? [values.during] : ['learning', 'monitoring']) {
      const { status, seconds, peak, edges, incidents, findings, missing } = await flood(shape, { events: Number(values.events), during, flags: values.rebase ? ['--rebase'] : [] });
      const floods = findings.filter(text => text.startsWith('flood: '));
      // Each other bound is told for itself: its words begin in another way.
      const budgets = floods.filter(text => text.startsWith('flood: more than '));
      const twice = floods.map(text => text.slice(0, 30)).filter((text, i, all) => all.indexOf(text) < i);
      const trouble = [
        ...(status === 0 ? [] : [`ended with ${status}`]), ...(peak > MOST ? [`more than ${MOST} MiB`] : []), ...(edges > MOST_TOLD ? [`more than ${MOST_TOLD} edges`] : []), ...missing.map(edge => `not told: ${edge}`),
        ...(during === 'monitoring' && budgets.length === 0 ? ['no flood was told'] : []), ...twice.map(text => `told twice: ${text}`), ...(budgets.length > 1 ? ['told more than once'] : []),
      ];
      console.log(`${shape} while ${during}: ${peak.toFixed(0)} MiB, ${seconds.toFixed(0)} s, ${edges} edges, ${incidents} incidents, ${ATTACK.length - missing.length} of ${ATTACK.length} of the attack, ${budgets.length} flood${budgets.length === 1 ? '' : 's'}, ${floods.length - budgets.length} other bounds${trouble.map(text => `\n  ${text}`).join('')}${findings.slice(0, 6).map(text => `\n  ${text.slice(0, 400)}`).join('')}`);
      if (trouble.length > 0) process.exitCode = 1;
    }
  }
}
