import { spawn } from 'node:child_process';
import { checkProgram } from './secrets.ts';
import type { Sink } from './sink.ts';

/** Bytes of what it says on stderr that are kept, for the reason. */
const MAX_SAID = 1000;
/** Ms for what it said before it ended. */
const LAST_WORDS = 100;

/** It finds what a system has, and nothing of what fullmon was started with. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' } as const;

/** Runs a program, no shell, with a text on stdin. Rejects unless it ends well; it and what it started are killed when the signal says so. */
export const run = ([program = '', ...args]: readonly string[], input: string, signal: AbortSignal, more: Readonly<Record<string, string>> = {}): Promise<void> =>
  new Promise((resolve, reject) => {
    // A group of its own, so that all of it can be killed.
    const child = spawn(program, args, { cwd: '/', env: { ...ENVIRONMENT, ...more }, stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    let said = '';
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    signal.addEventListener('abort', kill, { once: true });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MAX_SAID)));
    // It need not read what it is given.
    child.stdin.on('error', () => undefined).end(input);
    child.on('error', (error) => {
      signal.removeEventListener('abort', kill);
      reject(error);
    });
    let timer: NodeJS.Timeout | undefined;
    child.on('exit', () => {
      // Whoever it left behind may hold this open for ever.
      timer = setTimeout(() => child.stderr.destroy(), LAST_WORDS);
    });
    child.on('close', (status, by) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      if (status === 0) resolve();
      else reject(new Error(`${program} ${by === null ? `ends with status ${status}` : `is ended by ${by}`}${said === '' ? '' : `: ${said}`}`));
    });
  });

/** A command for each entry, in order, one at a time. */
export const runCommand = (argv: readonly string[]): Sink['send'] => async (entries, signal) => {
  for (const { id, body } of entries) {
    checkProgram(argv[0] ?? '');
    await run(argv, `${body}\n`, signal, { FULLMON_ID: id });
  }
};
