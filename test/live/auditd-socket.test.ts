import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { builtProgram } from '../support/program.ts';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

const why = whyNot();
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 50 });

interface Line {
  readonly type: string;
  readonly msg: string;
  readonly count: number;
}

interface Agent {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
}

const NOBODY = 65_534;

const linesOf = (text: string): readonly Line[] => text.split('\n').filter((line) => line.startsWith('{')).map((line): Line => JSON.parse(line));

const auditd = (): number => Number(/^pid (\d+)$/m.exec(spawnSync('auditctl', ['-s'], { encoding: 'utf8' }).stdout)?.[1]);

describe.skipIf(why !== undefined)(`the socket of a real auditd${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 400_000 }, () => {
  let dir = '';
  let socket = '';
  let live: LiveAudit | undefined;
  let second: ChildProcess | undefined;
  let agents: Agent[] = [];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'fullmon-socket-'));
    socket = join(dir, 'socket');
    agents = [];
  });
  afterEach(async () => {
    for (const { child } of agents) child.kill('SIGKILL');
    second?.kill('SIGTERM');
    await live?.stop();
    rmSync(dir, { recursive: true });
  }, 60_000);

  const watch = (audit: LiveAudit, uid?: number): Agent => {
    const args = [builtProgram(), '--auditd', `unix:${socket}@${audit.log}`, '--baseline', '0', '--monitor', '0.3', '--flood', '0', '--wait', '0.1', '--accepted', join(dir, 'none'), '--format', 'json'];
    const child = spawn(process.execPath, uid === undefined ? [...args, '--state', join(dir, 'state')] : args, { stdio: ['ignore', 'pipe', 'pipe'], ...(uid === undefined ? {} : { uid, gid: uid }) });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const exit = once(child, 'exit');
    const agent: Agent = {
      child, said: () => said,
      async end(signal) {
        child.kill(signal);
        await exit;
      },
    };
    agents.push(agent);
    return agent;
  };

  const all = (): readonly Line[] => agents.flatMap(({ said }) => linesOf(said()));
  /** The files that were told of, with how often each was seen. */
  const made = (): ReadonlyMap<string, number> =>
    new Map(all().flatMap(({ type, msg, count }) => { const m = /->file:CREATE:\S*\/made-(\S+)$/.exec(msg); return type === 'edge' && m?.[1] !== undefined ? [[m[1], count] as const] : []; }));
  const expected: string[] = [];
  const make = async (audit: LiveAudit, name: string, count: number): Promise<void> => {
    for (let i = 1; i <= count; i++) expected.push(`${name}-${i}`);
    await audit.run(`cd ${dir}; for i in {1..${count}}; do : > made-${name}-$i; done`);
  };
  /** It is turned to when it says something. */
  const speaks = async (audit: LiveAudit, { said }: Agent, turns = 1): Promise<void> => {
    const text = `unix:${socket}: reading\n`;
    for (let tries = 0; said().split(text).length <= turns; tries++) {
      if (tries === 60) throw new Error(`the socket is not read: ${said()}`);
      await audit.run('true');
      await sleep(500);
    }
  };
  const told = (): Promise<void> => until(() => expect([...made().keys()].toSorted()).toEqual(expected.toSorted()));

  it('tells of every file once: while fullmon is stopped for a while, killed, and while auditd is started anew', async () => {
    live = await startAudit({ socket, logs: 9 });
    expected.length = 0;
    const one = watch(live);
    await speaks(live, one);
    await make(live, 'a', 50);
    await told();

    one.child.kill('SIGSTOP');
    const busy = make(live, 'stopped', 100);
    await sleep(1500);
    one.child.kill('SIGCONT');
    await busy;
    await told();

    await Promise.all([make(live, 'killed', 400), sleep(300).then(() => one.end('SIGKILL'))]);
    const two = watch(live);
    await make(live, 'again', 50);
    await speaks(live, two);
    await make(live, 'b', 50);
    await told();

    // What happens while no auditd runs is in no log.
    await make(live, 'ended', 200);
    const before = auditd();
    process.kill(before, 'SIGTERM');
    await until(() => expect(() => process.kill(before, 0)).toThrow());
    second = spawn('auditd', ['-c', dirname(live.log), '-n', '-s', 'nochange'], { stdio: 'ignore' });
    await until(() => expect([0, before]).not.toContain(auditd()));
    await speaks(live, two, 2);
    await make(live, 'c', 50);
    await told();
    await two.end('SIGTERM');
    expect([...made()].filter(([, count]) => count !== 1)).toEqual([]);
    expect(all().filter(({ type, msg }) => type === 'finding' && /missing|holes|not read/.test(msg))).toEqual([]);
  });

  it('speaks to a user who may read nothing else, in the group of the directory that it is in', async () => {
    chownSync(dir, 0, NOBODY);
    chmodSync(dir, 0o2750);
    live = await startAudit({ socket });
    expected.length = 0;
    const one = watch(live, NOBODY);
    await speaks(live, one);
    await make(live, 'read', 3);
    await told();
  });
});
