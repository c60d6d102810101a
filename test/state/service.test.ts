import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readAnswer } from '../../src/input/auditstatus.ts';
import { record, syscall } from '../support/log.ts';
import { builtProgram, run, start } from '../support/program.ts';

/** Nobody in particular. */
const NOBODY = 65534;
const isRoot = process.geteuid?.() === 0;

let main = '';
let root = '';
let dir = '';

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-service-'));
  chmodSync(root, 0o755);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, 'audit.log'), '');
});

const args = (...more: readonly string[]): readonly string[] =>
  ['--auditd', join(dir, 'audit.log'), '--wait', '0.02', '--baseline', '0', '--monitor', '0', '--state', join(dir, 'state'), '--accepted', join(dir, 'accepted.jsonl'), ...more];

describe('the doors of Node.js', () => {
  it('stay shut when somebody asks for the debugger', async () => {
    const agent = start([main, ...args()]);
    await agent.says('reading from byte');
    agent.child.kill('SIGUSR1');
    agent.child.kill('SIGTERM');
    const { status, stderr } = await agent.ended;
    expect(status).toBe(0);
    expect(stderr).not.toMatch(/debugger/i);
  });

  it('stay shut to the environment', async () => {
    const evil = join(dir, 'evil.cjs');
    writeFileSync(evil, 'console.log("evil")');
    const { status, stdout } = await run(['env', `NODE_OPTIONS=--require=${evil}`, main, '--version']);
    expect(status).toBe(0);
    expect(stdout).not.toContain('evil');
  });
});

/** A shell that runs a script since before the agent, writes a file: what is told of it. */
const toldOf = async (...more: readonly string[]): Promise<string> => {
  const script = join(dir, 'job.sh');
  writeFileSync(script, 'read wait');
  const shell = spawn('sh', [script], { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    await vi.waitFor(() => expect(readlinkSync(`/proc/${shell.pid}/exe`)).not.toBe(process.execPath));
    const [exe, auid, ses] = [readlinkSync(`/proc/${shell.pid}/exe`), readFileSync('/proc/self/loginuid', 'utf8'), readFileSync('/proc/self/sessionid', 'utf8')];
    if (more.length > 0) expect(await run([main, 'prepare', join(dir, 'run')])).toMatchObject({ status: 0 });
    mkdirSync(join(dir, 'state'), { mode: 0o700 });
    chownSync(join(dir, 'state'), NOBODY, NOBODY);
    const agent = start([main, ...args(...more)], { uid: NOBODY });
    await agent.says('reading from byte');
    const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:1)`;
    const event = [
      record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: String(shell.pid), ppid: String(process.pid), exe: `"${exe}"`, auid, ses })),
      record('PATH', 'item=0 name="/srv/new" inode=9 dev=fe:00 mode=0100644 nametype=CREATE'),
      record('PROCTITLE', 'proctitle="sh"'),
    ];
    appendFileSync(join(dir, 'audit.log'), event.map((line) => `${line.replace(/audit\([^)]*\)/, stamp)}\n`).join(''));
    await agent.says('file:CREATE:/srv/new');
    agent.child.kill('SIGTERM');
    const { stdout, stderr } = await agent.ended;
    return stdout + stderr;
  } finally {
    shell.kill('SIGKILL');
  }
};

const shared = (): string => {
  const place = join(dir, 'run');
  mkdirSync(place);
  chownSync(place, 0, NOBODY);
  chmodSync(place, 0o2750);
  return place;
};

describe.skipIf(!isRoot)('an agent that is not root', () => {
  it('knows what runs already by what root wrote down', async () => {
    const told = await toldOf('--prepared', shared());
    expect(told).toMatch(/job\.sh\S*->file:CREATE:\/srv\/new/);
    expect(statSync(join(dir, 'run/prepared.json')).mode & 0o777).toBe(0o640);
  });

  it('goes on without that', async () => {
    expect(await toldOf()).not.toContain('job.sh');
  });

  it('believes nobody but root', async () => {
    const place = shared();
    expect(await run([main, 'prepare', place])).toMatchObject({ status: 0 });
    const file = join(place, 'prepared.json');
    chownSync(file, 1, NOBODY);
    chmodSync(file, 0o644);
    const agent = start([main, ...args('--prepared', place, '--state', join(dir, 'none'))], { uid: NOBODY });
    await agent.says('belongs to another user');
    agent.child.kill('SIGKILL');
    await agent.ended;
    chmodSync(place, 0o2770);
    expect(await run([main, 'prepare', place])).toMatchObject({ status: 2, stderr: expect.stringContaining('others may write there') });
  });

  it('has a state that root may look at, and mend', async () => {
    await toldOf();
    const state = ['--state', join(dir, 'state')];
    expect(await run([main, 'show', 'coverage', ...state])).toMatchObject({ status: 0 });
    const exported = join(dir, 'exported');
    expect(await run([main, 'baseline', 'export', exported, ...state])).toMatchObject({ status: 0 });
    expect(await run([main, 'baseline', 'import', exported, ...state])).toMatchObject({ status: 0 });
    expect(statSync(join(dir, 'state/state')).uid).toBe(NOBODY);
  });
});

/** What is taken from a file that says this and was written so many seconds ago. */
const heard = (text: string, age = 0): unknown => {
  writeFileSync(join(dir, 'audit'), text, { mode: 0o640 });
  const now = Date.now();
  utimesSync(join(dir, 'audit'), now / 1000 - age, now / 1000 - age);
  return readAnswer(join(dir, 'audit'), now);
};

describe('what root writes down of auditing', () => {
  const STATUS = 'enabled 1\npid 17\nlost 0\nbacklog 0\nbacklog_limit 8192\n';
  const RULES = '-a always,exit -F arch=b64 -S execve -F key=PROCESS\n-w /etc -p wa -k pid\n';
  it('is what auditctl says', () => {
    expect(heard(`${STATUS}${RULES}end\n`)).toEqual([STATUS, RULES]);
    expect(heard(`${STATUS}No rules\nend\n`)).toEqual([STATUS, 'No rules\n']);
  });

  it('is nothing when it is old, cut off, missing or open to others', () => {
    expect(heard(`${STATUS}${RULES}end\n`, 600)).toBeUndefined();
    expect(heard(`${STATUS}${RULES}`)).toBeUndefined();
    expect(heard('')).toBeUndefined();
    expect(readAnswer(join(dir, 'none'), Date.now())).toBeUndefined();
    heard(`${STATUS}${RULES}end\n`);
    chmodSync(join(dir, 'audit'), 0o666);
    expect(readAnswer(join(dir, 'audit'), Date.now())).toBeUndefined();
  });
});
