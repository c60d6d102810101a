// What keeping the state costs, by the number of edges that are known: node bench/checkpoint.mjs RECORDING[.gz]
//
// So many edges are learned, and after them the first hour of the recording; what is left of it is watched in cycles of a minute. It is replayed
// without a state and with one, in turn; with one the state is saved as often as cycles and their cost allow. Then once more inside of this process, to see for how long
// each save keeps the log waiting.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const ROOT = resolve(import.meta.dirname, '..');
const main = join(ROOT, 'dist/main.js');
const ROUNDS = Number(process.env.ROUNDS ?? 7);
const [, , recording] = process.argv;
if (recording === undefined) {
  process.stderr.write('usage: checkpoint.mjs RECORDING[.gz]\n');
  process.exit(2);
}
const dir = mkdtempSync(join(tmpdir(), 'fullmon-bench-'));
const [log, state] = [join(dir, 'audit.log'), join(dir, 'state')];

const syllables = ['ba', 'de', 'ki', 'lo', 'mu', 'na', 'pe', 'ri', 'so', 'tu'];
/** A name that reads as a word, so that it is learned as itself. */
const word = (n) => String(n).split('').map((digit) => syllables[Number(digit)]).join('');

/** Seconds before the recording in which the edges are learned. */
const BEFORE = 200;
const logOf = (edges, first) => {
  const lines = [];
  for (let n = 0; n < edges; n++) {
    const stamp = `audit(${first - BEFORE + Math.floor(n / 1000)}.${String(n % 1000).padStart(3, '0')}:${n + 1})`;
    const subject = word(Math.floor(n / 100));
    lines.push(
      `type=SYSCALL msg=${stamp}: arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=1 a2=241 a3=1b6 items=1 ppid=1 pid=${1000 + Math.floor(n / 100)} auid=4294967295 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=4294967295 comm="x" exe="/usr/sbin/${subject}" key=(null)`,
      `type=CWD msg=${stamp}: cwd="/"`,
      `type=PATH msg=${stamp}: item=0 name="/srv/${subject}/${word(n % 100)}" inode=${n} dev=fe:00 mode=0100644 ouid=33 ogid=33 rdev=00:00 nametype=CREATE`,
      `type=PROCTITLE msg=${stamp}: proctitle="x"`,
    );
  }
  return Buffer.from(`${lines.join('\n')}\n`);
};

const FLAGS = ['--baseline', String(3600 + BEFORE), '--monitor', '60', '--max-edges', '1000000', '--format', 'json'];
/** CPU seconds and peak memory (MiB) of one replay. */
const measure = (...args) => {
  rmSync(state, { recursive: true, force: true });
  const { stderr, status } = spawnSync('/usr/bin/time', ['-f', '%U %S %M', main, 'replay', log, ...FLAGS, ...args], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(stderr);
  const [user, system, memory] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { cpu: user + system, memory: memory / 1024 };
};
/** What disturbs a replay only ever makes it longer. */
const least = (runs) => Math.min(...runs.map(({ cpu }) => cpu));
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** The parts that save, in this process. */
const load = async () => {
  const bundle = await rolldown({ input: join(import.meta.dirname, 'kept.ts'), platform: 'node' });
  await bundle.write({ file: join(dir, 'kept.mjs'), format: 'esm' });
  return (await import(join(dir, 'kept.mjs'))).pauses;
};

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

try {
  const pauses = await load();
  const bytes = readFileSync(recording);
  const work = recording.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const first = Math.floor(Number(/audit\((\d+)/.exec(work.toString('latin1', 0, 1000))?.[1]));
  row('edges', 'state, MiB', 'saves', 'a change, KiB', 'replay, CPU s', 'with its state', 'more: least, median', 'a change, ms', 'its CPU, ms', 'the longest, ms', 'the whole state, ms', 'peak, MiB', 'with its state');
  row(...Array.from({ length: 13 }, () => '---'));
  for (const edges of [1000, 10_000, 100_000]) {
    writeFileSync(log, Buffer.concat([logOf(edges, first), work]));
    const [without, kept] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      without.push(measure());
      kept.push(measure('--state', state));
    }
    const more = [least(kept) / least(without) - 1, median(kept.map(({ cpu }, i) => cpu / without[i].cpu - 1))].map((part) => `${(part * 100).toFixed(0)} %`).join(', ');
    rmSync(state, { recursive: true, force: true });
    const all = pauses(log, state, 3600 + BEFORE);
    const changes = all.filter(({ whole }) => !whole);
    const [ms, sizes] = [changes.map(({ ms: time }) => time), changes.map(({ size }) => size)];
    const whole = all.findLast((save) => save.whole && save.size > 0);
    row(
      edges, (whole.size / 2 ** 20).toFixed(2), all.length, (median(sizes) / 1024).toFixed(0), least(without).toFixed(2), least(kept).toFixed(2),
      more, median(ms).toFixed(2), median(changes.map(({ cpu }) => cpu)).toFixed(2), Math.max(...ms).toFixed(0), whole.ms.toFixed(0), Math.max(...without.map(({ memory }) => memory)).toFixed(0), Math.max(...kept.map(({ memory }) => memory)).toFixed(0),
    );
  }
} finally {
  rmSync(dir, { recursive: true });
}
