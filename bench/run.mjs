#!/usr/bin/env node
// Measures a whole replay (parse, learn, detect) beside the tools that read the same log, and whether it is right.
// Prints one page; --write makes it bench/README.md.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare, toldEdges, verdict } from './check-truth.mjs';
import { generate } from './generate.mjs';
import { repeatLog } from './repeat-log.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SHORT = 400_000; // records
const LONG = 4_000_000;
const EVENTS = 100_000;
const INTERLEAVE = 0.3;
const ONE_WINDOW = 86_400; // seconds, longer than the generated log
const LAUREL_CONFIG = '/etc/laurel/config.toml';
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean' }, rounds: { type: 'string', default: '5' }, data: { type: 'string' } },
});
const [recording] = positionals;
if (recording === undefined) {
  console.error('usage: run.mjs RECORDING[.gz] [--write] [--rounds 5] [--data DIR]');
  process.exit(2);
}

const say = text => process.stderr.write(`${text}\n`);

/** First number with a dot in what a program says about itself; undefined when it is not there. */
function version(program) {
  const { error, stdout, stderr } = spawnSync(program, ['--version'], { env, encoding: 'utf8' });
  return error ? undefined : (/\d+\.[\d.]+/.exec(stdout + stderr)?.[0] ?? '');
}

/** Runs a command to its end: { cpu } in seconds of user and system time, children included, { peak } in MiB. */
function measure({ command, input }, scratch) {
  const report = join(scratch, 'time');
  const stdin = openSync(input ?? '/dev/null', 'r');
  const { status, error } = spawnSync('time', ['-f', '%U %S %M', '-o', report, ...command], { env, stdio: [stdin, 'ignore', 'ignore'] });
  closeSync(stdin);
  if (error || status !== 0) throw new Error(`${command.join(' ')} failed (${error?.message ?? status})`);
  const [user, system, peak] = readFileSync(report, 'utf8').trim().split(/\s+/).map(Number);
  return { cpu: user + system, peak: peak / 1024 };
}

const median = numbers => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
// Run as it is installed: the first line of the program tunes the engine.
const fullmon = log => ({ command: [MAIN, 'replay', log, '--baseline', '3600', '--monitor', '60', '--format', 'json'] });
const newlines = log => ({ command: [process.execPath, join(HERE, 'newlines.mjs'), log] });

/** Laurel as the package configures it, but for where it writes and as whom. */
function laurel(log, scratch) {
  const directory = join(scratch, 'laurel');
  mkdirSync(directory, { recursive: true });
  const config = readFileSync(LAUREL_CONFIG, 'utf8').replace(/^directory = .*/m, `directory = "${directory}"`).replace(/^user = .*/m, `user = "${userInfo().username}"`);
  writeFileSync(join(scratch, 'laurel.toml'), config);
  return { command: ['laurel', '-c', join(scratch, 'laurel.toml')], input: log };
}

const ausearch = log => ({ command: ['ausearch', '--format', 'csv', '-if', log] });

/** fullmon and another in turn: { name, cpu, own, ratio, low, high }, medians of the rounds, ratio = fullmon / other. */
function beside(name, log, other, scratch, rounds) {
  say(`${rounds} rounds beside ${name}`);
  const pairs = Array.from({ length: rounds }, (_, round) => {
    const runs = [() => measure(fullmon(log), scratch), () => measure(other, scratch)];
    const [first, second] = (round % 2 === 0 ? runs : runs.toReversed()).map(run => run().cpu);
    return round % 2 === 0 ? { own: first, cpu: second } : { own: second, cpu: first };
  });
  const ratios = pairs.map(({ own, cpu }) => own / cpu);
  return { name, own: median(pairs.map(({ own }) => own)), cpu: median(pairs.map(({ cpu }) => cpu)), ratio: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

async function correctness(scratch) {
  const log = join(scratch, 'generated.log');
  const { truth, events, records, interleaved } = generate({ events: EVENTS, interleave: INTERLEAVE, out: log });
  const share = Math.round((100 * interleaved) / events);
  return `${events} generated events in ${records} records, ${share} % of them interleaved with others. ${verdict(truth, compare(truth, await toldEdges(log, ONE_WINDOW)))}.`;
}

const count = number => number.toLocaleString('en-US');
const row = ({ name, records, own, cpu, ratio, low, high }) =>
  `| ${name} | ${count(records)} | ${own.toFixed(2)} | ${cpu.toFixed(2)} | **${ratio.toFixed(2)}** | ${low.toFixed(2)} to ${high.toFixed(2)} |`;

const page = ({ rows, absent, peaks, correct, rounds }) => `# How fast, how much memory, how right

Written by \`npm run bench -- RECORDING --write\` on Node ${process.versions.node}; the ratios are the result, the seconds are only this machine's.

| fullmon beside | records | fullmon, CPU s | other, CPU s | fullmon / other | in ${rounds} rounds |
|---|---|---|---|---|---|
${rows.map(row).join('\n')}
${absent.map(name => `\nNot installed here and so left out: ${name}.\n`).join('')}
| peak memory of a replay | MiB |
|---|---|
| ${count(SHORT)} records | ${peaks.short.toFixed(0)} |
| ${count(LONG)} records | ${peaks.long.toFixed(0)}, ${(peaks.long / peaks.short).toFixed(2)} times that |

Right: ${correct}

Method: a server's recording is repeated with time and serials moved on and the random parts of its file names changed, and fullmon replays all of it (\`--baseline 3600 --monitor 60 --format json\`).
It and the other tool run in turn, ${rounds} times, each as a process of its own; counted is user and system time with all start-up, and the ratio is the median of the rounds.
laurel has its packaged configuration and writes JSON to a file, ausearch writes CSV to /dev/null, and the floor is a Node program that reads the file and counts newlines.
`;

if (version('time') === undefined) throw new Error('GNU time is not installed: apt install time');
const scratch = mkdtempSync(join(tmpdir(), 'fullmon-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
if (values.data !== undefined) mkdirSync(values.data, { recursive: true });
const rounds = Number(values.rounds);
const [short, long] = [SHORT, LONG].map(records => {
  const log = join(values.data ?? scratch, `${records}.log`);
  say(`writing ${records} records`);
  repeatLog(recording, records, log);
  return log;
});
const peers = [
  { name: 'laurel', version: version('laurel'), run: laurel },
  { name: 'ausearch', version: version('ausearch'), run: ausearch },
];
const present = peers.filter(peer => peer.version !== undefined);
const rows = [
  ...present.map(peer => ({ records: SHORT, ...beside(`${peer.name} ${peer.version}`, short, peer.run(short, scratch), scratch, rounds) })),
  { records: LONG, ...beside('counting newlines in Node', long, newlines(long), scratch, rounds) },
];
const peaks = { short: measure(fullmon(short), scratch).peak, long: measure(fullmon(long), scratch).peak };
const absent = peers.filter(peer => peer.version === undefined).map(({ name }) => name);
const text = page({ rows, absent, peaks, correct: await correctness(values.data ?? scratch), rounds });
if (values.write) writeFileSync(join(HERE, 'README.md'), text);
process.stdout.write(text);
