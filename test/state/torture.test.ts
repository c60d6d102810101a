import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
const FLAGS = ['--baseline', '2', '--monitor', '0.3', '--flood', '0', '--format', 'json'] as const;

interface Line {
  readonly type: string;
  readonly kind?: string;
  readonly msg: string;
  readonly incident?: string;
  readonly severity?: string;
}
const linesOf = (text: string): readonly Line[] => text.split('\n').filter((line) => line !== '').map((line): Line => JSON.parse(line));
/** Every alert once, by its id. */
const alertsOf = (lines: readonly Line[]): readonly string[] => [...new Set(lines.filter(({ type }) => type === 'edge').map(({ incident, severity, msg }) => `${incident} ${severity} ${msg}`))].toSorted();
const findingsOf = (lines: readonly Line[]): readonly string[] => lines.filter(({ type }) => type === 'finding').map(({ kind, msg }) => `${kind}: ${msg}`);

/** The agent, whose report goes to the end of a file: what it has told is told, even if it is killed. */
const agent = () => {
  const [out, err] = ['out', 'err'].map((name) => openSync(join(dir, name), 'a'));
  const child = spawn(process.execPath, [main, '--auditd', log(), '--wait', '0.02', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), ...FLAGS], { stdio: ['ignore', out, err] });
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

const said = async (text: string): Promise<void> => {
  while (!reported('err').includes(text)) await sleep(20);
};

const write = async (seconds: number, rate: number, linesPerFile: number, files: number): Promise<void> => {
  const writer = spawn(process.execPath, [resolve(import.meta.dirname, 'writer.mjs'), log(), ...[seconds, rate, linesPerFile, files].map(String)], { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(writer, 'exit');
  expect(writer.exitCode).toBe(0);
};

/** The rename chain, oldest first. */
const chain = (): readonly string[] => readdirSync(join(dir, 'log')).toSorted((a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0)).map((name) => join(dir, 'log', name));

const shown = async (what: string, state: string): Promise<readonly string[]> =>
  (await run([process.execPath, main, 'show', what, '--state', join(dir, state), '--format', 'json'])).stdout.split('\n').toSorted();

describe('an agent that is killed again and again while the log is written and rotated', () => {
  it(`tells every alert that it tells undisturbed, and learns the same (${KILLS} kills)`, async () => {
    const seconds = 2.5 + KILLS * 0.45;
    let one = agent();
    await said('no such file yet');
    const writing = write(seconds, 700, 997, 1000);
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(50 + Math.random() * 800);
      await one.end('SIGKILL');
      one = agent();
    }
    await writing;
    await sleep(700);
    expect(await one.end('SIGTERM')).toBe(0);

    const undisturbed = await run([process.execPath, main, 'replay', ...chain(), ...FLAGS, '--state', join(dir, 'undisturbed')]);
    const lines = linesOf(reported('out'));
    expect(findingsOf(lines)).toEqual([]);
    expect(alertsOf(lines)).not.toEqual([]);
    expect(alertsOf(lines)).toEqual(alertsOf(linesOf(undisturbed.stdout)));
    for (const what of ['baseline', 'patterns', 'coverage']) expect(await shown(what, 'state')).toEqual(await shown(what, 'undisturbed'));
  }, 60_000 + KILLS * 2000);
});
