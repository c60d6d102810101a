import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../..');

const newest = (folder: string): number =>
  Math.max(...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(folder, name)).mtimeMs));

/** The program as it is shipped; built first where it is missing or older than its sources. `FULLMON` names another one to test. */
export const builtProgram = (): string => {
  const installed = process.env['FULLMON'];
  if (installed !== undefined) return installed;
  const main = join(ROOT, 'dist/main.js');
  if (!existsSync(main) || statSync(main).mtimeMs < newest(join(ROOT, 'src'))) {
    const { status, stdout, stderr } = spawnSync('npm', ['run', 'build'], { cwd: ROOT, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the build fails:\n${stdout}${stderr}`);
  }
  return main;
};

export interface Ran {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it wrote so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits until the text stands in stdout or stderr. Rejects when it ends before that. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: Promise<Ran>;
}

export interface How {
  /** Bytes for stdin, which ends after them; `open` leaves it open. Nothing by default. */
  readonly input?: Buffer | string | 'open';
  /** File descriptor for stdout instead of a pipe. */
  readonly stdout?: number;
  readonly uid?: number;
  /** Ms until it is ended, 30000 unless told otherwise. */
  readonly timeout?: number;
}

/** Starts the program, or any other, as a child of its own. */
export const start = (command: readonly string[], how: How = {}): Running => {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    stdio: [how.input === undefined ? 'ignore' : 'pipe', how.stdout ?? 'pipe', 'pipe'],
    ...(how.uid === undefined ? {} : { uid: how.uid, gid: how.uid }),
    // Whatever hangs, hangs alone.
    timeout: how.timeout ?? 30_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('latin1').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('latin1').on('data', (text: string) => (stderr += text));
  // Who ends early does not read the rest.
  child.stdin?.on('error', () => undefined);
  if (how.input !== undefined && how.input !== 'open') child.stdin?.end(how.input);
  const ended = once(child, 'close').then(() => ({ status: child.exitCode, signal: child.signalCode, stdout, stderr }));
  let over = false;
  void ended.then(() => (over = true));

  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    async says(text) {
      while (!stdout.includes(text) && !stderr.includes(text)) {
        if (over) throw new Error(`ended without a word of ${text}: ${stdout}${stderr}`);
        await sleep(10);
      }
    },
    ended,
  };
};

export const run = (command: readonly string[], how: How = {}): Promise<Ran> => start(command, how).ended;
