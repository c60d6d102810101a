import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtProgram, run } from '../support/program.ts';

/** How often the agent is killed; many times make a long test. */
const KILLS = Number(process.env['FULLMON_KILLS'] ?? 4);

let main = '';
let root = '';
let dir = '';

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-torture-'));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
  mkdirSync(join(dir, 'log'));
});

const log = (): string => join(dir, 'log', 'audit.log');
const copy = (): string => join(dir, 'all.log');
const FLAGS = ['--monitor', '0.3', '--flood', '0', '--format', 'json'] as const;

interface Line {
  readonly type: string;
  readonly kind?: string;
  readonly time: number;
  readonly msg: string;
  readonly incident?: string;
  readonly severity?: string;
  readonly count?: number;
  readonly first?: number;
  readonly last?: number;
}
const linesOf = (text: string): readonly Line[] => text.split('\n').filter((line) => line !== '').map((line): Line => JSON.parse(line));
/** Every alert once, by its edge and incident, and how often it was counted when it was told last. */
const alertsOf = (lines: readonly Line[]): ReadonlyMap<string, number | undefined> =>
  new Map(lines.filter(({ type }) => type === 'edge').map(({ incident, severity, msg, count }) => [`${incident} ${severity} ${msg}`, count]));
const findingsOf = (lines: readonly Line[]): readonly Line[] => lines.filter(({ type }) => type === 'finding');

/** The agent, whose report goes to the end of a file: what it has told is told, even if it is killed. */
const agent = (...flags: readonly string[]) => {
  const [out, err] = ['out', 'err'].map((name) => openSync(join(dir, name), 'a'));
  const child = spawn(process.execPath, [main, '--auditd', log(), '--wait', '0.02', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), ...flags, ...FLAGS], { stdio: ['ignore', out, err] });
  for (const fd of [out, err]) if (fd !== undefined) closeSync(fd);
  const ended = once(child, 'exit');
  return {
    async end(signal: NodeJS.Signals): Promise<number | null> {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
};
const reported = (name: 'out' | 'err'): string => readFileSync(join(dir, name), 'utf8');

const said = async (text: string, after = 0): Promise<void> => {
  while (!reported('err').includes(text, after)) await sleep(20);
};

/** Kills at a random instant: while it starts, or once it reads. `start`: the length of stderr when it was started. */
const instant = async (start: number): Promise<void> => {
  if (Math.random() < 0.5) await said('reading from byte', start);
  await sleep(Math.random() * 500);
};

/** The last of all, which nobody knows, has been told: so has everything before. */
const caughtUp = async (): Promise<void> => {
  while (!reported('out').includes('/srv/the-last')) await sleep(50);
};

/** An auditd that writes when it is told to; `files`: as many stay. */
const auditd = (files: number) => {
  const writer = spawn(process.execPath, [resolve(import.meta.dirname, 'writer.mjs'), log(), String(files), copy()], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: writer.stdout })[Symbol.asyncIterator]();
  return {
    async burst(events: number, bytes: number, name = ''): Promise<void> {
      writer.stdin.write(`${`${events} ${bytes} ${name}`.trimEnd()}\n`);
      await answers.next();
    },
    async end(): Promise<void> {
      writer.stdin.end();
      await once(writer, 'exit');
      expect(writer.exitCode).toBe(0);
    },
  };
};

/** It has read something, and saved that: before the first record nothing tells how much was rotated away. */
const begun = async (log: ReturnType<typeof auditd>): Promise<void> => {
  await log.burst(20, 2 ** 23);
  while (!/"offset":[1-9]/.test(readFileSync(join(dir, 'state', 'state'), 'latin1'))) await sleep(20);
};

/** The rename chain, oldest first. */
const chain = (): readonly string[] => readdirSync(join(dir, 'log')).toSorted((a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0)).map((name) => join(dir, 'log', name));

const shown = async (what: string, state: string): Promise<readonly string[]> =>
  (await run([process.execPath, main, 'show', what, '--state', join(dir, state), '--format', 'json'])).stdout.split('\n').toSorted();

/** Between two sizes, as likely small as large. */
const between = (least: number, most: number): number => Math.round(least * (most / least) ** Math.random());

/** Of an audit record, ms. */
const stampOf = (line: string): number => Number(/audit\((\d+\.\d{3})/.exec(line)?.[1]) * 1000;

describe('an agent that is killed again and again while the log is written at full speed and rotated', () => {
  it(`tells every alert that it tells undisturbed, counts every line once and learns the same (${KILLS} kills)`, async () => {
    let one = agent('--baseline', '1');
    let start = 0;
    await said('no such file yet');
    const log = auditd(1000);
    for (let kill = 0; kill < KILLS; kill++) {
      const writing = log.burst(between(100, 1200), between(2 ** 16, 2 ** 23));
      await instant(start);
      await one.end('SIGKILL');
      start = reported('err').length;
      one = agent('--baseline', '1');
      await writing;
    }
    await log.burst(1, 2 ** 23, 'the-last');
    await log.end();
    await caughtUp();
    expect(await one.end('SIGTERM')).toBe(0);

    const undisturbed = await run([process.execPath, main, 'replay', ...chain(), '--baseline', '1', ...FLAGS, '--state', join(dir, 'undisturbed')]);
    // One event more, which ends the cycle that is open in both.
    const last = readFileSync(copy(), 'latin1').trimEnd().split('\n').slice(-4).map((line) => line.replace(/audit\((\d+)\.(\d+):(\d+)/, (_, seconds, ms, serial) => `audit(${Number(seconds) + 30}.${ms}:${Number(serial) + 1}`));
    writeFileSync(join(dir, 'last.log'), `${last.join('\n')}\n`);
    for (const state of ['state', 'undisturbed']) expect(await run([process.execPath, main, 'replay', join(dir, 'last.log'), '--baseline', '1', ...FLAGS, '--state', join(dir, state)])).toMatchObject({ status: 0 });
    const lines = linesOf(reported('out'));
    expect(findingsOf(lines)).toEqual([]);
    expect(alertsOf(lines).size).toBeGreaterThan(0);
    expect(alertsOf(lines)).toEqual(alertsOf(linesOf(undisturbed.stdout)));
    for (const what of ['baseline', 'patterns', 'incidents', 'coverage']) expect(await shown(what, 'state')).toEqual(await shown(what, 'undisturbed'));
  }, 120_000 + KILLS * 4000);

  it(`tells exactly what it could not read, where auditd keeps too few files, and every alert in the rest (${KILLS} kills)`, async () => {
    let one = agent('--baseline', '0');
    let start = 0;
    await said('no such file yet');
    const log = auditd(3);
    await begun(log);
    for (let kill = 0; kill < KILLS; kill++) {
      await log.burst(between(20, 300), 2 ** 16);
      await instant(start);
      await one.end('SIGKILL');
      if (kill % 2 === 1) await log.burst(600, 2 ** 16);
      start = reported('err').length;
      one = agent('--baseline', '0');
    }
    await log.burst(1, 2 ** 23, 'the-last');
    await log.end();
    await caughtUp();
    expect(await one.end('SIGTERM')).toBe(0);

    const lines = linesOf(reported('out'));
    const findings = findingsOf(lines);
    const gaps = [...new Map(findings.filter(({ kind }) => kind === 'gap').map(({ time, msg }) => [time, time - Number(/nothing is known of the ([\d.]+) s/.exec(msg)?.[1]) * 1000]))].map(([to, from]) => [Math.round(from), to] as const);
    expect(gaps.length).toBeGreaterThan(0);
    expect(findings.filter(({ kind, msg }) => kind !== 'gap' && !/records may be lost/.test(msg))).toEqual([]);
    // What lies in the gaps, and only that, is not known; of the events at their ends there may be a part.
    const isMissing = (time: number): boolean => gaps.some(([from, to]) => time >= from && time <= to);
    const isVague = ({ first = 0, last = 0 }: Line): boolean => gaps.some(([from, to]) => [from, to].some((end) => end === first || end === last));
    const rest = readFileSync(copy(), 'latin1').split('\n').filter((line) => line !== '' && !isMissing(Math.round(stampOf(line))));
    writeFileSync(join(dir, 'rest.log'), rest.map((line) => `${line}\n`).join(''), 'latin1');
    const undisturbed = await run([process.execPath, main, 'replay', join(dir, 'rest.log'), '--baseline', '0', ...FLAGS]);
    const edges = lines.filter(({ type }) => type === 'edge');
    const vague = new Set(edges.filter(isVague).map(({ msg }) => msg));
    // Who ran a program may hang on an event at such an end.
    const clear = (all: readonly Line[]): readonly string[] => [...new Set(all.filter(({ type, msg }) => type === 'edge' && !vague.has(msg)).map(({ incident, msg }) => `${incident} ${msg.slice(msg.indexOf('->'))}`))].toSorted();
    expect(vague.size).toBeLessThan(edges.length / 2);
    // What one of them had read after a gap, and told, the next one may not have found any more: its gap is longer.
    const isToldTwice = ({ first = 0, last = 0 }: Line): boolean => isMissing(first) && isMissing(last);
    const rested = clear(linesOf(undisturbed.stdout));
    expect(rested.length).toBeGreaterThan(0);
    expect(clear(edges)).toEqual(expect.arrayContaining([...rested]));
    expect(clear(edges.filter((edge) => !isToldTwice(edge))).filter((edge) => !rested.includes(edge))).toEqual([]);
  }, 120_000 + KILLS * 4000);
});
