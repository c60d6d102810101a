#!/usr/bin/env -S node --max-semi-space-size=2 --heap-growing-percent=10
// Sends millions of damaged lines through fullmon: mutants of the fixtures, and of the logs below FULLMON_CORPORA. Fails on an exception, on
// a line that costs more than a thousand times the median, on a report that drives a terminal, and when memory grows.
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const MOST = 1000; // times the median
const GROWTH = 1.2; // of the memory, from the third tenth on

const { values } = parseArgs({ options: { lines: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' }, baseline: { type: 'string', default: '0' }, monitor: { type: 'string', default: '0' }, rebase: { type: 'boolean', default: false } } });

const scratch = mkdtempSync(join(tmpdir(), 'fullmon-mutate-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const load = async name => {
  const file = join(scratch, `${name}.mjs`);
  const bundle = await rolldown({ input: fileURLToPath(new URL(`${name}.ts`, import.meta.url)), platform: 'node', logLevel: 'silent' });
  await bundle.write({ file, format: 'esm' });
  return import(pathToFileURL(file).href);
};
const { linesOf } = await load('mutations');
const { runGauntlet } = await load('gauntlet');

const lines = linesOf(fileURLToPath(new URL('../../fixtures', import.meta.url)), process.env.FULLMON_CORPORA ?? '');
const settings = { baseline: Number(values.baseline), monitor: Number(values.monitor), rebase: values.rebase, ignored: () => false };
const began = performance.now();
const { median, worst, dirty, memory, told } = runGauntlet(lines, Number(values.lines), Number(values.seed), settings);
console.log(`${values.lines} mutants of ${lines.length} lines, seed ${values.seed}, ${Math.round((performance.now() - began) / 1000)} s: ${told} lines told`);
console.log(`a line costs ${(median / 1000).toFixed(2)} us, the dearest ${worst.map(({ cost }) => Math.round(cost / median)).join(', ')} times that`);
console.log(`memory ${memory.join(', ')} MiB`);
const dear = values.monitor === '0' ? worst.filter(({ cost }) => cost > MOST * median) : []; // elsewhere a line may close a whole cycle
for (const { cost, line } of dear) console.log(`  ${Math.round(cost / median)} times: ${JSON.stringify(line)}`);
for (const text of dirty) console.log(`  not fit for a terminal: ${JSON.stringify(text)}`);
const grown = memory.at(-1) > GROWTH * memory[3];
if (grown) console.log('  memory grows');
if (dear.length + dirty.length > 0 || grown) process.exitCode = 1;
