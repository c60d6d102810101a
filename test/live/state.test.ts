import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { record, syscall } from '../support/log.ts';
import { builtProgram, run, start } from '../support/program.ts';
import type { Running } from '../support/program.ts';

let main = '';
let root = '';
let dir = '';
let agents: Running[] = [];

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-agent-'));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
  agents = [];
});
afterEach(async () => {
  for (const { child, ended } of agents) {
    child.kill('SIGKILL');
    await ended;
  }
});

const log = (): string => join(dir, 'audit.log');
const state = (): string => join(dir, 'state');
const args = (...more: readonly string[]): readonly string[] =>
  [process.execPath, main, '--auditd', log(), '--wait', '0.02', '--baseline', '0', '--monitor', '0', '--state', state(), '--accepted', join(dir, 'accepted.jsonl'), ...more];

const agent = (...more: readonly string[]): Running => {
  const one = start(args(...more));
  agents.push(one);
  return one;
};

let serial = 0;
/** Somebody who does not live here makes a file at this moment. */
const create = (name: string): void => {
  serial++;
  const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:${serial})`;
  const records = [
    record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: '4190001', ppid: '4190000', exe: '"/usr/bin/tee"', auid: '4294967295', ses: '4294967295' })),
    record('CWD', 'cwd="/srv"'),
    record('PATH', `item=0 name="${name}" inode=9 dev=fe:00 mode=0100644 nametype=CREATE`),
    record('PROCTITLE', 'proctitle="tee"'),
  ];
  appendFileSync(log(), records.map((line) => `${line.replace(/audit\([^)]*\)/, stamp)}\n`).join(''));
};

interface Line {
  readonly type: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly msg: string;
}
const linesOf = ({ stdout }: Running): readonly Line[] => stdout().split('\n').filter((line) => line !== '').map((line): Line => JSON.parse(line));
const filesOf = (one: Running): readonly string[] => linesOf(one).filter(({ type }) => type === 'edge').map(({ msg }) => msg.slice(msg.lastIndexOf('/') + 1));
const findingsOf = (one: Running): readonly string[] => linesOf(one).filter(({ type }) => type === 'finding').map(({ kind, severity, msg }) => `${kind} ${severity ?? ''}: ${msg}`);
const tells = (one: Running, ...files: readonly string[]): Promise<void> => vi.waitFor(() => expect(filesOf(one)).toEqual(files), { timeout: 20_000, interval: 20 });
const kill = async ({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> => {
  child.kill(signal);
  await ended;
};
/** It has found the log, or that there is none, and saved where it stands. */
const ready = (): Promise<void> => vi.waitFor(() => expect(existsSync(join(state(), 'state'))).toBe(true), { timeout: 20_000, interval: 20 });

const decide = async (...words: readonly string[]): Promise<void> => expect(await run([process.execPath, main, ...words, '--accepted', join(dir, 'accepted.jsonl')])).toMatchObject({ status: 0 });

describe('an agent', { timeout: 30_000 }, () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('goes on after %s with what was written meanwhile, through rotations', async (signal) => {
    const first = agent();
    await ready();
    create('one');
    await tells(first, 'one');
    await kill(first, signal);
    create('two');
    renameSync(log(), `${log()}.1`);
    create('three');
    renameSync(`${log()}.1`, `${log()}.2`);
    renameSync(log(), `${log()}.1`);
    create('four');
    const second = agent();
    await vi.waitFor(() => expect(filesOf(second)).toEqual(expect.arrayContaining(['two', 'three', 'four'])), { timeout: 20_000, interval: 20 });
    // What was told but not saved yet is told once more.
    expect(filesOf(second).filter((file) => file !== 'one')).toEqual(['two', 'three', 'four']);
    expect(findingsOf(second)).toEqual([]);
  });

  it.each(['no such file yet', 'reading from byte 0'])('that is killed as soon as it says "%s" has its place there: what is written meanwhile is told', async (words) => {
    if (words !== 'no such file yet') writeFileSync(log(), '');
    const first = agent();
    first.child.stderr?.on('data', () => {
      if (first.stderr().includes(words)) first.child.kill('SIGKILL');
    });
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
    create('one');
    await tells(agent(), 'one');
  });

  it('tells what was rotated away while it did not run', async () => {
    const first = agent();
    await ready();
    create('one');
    await tells(first, 'one');
    await kill(first, 'SIGTERM');
    create('lost');
    rmSync(log());
    create('two');
    const second = agent();
    await tells(second, 'two');
    expect(findingsOf(second)).toEqual([
      expect.stringMatching(/^log medium: .*: records may be lost: the file last read has been rotated away$/),
      expect.stringMatching(/^gap : a part of the log is missing: nothing is known of the [\d.]+ s before this$/),
    ]);
  });

  it('keeps others out of its state, until it is gone', async () => {
    const first = agent();
    await ready();
    const { status, stdout, stderr } = await run(args());
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`another fullmon (pid ${first.child.pid}) keeps its state there`);
    await kill(first, 'SIGKILL');
    const second = agent();
    create('one');
    await tells(second, 'one');
  });

  it('heeds what is accepted and revoked while it runs', async () => {
    const one = agent();
    await ready();
    await decide('accept', '* -> file:CREATE:/srv/ours*');
    await sleep(500);
    create('ours1');
    create('theirs1');
    await tells(one, 'theirs1');
    await decide('revoke', '* -> file:CREATE:/srv/ours*');
    await sleep(500);
    create('ours2');
    await tells(one, 'theirs1', 'ours2');
  });

  it('watches while systemd has not said yet what runs by the clock, and ends without its answer', async () => {
    writeFileSync(join(dir, 'systemctl'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    const one = start(['env', `PATH=${dir}:${process.env['PATH'] ?? ''}`, ...args()]);
    agents.push(one);
    await ready();
    create('one');
    await tells(one, 'one');
    one.child.kill('SIGTERM');
    expect(await one.ended).toMatchObject({ status: 0, signal: null });
  });

  it('runs without a state where none can be kept, and says so', async () => {
    const { status, stderr } = await run([process.execPath, main, '--auditd', '-', '--state', join(dir, 'no', 'where')]);
    expect([status, stderr.split('\n').length]).toEqual([2, 2]);
  });
});

/** A file system of 256 KiB, where that can be had. */
const mounted = (place: string): boolean => {
  mkdirSync(place, { mode: 0o700 });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'none', place]).status === 0;
};

describe('a full disk', () => {
  it('is told once and watched through; the state is saved again when there is room', async (context) => {
    if (process.geteuid?.() !== 0 || !mounted(state())) return context.skip('needs a mount');
    try {
      const fill = join(state(), 'filler');
      const first = agent('--monitor', '0.1');
      await ready();
      create('one');
      await tells(first, 'one');
      const { bavail, bsize } = statfsSync(state());
      writeFileSync(fill, Buffer.alloc(bavail * bsize));
      // What has changed still goes into the last page of the file, for some time.
      let last = '';
      await vi.waitFor(async () => {
        create((last = `more${serial}`));
        await vi.waitFor(() => expect(filesOf(first)).toContain(last), { timeout: 20_000, interval: 20 });
        expect(findingsOf(first)).toEqual([expect.stringMatching(/^state critical: the state cannot be saved \(ENOSPC/)]);
      }, { timeout: 40_000, interval: 20 });
      create('three');
      await vi.waitFor(() => expect(filesOf(first)).toContain('three'), { timeout: 20_000, interval: 20 });
      expect(findingsOf(first)).toHaveLength(1);
      const before = readFileSync(join(state(), 'state'));
      await kill(first, 'SIGKILL');
      // It comes back all the same, and goes on from what was saved last: what there was still room for in the last block of the disk is not told again.
      const second = agent('--monitor', '0.1');
      await vi.waitFor(() => expect(filesOf(second)).toEqual(expect.arrayContaining([last, 'three'])), { timeout: 20_000, interval: 20 });
      rmSync(fill);
      create('four');
      await vi.waitFor(() => expect(readFileSync(join(state(), 'state')).equals(before)).toBe(false), { timeout: 20_000, interval: 20 });
      await kill(second, 'SIGKILL');
      const third = agent('--monitor', '0.1');
      create('five');
      await vi.waitFor(() => expect(filesOf(third)).toContain('five'), { timeout: 20_000, interval: 20 });
      expect(filesOf(third)).not.toContain(last);
      expect(findingsOf(third)).toEqual([]);
    } finally {
      for (const one of agents) await kill(one, 'SIGKILL');
      spawnSync('umount', [state()]);
    }
  }, 60_000);
});
