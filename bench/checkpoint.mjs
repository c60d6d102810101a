// What keeping the state costs, by the number of edges that are known: node bench/checkpoint.mjs [RECORDING]
//
// For each size a log with so many distinct edges is replayed without a state, with one, and once more with nothing new to read: what the
// last takes is the start of the program, reading the state and writing it. With a recording (plain or .gz): a replay that keeps its state.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const main = resolve(import.meta.dirname, '../dist/main.js');
const dir = mkdtempSync(join(tmpdir(), 'fullmon-bench-'));
const ROUNDS = 3;

/** CPU seconds and peak memory (MiB) of one run, the best of some. */
const measure = (before, ...args) => {
  const runs = Array.from({ length: ROUNDS }, () => {
    before();
    const { stderr, status } = spawnSync('/usr/bin/time', ['-f', '%U %S %M', main, 'replay', ...args], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
    if (status !== 0) throw new Error(stderr);
    const [user, system, memory] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
    return { cpu: user + system, memory: memory / 1024 };
  });
  return runs.toSorted((a, b) => a.cpu - b.cpu)[0];
};

const syllables = ['ba', 'de', 'ki', 'lo', 'mu', 'na', 'pe', 'ri', 'so', 'tu'];
/** A name that reads as a word, so that it is learned as itself. */
const word = (n) => String(n).split('').map((digit) => syllables[Number(digit)]).join('');

const logOf = (edges) => {
  const lines = [];
  for (let n = 0; n < edges; n++) {
    const stamp = `audit(${1_700_000_000 + Math.floor(n / 1000)}.${String(n % 1000).padStart(3, '0')}:${n + 1})`;
    const subject = word(Math.floor(n / 100));
    lines.push(
      `type=SYSCALL msg=${stamp}: arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=1 a2=241 a3=1b6 items=1 ppid=1 pid=${1000 + Math.floor(n / 100)} auid=4294967295 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=4294967295 comm="x" exe="/usr/sbin/${subject}" key=(null)`,
      `type=CWD msg=${stamp}: cwd="/"`,
      `type=PATH msg=${stamp}: item=0 name="/srv/${subject}/${word(n % 100)}" inode=${n} dev=fe:00 mode=0100644 ouid=33 ogid=33 rdev=00:00 nametype=CREATE`,
      `type=PROCTITLE msg=${stamp}: proctitle="x"`,
    );
  }
  return `${lines.join('\n')}\n`;
};

const nothing = () => undefined;
const [log, state] = [join(dir, 'audit.log'), join(dir, 'state')];
const reset = () => rmSync(state, { recursive: true, force: true });
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

try {
  row('edges', 'state, MiB', 'replay, CPU s', 'with its state', 'read and write it', 'peak, MiB', 'with its state');
  row('---', '---', '---', '---', '---', '---', '---');
  const start = measure(nothing, '/dev/null').cpu;
  for (const edges of [1000, 10_000, 100_000]) {
    writeFileSync(log, logOf(edges));
    const without = measure(nothing, log);
    const kept = measure(reset, log, '--state', state);
    const again = measure(nothing, log, '--state', state);
    row(edges, (statSync(join(state, 'state')).size / 2 ** 20).toFixed(2), without.cpu.toFixed(2), kept.cpu.toFixed(2), (again.cpu - start).toFixed(2), without.memory.toFixed(0), kept.memory.toFixed(0));
  }
  const [, , recording] = process.argv;
  if (recording !== undefined) {
    const without = measure(nothing, recording);
    const kept = measure(reset, recording, '--state', state);
    console.log(`\n${recording}: ${without.cpu.toFixed(2)} CPU s, ${kept.cpu.toFixed(2)} with its state (${((kept.cpu / without.cpu - 1) * 100).toFixed(0)} % more)`);
  }
} finally {
  rmSync(dir, { recursive: true });
}
