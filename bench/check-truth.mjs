#!/usr/bin/env node
// Replays a generated log through fullmon, without any learning and with every edge told, and compares the edges that it tells with the truth.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { NOBODY_KNOWS } from './generator/grammar.mjs';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SHOWN = 20; // lines of each kind of difference
const isOpen = edge => new RegExp(`^proc:[^:]*:(\\d+/)?${NOBODY_KNOWS}:`).test(edge);

/**
 * The edges that fullmon tells of `log`, as a Map edge -> count, without those whose truth nobody knows.
 * An edge that comes again in a later window of `monitor` seconds may be folded into its incident: counts are exact in one long window only.
 */
export async function toldEdges(log, monitor) {
  const args = [MAIN, 'replay', log, '--baseline', '0', '--monitor', `${monitor}`, '--flood', '0', '--format', 'json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise(resolve => child.once('close', resolve));
  const told = new Map();
  for await (const line of createInterface({ input: child.stdout })) {
    const { type, msg, count } = JSON.parse(line);
    if (type === 'edge' && !isOpen(msg)) told.set(msg, (told.get(msg) ?? 0) + count);
  }
  const status = await ended;
  if (status !== 0) throw new Error(`fullmon replay ended with ${status}`);
  return told;
}

/** What is missing in `told`, what is too much, and the edges whose counts differ. Both are Maps edge -> count. */
export const compare = (truth, told) => ({
  missing: [...truth.keys()].filter(edge => !told.has(edge)),
  surplus: [...told.keys()].filter(edge => !truth.has(edge)),
  miscounted: [...truth.keys()].filter(edge => told.has(edge) && told.get(edge) !== truth.get(edge)),
});

/** The truth that generate.mjs wrote, as a Map edge -> count. */
export const readTruth = file =>
  new Map(readFileSync(file, 'latin1').split('\n').filter(Boolean).map(line => [line.slice(line.indexOf('\t') + 1), Number.parseInt(line, 10)]));

/** The comparison in one sentence. */
export function verdict(truth, { missing, surplus, miscounted }) {
  const set = missing.length + surplus.length === 0 ? 'all found, none invented' : `${missing.length} missing, ${surplus.length} invented`;
  const counts = miscounted.length === 0 ? 'every count right' : `${miscounted.length} counts differ (in several windows, a repeated edge is folded into its incident)`;
  return `${truth.size} distinct edges: ${set}; ${counts}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { monitor: { type: 'string', default: '60' } } });
  const [log, truthFile] = positionals;
  if (!truthFile) {
    console.error('usage: check-truth.mjs [--monitor S] LOG TRUTH');
    process.exit(2);
  }
  const truth = readTruth(truthFile);
  const told = await toldEdges(log, Number(values.monitor));
  const difference = compare(truth, told);
  const show = (edges, line) => edges.slice(0, SHOWN).forEach(edge => console.log(line(edge)));
  show(difference.missing, edge => `- ${truth.get(edge)} ${edge}`);
  show(difference.surplus, edge => `+ ${told.get(edge)} ${edge}`);
  show(difference.miscounted, edge => `# ${truth.get(edge)}, told ${told.get(edge)}: ${edge}`);
  console.log(verdict(truth, difference));
  process.exitCode = difference.missing.length + difference.surplus.length === 0 ? 0 : 1;
}
