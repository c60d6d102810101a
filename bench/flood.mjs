#!/usr/bin/env node
// Floods fullmon with millions of distinct names, pids, programs or addresses, with an attack in the middle. Prints what memory that took
// and what was told; fails when the attack was not found, when no flood was told or several were, or when it took more than 300 MiB.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const MOST = 300; // MiB
const START = 1_700_000_000_000; // ms
const LEARNING = 60; // s
const FLOODING = 40; // s, within one cycle
const BLOCK = 1 << 18;
const UNSET = 4294967295;

/** A number that looks like chance. */
const mixed = n => (Math.imul(n ^ 0x5bd1e995, 0x9e3779b1) >>> 0).toString(36) + (Math.imul(n ^ (n >>> 7), 0x85ebca6b) >>> 0).toString(36);
const letters = n => mixed(n).replace(/\d/g, digit => 'ghijklmnop'[digit]);
const address = n => `020001BB${(n >>> 0).toString(16).padStart(8, '0')}0000000000000000`.toUpperCase();

const call = (nr, { pid, ppid = 1, exe, euid = 33, args = '0 0 0 0' }, ...records) => {
  const [a0, a1, a2, a3] = args.split(' ');
  return [
    ['SYSCALL', `arch=c000003e syscall=${nr} success=yes exit=0 a0=${a0} a1=${a1} a2=${a2} a3=${a3} items=1 ppid=${ppid} pid=${pid} auid=${UNSET} uid=${euid} gid=33 euid=${euid} suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=${UNSET} comm="x" exe="${exe}" key=(null)`],
    ...records, ['PROCTITLE', 'proctitle="x"'],
  ];
};
const create = (by, path) => call(257, { ...by, args: 'ffffff9c 0 241 1b6' }, ['CWD', 'cwd="/"'], ['PATH', `item=0 name=${/^[!#-~]*$/.test(path) ? `"${path}"` : Buffer.from(path, 'latin1').toString('hex').toUpperCase()} inode=5 dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE`]);
const connect = (by, saddr) => call(42, by, ['SOCKADDR', `saddr=${saddr}`]);
const exec = (by, ...argv) => call(59, by, ['EXECVE', `argc=${argv.length} ${argv.map((arg, i) => `a${i}="${arg}"`).join(' ')}`], ['CWD', 'cwd="/"']);

const WEB = { pid: 500, exe: '/usr/sbin/nginx' };
const pidOf = n => 1000 + (n % 4_000_000);

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
  users: n => create({ ...WEB, euid: n }, '/srv/data/x'),
  addresses: n => connect(WEB, address(n * 2654435761)),
};

const SHELL = { pid: 501, ppid: 500, exe: '/usr/bin/dash' };
const ATTACK = [
  [exec(SHELL, 'sh', '-c', 'id'), 'proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx'],
  [connect(SHELL, address(0xcb007142)), 'proc::33:/usr/bin/dash -c@nginx->host:203.0.113.66:443'],
  [create(SHELL, '/root/.ssh/authorized_keys'), 'proc::33:/usr/bin/dash -c@nginx->file:CREATE:/root/.ssh/authorized_keys'],
  [create(WEB, '/srv/data/shell.php'), 'proc::33:/usr/sbin/nginx->file:CREATE:/srv/data/shell.php'],
];

/** The whole log in blocks. */
const write = function* (shape, events, during) {
  let block = '';
  let serial = 100;
  const event = (time, records) => {
    serial++;
    for (const [type, body] of records) block += `type=${type} msg=audit(${Math.floor(time / 1000)}.${String(Math.floor(time) % 1000).padStart(3, '0')}:${serial}): ${body}\n`;
  };
  const attack = time => ATTACK.forEach(([records], i) => event(time + i, records));
  event(START, create(WEB, '/srv/a'));
  const from = START + (during === 'learning' ? 10 : LEARNING + 5) * 1000;
  for (let n = 1; n <= events; n++) {
    event(from + (n / events) * FLOODING * 1000, FLOODS[shape](n));
    if (during === 'monitoring' && n === Math.floor(events / 2)) attack(from + (n / events) * FLOODING * 1000);
    // A daemon that works is heard of now and then.
    if (n % 1000 === 0) event(from + (n / events) * FLOODING * 1000, create(WEB, '/srv/a'));
    if (block.length < BLOCK) continue;
    yield block;
    block = '';
  }
  const after = START + (LEARNING + 70) * 1000;
  if (during === 'learning') attack(after);
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
      const trouble = [
        ...(status === 0 ? [] : [`ended with ${status}`]), ...(peak > MOST ? [`more than ${MOST} MiB`] : []), ...missing.map(edge => `not told: ${edge}`),
      ];
      console.log(`${shape} while ${during}: ${peak.toFixed(0)} MiB, ${seconds.toFixed(0)} s, ${edges} edges, ${incidents} incidents, ${floods.length} floods${trouble.map(text => `\n  ${text}`).join('')}${findings.slice(0, 6).map(text => `\n  ${text.slice(0, 400)}`).join('')}`);
      if (trouble.length > 0) process.exitCode = 1;
    }
  }
}
