#!/usr/bin/env -S node --expose-gc --no-flush-bytecode --single-threaded --max-semi-space-size=2 --heap-growing-percent=10
// Sends millions of damaged lines through fullmon: mutants of the fixtures, and of the logs below FULLMON_CORPORA. Fails on an exception, on a line that
// costs more than a thousand times the median, on one behind which a fullmon started again tells something else, on a report that drives a terminal, and when memory grows.
// Bytecode is kept: else who is the first to call what has not been called for long is charged for compiling it anew.
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const GROWTH = 1.2; // of the memory, from the third tenth on

const HELP = `mutate.mjs [--lines 10000000] [--seed 1] [--baseline 0] [--monitor 0] [--rebase]

A line costs the least of what it takes in two fullmons side by side and, if that is over five hundred times the median, the CPU's time in up to five more that go
on from the last checkpoint: what befalls one of them alone (a pause of the collector, a table that grows, another program's turn) is no line's cost. Printing is not counted.
A line behind which several events are over, or after which several lines are told, may cost a thousand times the median for each; one longer than auditd's longest,
by its length, and one behind which an event is over, by the longest name in that. With --monitor 0 each event is compared by itself, and no line may be dearer; elsewhere a line may close a cycle, whose work is that of what
it saw, and the dearest are only named. For its memory one more fullmon has gone through the same lines before, alone; it may grow by a fifth from the third tenth on.`;

const { values } = parseArgs({ options: { help: { type: 'boolean' }, lines: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' }, baseline: { type: 'string', default: '0' }, monitor: { type: 'string', default: '0' }, rebase: { type: 'boolean', default: false } } });
if (values.help) {
  console.log(HELP);
  process.exit();
}

const scratch = mkdtempSync(join(tmpdir(), 'fullmon-mutate-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const load = async name => {
  const file = join(scratch, `${name}.mjs`);
  const bundle = await rolldown({ input: fileURLToPath(new URL(`${name}.ts`, import.meta.url)), platform: 'node', logLevel: 'silent' });
  await bundle.write({ file, format: 'esm' });
  return import(pathToFileURL(file).href);
};
const { linesOf } = await load('mutations');
const { DEAR, memoryOf, runGauntlet } = await load('gauntlet');

const lines = linesOf(fileURLToPath(new URL('../../fixtures', import.meta.url)), process.env.FULLMON_CORPORA ?? '');
const settings = { baseline: Number(values.baseline), monitor: Number(values.monitor), rebase: values.rebase, ignored: () => false };
const memory = memoryOf(lines, Number(values.lines), Number(values.seed), settings);
console.log(`memory ${memory.join(', ')} MiB`);
const began = performance.now();
const busy = () => `${Math.round((performance.now() - began) / 1000)} s, ${Math.round(process.cpuUsage().user / 1e6)} s of CPU`;
const times = ({ worst, median }) => worst.map(({ cost }) => Math.round(cost / median));
const result = runGauntlet(lines, Number(values.lines), Number(values.seed), settings, soFar => {
  console.log(`${soFar.lines} lines, ${busy()}: ${soFar.told} lines told, the dearest ${times(soFar)[0]} times the median`);
});
const { median, worst, dirty, told } = result;
console.log(`${values.lines} mutants of ${lines.length} lines, seed ${values.seed}, ${busy()}: ${told} lines told`);
console.log(`a line costs ${(median / 1000).toFixed(2)} us, the dearest ${times(result).join(', ')} times that`);
const dear = values.monitor === '0' ? worst.filter(({ cost }) => cost > DEAR * median) : [];
for (const { cost, n, line } of dear) console.log(`  ${Math.round(cost / median)} times, line ${n}: ${JSON.stringify(line)}`);
for (const text of dirty) console.log(`  not fit for a terminal: ${JSON.stringify(text)}`);
const grown = memory.at(-1) > GROWTH * memory[2];
if (grown) console.log('  memory grows');
if (dear.length + dirty.length > 0 || grown) process.exitCode = 1;
