import { Writable } from 'node:stream';
import { noLosses } from '../../src/audit/losses.ts';
import { reassemble } from '../../src/audit/reassembler.ts';
import { watchSerials } from '../../src/audit/serials.ts';
import { createFullmon } from '../../src/fullmon.ts';
import type { Fullmon, Settings } from '../../src/fullmon.ts';
import type { Line } from '../../src/detect/line.ts';
import { jsonReport } from '../../src/report/json.ts';
import { terminalReport } from '../../src/report/terminal.ts';
import { mutant, seeded } from './mutations.ts';

/**
 * What mutated lines cost: all by the cheaper of two runs side by side, so that a pause of the collector is nobody's. A line behind which
 * many events that nothing ended are over, or many incidents, costs their mean, printing of reports not counted; one that is longer than auditd's can be is counted by its length.
 */
export interface Gauntlet {
  readonly lines: number;
  readonly told: number;
  /** ns */
  readonly median: number;
  readonly worst: readonly { readonly cost: number; readonly line: string }[];
  /** Of the reports, lines with a byte that drives a terminal, or an arrow where none belongs. */
  readonly dirty: readonly string[];
  /** MiB, after each tenth. */
  readonly memory: readonly number[];
}

const WORST = 10;
/** auditd's own bound of a line, bytes. */
const LONGEST = 8970;
/** Of each power of two of ns, so many steps. */
const STEPS = 16;
/** What the engine needs to warm up, as a share of all lines. */
const WARM = 0.05;

// oxlint-disable-next-line no-control-regex -- what a terminal would obey
const UNPRINTABLE = /[^\x20-\x7e]/;

/** Both reports of all that is told, checked and counted. */
const reporting = (dirty: string[]): { readonly tell: (line: Line) => void; readonly told: () => number } => {
  let told = 0;
  const json = jsonReport(new Writable({
    write(chunk: Buffer | string, _, done) {
      const text = String(chunk).trimEnd();
      const { type, msg } = JSON.parse(text) as { readonly type: string; readonly msg: string };
      if ((UNPRINTABLE.test(text) || msg.split('->').length !== (type === 'edge' ? 2 : 1)) && dirty.length < 10) dirty.push(text.slice(0, 500));
      done();
    },
  }));
  const text = terminalReport((line) => {
    // oxlint-disable-next-line no-control-regex -- the report's own colours
    if (/[\x00-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(line) && dirty.length < 10) dirty.push(line.slice(0, 500));
  });
  return {
    tell(line) {
      told++;
      json(line);
      text(line);
    },
    told: () => told,
  };
};

/** Sends `count` mutants of `lines` through fullmon, line by line. Throws what fullmon throws, with the line. */
export const runGauntlet = (lines: readonly string[], count: number, seed: number, settings: Settings): Gauntlet => {
  const random = seeded(seed);
  const dirty: string[] = [];
  const { tell, told } = reporting(dirty);
  const said: Line[] = [];
  let events = 0;
  // Beside them, to know how many events a line finishes.
  const counter = reassemble(noLosses(), watchSerials(), () => void events++, () => undefined);
  const both: readonly [Fullmon, Fullmon] = [createFullmon(settings, (line) => void said.push(line)), createFullmon(settings, () => undefined)];
  const histogram = new Float64Array(64 * STEPS);
  let worst: { cost: number; line: string }[] = [];
  const memory: number[] = [];
  let measured = 0;
  let at = 0;
  for (let n = 0; n < count; n++) {
    // Mostly one line after the other, as they belong together.
    at = random(200) === 0 ? random(lines.length) : at + 1;
    const line = mutant(lines, at, random);
    const bytes = Buffer.from(`${line}\n`, 'latin1');
    let cost = Infinity;
    events = 0;
    counter.feed(bytes);
    for (const fullmon of both) {
      const begin = process.hrtime.bigint();
      try {
        fullmon.feed(bytes);
      } catch (error) {
        throw new Error(`line ${n} of seed ${seed}: ${JSON.stringify(line.slice(0, 2000))}`, { cause: error });
      }
      cost = Math.min(cost, Number(process.hrtime.bigint() - begin));
    }
    cost /= Math.max(1, said.length, events, line.length / LONGEST);
    for (const line of said.splice(0)) tell(line);
    if (n % Math.ceil(count / 10) === 0) memory.push(Math.round(process.memoryUsage().rss / 2 ** 20));
    if (n < count * WARM) continue;
    measured++;
    const step = Math.floor(Math.log2(cost + 1) * STEPS);
    histogram[step] = (histogram[step] ?? 0) + 1;
    if (worst.length < WORST || cost > (worst.at(-1)?.cost ?? 0)) worst = [...worst, { cost, line: line.slice(0, 300) }].toSorted((a, b) => b.cost - a.cost).slice(0, WORST);
  }
  for (const fullmon of both) fullmon.end();
  for (const line of said) tell(line);
  memory.push(Math.round(process.memoryUsage().rss / 2 ** 20));
  let below = 0;
  const step = histogram.findIndex((n) => (below += n) * 2 >= measured);
  return { lines: count, told: told(), median: 2 ** (step / STEPS), worst, dirty, memory };
};
