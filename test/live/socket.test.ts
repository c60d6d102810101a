import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readAuditSocket } from '../../src/shell/place.ts';
import { record, syscall } from '../support/log.ts';
import { builtProgram, start } from '../support/program.ts';
import type { Running } from '../support/program.ts';

let main = '';
let dir = '';
let server: Server | undefined;
let readers: Socket[] = [];
let agents: Running[] = [];
let serial = 0;
let expected: string[] = [];

beforeAll(() => (main = builtProgram()), 120_000);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fullmon-socket-'));
  [serial, readers, agents, expected] = [0, [], [], []];
  writeFileSync(log(), '');
});
afterEach(async () => {
  for (const { child, ended } of agents) {
    child.kill('SIGKILL');
    await ended;
  }
  await close();
  rmSync(dir, { recursive: true });
});

const log = (): string => join(dir, 'audit.log');
const path = (): string => join(dir, 'socket');

const listen = async (): Promise<void> => {
  server = createServer((socket) => readers.push(socket.on('error', () => undefined))).listen(path());
  await once(server, 'listening');
};
const close = async (): Promise<void> => {
  for (const reader of readers.splice(0)) reader.destroy();
  if (server?.listening === true) await once(server.close(), 'close');
};

/** What auditd does with a record: to those who listen, then to the log. */
const write = (line: string, isTold = true): void => {
  if (isTold) for (const reader of readers) reader.write(`${line}\n`);
  appendFileSync(log(), `${line}\n`);
};

/** Somebody who does not live here makes a file at this moment; `isKept`: it shall be told of. */
const create = ({ isTold = true, isKept = true } = {}): void => {
  serial++;
  const name = `made-${serial}`;
  if (isKept) expected.push(name);
  const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:${serial})`;
  for (const line of [
    record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: '4190001', ppid: '4190000', exe: '"/usr/bin/tee"', auid: '4294967295', ses: '4294967295' })),
    record('CWD', 'cwd="/srv"'),
    record('PATH', `item=0 name="/srv/${name}" inode=9 dev=fe:00 mode=0100644 nametype=CREATE`),
    record('PROCTITLE', 'proctitle="tee"'),
  ]) write(line.replace(/audit\([^)]*\)/, stamp), isTold);
  if (isTold) for (const reader of readers) reader.write(`type=EOE msg=${stamp}: \n`);
};

const agent = async (): Promise<Running> => {
  const one = start([process.execPath, main, '--auditd', `unix:${path()}@${log()}`, '--wait', '0.02', '--baseline', '0', '--monitor', '0.1', '--flood', '0', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--format', 'json']);
  agents.push(one);
  await one.says(`unix:${path()}`);
  return one;
};

interface Line {
  readonly type: string;
  readonly msg: string;
  readonly count: number;
}
const lines = (): readonly Line[] => agents.flatMap(({ stdout }) => stdout().split('\n').slice(0, -1).map((line): Line => JSON.parse(line)));
const told = (): readonly string[] => lines().filter(({ type }) => type === 'edge').flatMap(({ msg, count }) => Array.from({ length: count }, () => msg.slice(msg.lastIndexOf('/') + 1)));
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 15_000, interval: 20 });
/** Each file once: alerts that were not saved as told before a kill come again, a file counted twice does not. */
const tellsAll = (): Promise<void> => until(() => {
  expect([...new Set(told())].toSorted()).toEqual(expected.toSorted());
  expect(lines().filter(({ type, count }) => type === 'edge' && count !== 1)).toEqual([]);
});
/** It is turned to when it has spoken for a moment. */
const speaks = async (one: Running): Promise<void> => {
  while (!one.stderr().includes(`unix:${path()}: reading\n`)) {
    create();
    await sleep(50);
  }
};

describe("auditd's socket", { timeout: 30_000 }, () => {
  it('is read, and the log for what it has told to nobody: before the start, while fullmon did not run, through a rotation', async () => {
    await listen();
    create({ isKept: false });
    const one = await agent();
    await speaks(one);
    create();
    await tellsAll();
    create();
    one.child.kill('SIGKILL');
    await one.ended;
    create();
    renameSync(log(), `${log()}.1`);
    create();
    const two = await agent();
    create();
    await speaks(two);
    create();
    await tellsAll();
    expect(lines().filter(({ type }) => type === 'finding')).toEqual([]);
  });

  it('has told nothing yet when fullmon is killed: what is written meanwhile is read in the log, and nothing older', async () => {
    create({ isKept: false });
    await listen();
    const one = await agent();
    await vi.waitFor(() => expect(existsSync(join(dir, 'state', 'state'))).toBe(true), { timeout: 15_000, interval: 20 });
    one.child.kill('SIGKILL');
    await one.ended;
    create();
    await agent();
    await tellsAll();
    expect(lines().filter(({ type }) => type === 'finding')).toEqual([]);
  });

  it('that auditd has thrown records away for is left for the log, which has them', async () => {
    await listen();
    const one = await agent();
    await speaks(one);
    create();
    create({ isTold: false });
    create();
    await one.says(`auditd has thrown away what it should tell: reading ${log()}`);
    create();
    await tellsAll();
    expect(lines().filter(({ type }) => type === 'finding')).toEqual([]);
  });

  it('that goes away is connected again when it is back; meanwhile the log is read', async () => {
    await listen();
    const one = await agent();
    await speaks(one);
    await close();
    await one.says(`reading ${log()} until it speaks`);
    create();
    await tellsAll();
    await listen();
    while (one.stderr().split(`unix:${path()}: reading\n`).length < 3) {
      create();
      await sleep(50);
    }
    // What only the socket tells is read from it.
    create();
    await tellsAll();
    expect(lines().filter(({ type }) => type === 'finding')).toEqual([]);
  });

  it('whose log does not hold any more what was told meanwhile: that is told', async () => {
    await listen();
    const one = await agent();
    await speaks(one);
    await tellsAll();
    one.child.kill('SIGTERM');
    await one.ended;
    create({ isKept: false });
    writeFileSync(log(), '');
    const two = await agent();
    await sleep(100);
    create();
    await until(() => expect(two.stdout()).toMatch(/"kind":"gap","msg":"a part of the log is missing: nothing is known of the/));
    await speaks(two);
    await tellsAll();
  });

  it('is not mistaken for another: a line that was cut off is read whole from the log', async () => {
    await listen();
    const one = await agent();
    await speaks(one);
    const before = readFileSync(log()).length;
    create({ isTold: false });
    const event = readFileSync(log()).subarray(before);
    for (const reader of readers) reader.write(event.subarray(0, event.length - 30));
    await sleep(100);
    await close();
    await listen();
    await tellsAll();
  });

  it.each(['unix:', 'unix:relative', 'unix:/run/a@relative', 'unix:/run/a@/b@/c'])('is not to be had as %s', async (text) => {
    expect(() => readAuditSocket(text)).toThrow('expected unix:PATH or unix:PATH@LOG');
  });
});
