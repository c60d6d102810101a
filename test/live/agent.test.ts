import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { record, syscall } from '../support/log.ts';
import { builtProgram, start } from '../support/program.ts';
import type { How, Running } from '../support/program.ts';

let main = '';
let root = '';
let dir = '';
let agents: Running[] = [];

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-health-'));
  chmodSync(root, 0o755);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
  agents = [];
  mkdirSync(join(dir, 'log'));
});
afterEach(async () => {
  for (const one of agents) await kill(one, 'SIGKILL');
});

const log = (): string => join(dir, 'log', 'audit.log');
const state = (): string => join(dir, 'state');

const command = (): readonly string[] => [process.execPath, main, '--auditd', log(), '--wait', '0.02', '--baseline', '0', '--monitor', '0.2', '--state', state(), '--accepted', join(dir, 'none'), '--format', 'json'];

const agent = (how: How = {}, ...more: readonly string[]): Running => {
  const one = start([...command(), ...more], how);
  agents.push(one);
  return one;
};

const kill = async ({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> => {
  child.kill(signal);
  await ended;
};

let serial = 0;
/** Somebody who does not live here makes a file at this moment. */
const create = (name: string, file = log()): void => {
  serial++;
  const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:${serial})`;
  const records = [
    record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: '4190001', ppid: '4190000', exe: '"/usr/bin/tee"', auid: '4294967295', ses: '4294967295' })),
    record('CWD', 'cwd="/srv"'),
    record('PATH', `item=0 name="${name}" inode=9 dev=fe:00 mode=0100644 nametype=CREATE`),
    record('PROCTITLE', 'proctitle="tee"'),
  ];
  appendFileSync(file, records.map((line) => `${line.replace(/audit\([^)]*\)/, stamp)}\n`).join(''));
};

interface Line {
  readonly type: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly msg: string;
}
const linesOf = (text: string): readonly Line[] => text.split('\n').filter((line) => line !== '').map((line): Line => JSON.parse(line));
const filesIn = (text: string): readonly string[] => linesOf(text).filter(({ type }) => type === 'edge').map(({ msg }) => msg.slice(msg.lastIndexOf('/') + 1));
const findingsOf = (one: Running): readonly string[] => linesOf(one.stdout()).filter(({ type }) => type === 'finding').map(({ kind, severity, msg }) => `${kind} ${severity ?? ''}: ${msg.replace(`${log()}: `, '')}`);

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 25_000, interval: 20 });
const tells = (one: Running, ...files: readonly string[]): Promise<void> => until(() => expect(filesIn(one.stdout())).toEqual(files));
const finds = (one: Running, ...findings: readonly RegExp[]): Promise<void> => until(() => expect(findingsOf(one)).toEqual(findings.map((finding) => expect.stringMatching(finding))));

/** An agent that has told of one file. */
const watching = async (how: How = {}): Promise<Running> => {
  writeFileSync(log(), '');
  const one = agent(how);
  await one.says('reading from byte');
  create('first');
  await tells(one, 'first');
  return one;
};

const GONE = /^log high: is gone, waiting for it/;
const BACK = 'log low: is read again';

describe('a log', { timeout: 60_000 }, () => {
  it('that is deleted is told once; what is still written to it is heard, and the next one is read', async () => {
    const one = await watching();
    const fd = openSync(log(), 'a');
    const orphan = `/proc/${process.pid}/fd/${fd}`;
    rmSync(log());
    await finds(one, GONE);
    create('orphaned', orphan);
    await tells(one, 'first', 'orphaned');
    create('new');
    await tells(one, 'first', 'orphaned', 'new');
    closeSync(fd);
    await finds(one, GONE, /^log medium: records may be lost: the file last read has been rotated away/, /^log low: is read again/, /^gap : a part of the log is missing/);
  });

  it('that is deleted does not hold up what was seen before', async () => {
    writeFileSync(log(), '');
    const one = agent({}, '--monitor', '3600');
    await one.says('reading from byte');
    create('last');
    await one.says('"msg":"prepare"');
    rmSync(log());
    await tells(one, 'last');
  });

  it('that is cut off is told, and read on', async () => {
    const one = await watching();
    truncateSync(log());
    await finds(one, /^log high: has become shorter/);
    create('after');
    await tells(one, 'first', 'after');
    await finds(one, /^log high: has become shorter/, /^gap : a part of the log is missing/);
  });

  it('whose directory vanishes is told once, and when it is back', async () => {
    const one = await watching();
    renameSync(join(dir, 'log'), join(dir, 'away'));
    await finds(one, GONE);
    renameSync(join(dir, 'away'), join(dir, 'log'));
    create('after');
    await tells(one, 'first', 'after');
    expect(findingsOf(one)).toEqual([expect.stringMatching(GONE), BACK]);
  });

  it('that may not be read any more is told once; all that was written meanwhile is read when it may', async (context) => {
    if (process.geteuid?.() !== 0) return context.skip('needs root to be somebody else');
    const nobody = 65_534;
    for (const place of [dir, join(dir, 'log')]) chownSync(place, nobody, nobody);
    const one = await watching({ uid: nobody });
    renameSync(log(), `${log()}.1`);
    writeFileSync(log(), '', { mode: 0o600 });
    create('hidden');
    await finds(one, /^log high: cannot be read \(EACCES\)/);
    await sleep(1000);
    create('hidden2');
    chownSync(log(), nobody, nobody);
    await tells(one, 'first', 'hidden', 'hidden2');
    expect(findingsOf(one)).toEqual([expect.stringMatching(/^log high: cannot be read \(EACCES\)/), BACK]);
  });
});

describe('an agent', { timeout: 60_000 }, () => {
  it('that was stopped and goes on misses nothing, through a rotation', async () => {
    const one = await watching();
    one.child.kill('SIGSTOP');
    create('two');
    renameSync(log(), `${log()}.1`);
    create('three');
    await sleep(1000);
    create('four');
    one.child.kill('SIGCONT');
    await tells(one, 'first', 'two', 'three', 'four');
    expect(findingsOf(one)).toEqual([]);
  });

  it('whose state directory is taken away says so once at most, and keeps its state in a new one', async () => {
    const one = await watching();
    await until(() => expect(existsSync(join(state(), 'state'))).toBe(true));
    renameSync(state(), join(dir, 'away'));
    create('two');
    await tells(one, 'first', 'two');
    await until(() => expect(existsSync(join(state(), 'state'))).toBe(true));
    expect(readdirSync(state())).toContain('lock');
    await kill(one, 'SIGTERM');
    const second = agent();
    create('three');
    await tells(second, 'three');
  });

  it('whose notices cannot be written goes on', async () => {
    writeFileSync(log(), '');
    const one = start(['bash', '-c', 'exec "$@" 2>/dev/full', 'bash', ...command()]);
    agents.push(one);
    await until(() => expect(existsSync(join(state(), 'state'))).toBe(true));
    create('one');
    await tells(one, 'one');
  });

  it('whose report nobody reads any more ends, so that it can be started again, and tells then what it could not tell', async () => {
    writeFileSync(log(), '');
    const one = agent();
    await one.says('reading from byte');
    await until(() => expect(existsSync(join(state(), 'state'))).toBe(true));
    one.child.stdout?.destroy();
    create('unheard');
    const { status, stderr } = await one.ended;
    expect([status, stderr]).toEqual([1, expect.stringContaining('nobody reads the report any more')]);
    await tells(agent(), 'unheard');
  });
});

/** A file system of 256 KiB, where that can be had. */
const mounted = (place: string): boolean => {
  mkdirSync(place, { mode: 0o700 });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'none', place]).status === 0;
};

describe('a full disk', { timeout: 60_000 }, () => {
  it('under the report is told once; the agent goes on, and writes all it had to tell when there is room', async (context) => {
    const place = join(dir, 'small');
    if (process.geteuid?.() !== 0 || !mounted(place)) return context.skip('needs a mount');
    const out = join(place, 'out');
    const fd = openSync(out, 'a');
    try {
      writeFileSync(log(), '');
      const one = agent({ stdout: fd });
      await one.says('reading from byte');
      create('one');
      await until(() => expect(filesIn(readFileSync(out, 'utf8'))).toEqual(['one']));
      const { bavail, bsize } = statfsSync(place);
      writeFileSync(join(place, 'filler'), Buffer.alloc(bavail * bsize));
      for (let n = 2; n < 8; n++) create(`file${n}`);
      await one.says('ENOSPC');
      await sleep(2500);
      expect(one.stderr().match(/ENOSPC/g)).toHaveLength(1);
      rmSync(join(place, 'filler'));
      await one.says('the report is written again');
      create('last');
      const all = ['one', ...Array.from({ length: 6 }, (_, n) => `file${n + 2}`), 'last'];
      await until(() => expect(filesIn(readFileSync(out, 'utf8'))).toEqual(all));
      one.child.kill('SIGTERM');
      expect((await one.ended).status).toBe(0);
    } finally {
      for (const one of agents) await kill(one, 'SIGKILL');
      closeSync(fd);
      spawnSync('umount', [place]);
    }
  });

  it('that can only be read any more keeps the old state, is told once, and so is that it can be written again', async (context) => {
    if (process.geteuid?.() !== 0 || !mounted(state())) return context.skip('needs a mount');
    // Not while something is being written.
    const remount = (how: string): Promise<void> => until(() => expect(spawnSync('mount', ['-o', `remount,${how}`, state()]).status).toBe(0));
    try {
      const one = await watching();
      await until(() => expect(existsSync(join(state(), 'state'))).toBe(true));
      await remount('ro');
      create('two');
      await tells(one, 'first', 'two');
      create('three');
      await tells(one, 'first', 'two', 'three');
      await finds(one, /^state critical: the state cannot be saved \(EROFS/);
      await remount('rw');
      create('four');
      await finds(one, /^state critical: the state cannot be saved \(EROFS/, /^state low: the state is saved again/);
    } finally {
      for (const one of agents) await kill(one, 'SIGKILL');
      spawnSync('umount', [state()]);
    }
  });
});
