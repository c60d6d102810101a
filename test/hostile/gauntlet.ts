import { Writable } from 'node:stream';
import { Has } from '../../src/audit/event.ts';
import type { Event } from '../../src/audit/event.ts';
import { noLosses } from '../../src/audit/losses.ts';
import { reassemble } from '../../src/audit/reassembler.ts';
import { watchSerials } from '../../src/audit/serials.ts';
import { createFullmon } from '../../src/fullmon.ts';
import type { Fullmon, Settings, Snapshot } from '../../src/fullmon.ts';
import type { Line } from '../../src/detect/line.ts';
import { jsonReport } from '../../src/report/json.ts';
import { terminalReport } from '../../src/report/terminal.ts';
import { mutants } from './mutations.ts';

/**
 * What mutated lines cost. A line's cost is the least of what it takes in several fullmons, so that what befell only one of them is nobody's: another
 * program's turn, a pause of the collector, a table that grew. Two run side by side; a line that is too dear in both is measured in more, which
 * go on from the last checkpoint up to that line, and must tell the same. What {@link worthOf} counts may cost as much each.
 */
export interface Gauntlet {
  readonly lines: number;
  readonly told: number;
  /** ns */
  readonly median: number;
  readonly worst: readonly { readonly cost: number; readonly n: number; readonly line: string }[];
  /** Of the reports, lines with a byte that drives a terminal, or an arrow where none belongs. */
  readonly dirty: readonly string[];
}

const WORST = 10;
/** auditd's own bound of a line, bytes. */
const LONGEST = 8970;
/** Of each power of two of ns, so many steps. */
const STEPS = 16;
/** A line may cost so many times the median. */
export const DEAR = 1000;
/** So dear a line is measured again: the median is not known before the end, and may come to be less. */
const SUSPECT = DEAR / 2;
/** Lines between two checkpoints: a whole state is tens of megabytes once its tables are full. */
const CHECKPOINT = 50_000;
/** A line that is too dear in two is measured so often again: the engine may stop in any of them to compile what has seldom been called. */
const TRIES = 5;
/** Lines that the engine needs to warm up, but no more than a twentieth. */
const WARM = 100_000;

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

/** What is told, but for which of several known edges are named as the nearest: those are found in another order after a start. */
const printed = (lines: readonly Line[]): string => {
  let text = '';
  const print = jsonReport({
    write(line) {
      const { nearest: _, ...rest } = JSON.parse(line) as { readonly nearest?: unknown };
      text += JSON.stringify(rest);
    },
  });
  for (const line of lines) print(line);
  return text;
};

/**
 * What a line is charged for as one: each event that it ends, since an event that nothing ends is over behind some other line (a boot ends all that are open);
 * each line that it has told (a leap of the clock closes all incidents); each line of the length that auditd's can have, be it this one or the one that
 * brought the longest name of an event that ends here.
 */
const worthOf = (events: number, told: number, length: number): number => Math.max(1, events, told, length / LONGEST);

/** Bytes. */
const longestName = ({ has, cwd, paths, pathCount, syscall, argv }: Event): number => {
  const names = [(has & Has.cwd) === 0 ? '' : cwd, (has & Has.syscall) === 0 ? '' : syscall.exe, ...((has & Has.execve) === 0 ? [] : argv), ...paths.slice(0, pathCount).map(({ name }) => name ?? '')];
  return names.reduce((longest, { length }) => Math.max(longest, length), 0);
};

/** What feeding takes, ns. */
const costOf = (fullmon: Fullmon, bytes: Buffer): number => {
  const begin = process.hrtime.bigint();
  fullmon.feed(bytes);
  return Number(process.hrtime.bigint() - begin);
};

const failed = (n: number, seed: number, bytes: Buffer, cause: unknown): Error => new Error(`line ${n} of seed ${seed}: ${JSON.stringify(bytes.toString('latin1', 0, 2000))}`, { cause });

/** Sends `count` mutants of `lines` through fullmon, line by line. Throws what fullmon throws, with the line. `progress`: after each tenth. */
export const runGauntlet = (lines: readonly string[], count: number, seed: number, settings: Settings, progress?: (soFar: Gauntlet) => void): Gauntlet => {
  const dirty: string[] = [];
  const { tell, told } = reporting(dirty);
  const said: Line[] = [];
  let [events, longest] = [0, 0];
  // Beside them, to know how many events a line finishes, and what they bring.
  const counter = reassemble(noLosses(), watchSerials(), (event) => {
    events++;
    longest = Math.max(longest, longestName(event));
  }, () => undefined);
  const first = createFullmon(settings, (line) => void said.push(line));
  const second = createFullmon(settings, () => undefined);
  const histogram = new Float64Array(64 * STEPS);
  let worst: { cost: number; n: number; line: string }[] = [];
  const tenth = Math.ceil(count / 10);
  let measured = 0;
  let median = Infinity;
  let checkpoint = '';
  let since: Buffer[] = [];

  const medianOf = (): number => {
    let below = 0;
    return 2 ** (histogram.findIndex((n) => (below += n) * 2 >= measured) / STEPS);
  };

  const result = (n: number): Gauntlet => ({ lines: n, told: told(), median: medianOf(), worst, dirty });

  /** The same line's cost in a fullmon that has just been started again. */
  const again = (bytes: Buffer): number => {
    const repeated: Line[] = [];
    const third = createFullmon(settings, (line) => void repeated.push(line), undefined, JSON.parse(checkpoint) as Snapshot);
    // What was made for it is not collected while it is measured.
    globalThis.gc?.();
    for (const before of since) third.feed(before);
    repeated.length = 0;
    // On a busy machine whatever takes long is interrupted each time: here the CPU's time counts, which is known to a microsecond.
    const busy = process.cpuUsage();
    const passed = costOf(third, bytes);
    const { user, system } = process.cpuUsage(busy);
    const cost = Math.min(passed, (user + system + 1) * 1000);
    if (printed(repeated) !== printed(said)) throw new Error('started again it tells something else');
    return cost;
  };

  const measure = (bytes: Buffer): number => {
    let cost = Math.min(costOf(first, bytes), costOf(second, bytes));
    const worth = worthOf(events, said.length, Math.max(bytes.length, longest));
    for (let tries = 0; cost > SUSPECT * median * worth && tries < TRIES; tries++) cost = Math.min(cost, again(bytes));
    return cost / worth;
  };

  for (const [n, bytes] of mutants(lines, count, seed)) {
    if (n % CHECKPOINT === 0) {
      checkpoint = JSON.stringify(first.save());
      since = [];
      if (measured > 0) median = medianOf();
    }
    [events, longest] = [0, 0];
    counter.feed(bytes);
    let cost: number;
    try {
      cost = measure(bytes);
    } catch (error) {
      throw failed(n, seed, bytes, error);
    }
    since.push(bytes);
    for (const line of said.splice(0)) tell(line);
    if (n > 0 && n % tenth === 0) {
      const soFar = result(n);
      progress?.(soFar);
    }
    measured++;
    const step = Math.floor(Math.log2(cost + 1) * STEPS);
    histogram[step] = (histogram[step] ?? 0) + 1;
    if (n < Math.min(WARM, count / 20)) continue;
    if (worst.length < WORST || cost > (worst.at(-1)?.cost ?? 0)) worst = [...worst, { cost, n, line: bytes.toString('latin1', 0, 300) }].toSorted((a, b) => b.cost - a.cost).slice(0, WORST);
  }
  for (const fullmon of [first, second]) fullmon.end();
  for (const line of said) tell(line);
  return result(count);
};

/** Sends the same mutants through one fullmon; the memory of this process after each tenth, MiB. */
export const memoryOf = (lines: readonly string[], count: number, seed: number, settings: Settings): readonly number[] => {
  const memory: number[] = [];
  const fullmon = createFullmon(settings, () => undefined);
  const tenth = Math.ceil(count / 10);
  for (const [n, bytes] of mutants(lines, count, seed)) {
    try {
      fullmon.feed(bytes);
    } catch (error) {
      throw failed(n, seed, bytes, error);
    }
    if ((n + 1) % tenth === 0) memory.push(Math.round(process.memoryUsage().rss / 2 ** 20));
  }
  return memory;
};
