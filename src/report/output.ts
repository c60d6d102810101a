import { fstatSync } from 'node:fs';
import pino from 'pino';
import type { Losses } from '../audit/losses.ts';
import { countRejected } from '../audit/losses.ts';
import type { Line } from '../detect/line.ts';
import { gravityOf, priorityOf } from './gravity.ts';
import { jsonReport } from './json.ts';
import { terminalReport } from './terminal.ts';

export interface Output {
  readonly tell: (line: Line) => void;
  /** A word for the operator, on stderr: never mixed with the report. */
  readonly notice: (text: string) => void;
  readonly progress: (done: number, total: number) => void;
  /** Writes out what is buffered; nothing can be told afterwards, notices still can. */
  readonly close: () => void;
}

/** Bytes gathered before a write when nobody waits for the single line. */
const BUFFER = 16_000;
/** Bytes kept while stdout takes none; and seconds between two tries. */
const HELD = 16_000_000;
const RETRY = 2;

export interface OutputOptions {
  /** For a report that nobody reads line by line. */
  readonly buffered: boolean;
  /** What stdout does not take now is tried again, and a reader who goes away has to be told of: for what has to go on. */
  readonly lasting?: boolean;
}

/** Whether a descriptor leads straight into systemd's journal, which takes a number in front of a line for its priority. */
const isJournal = (fd: number): boolean => {
  const { dev, ino } = fstatSync(fd);
  return process.env['JOURNAL_STREAM'] === `${dev}:${ino}`;
};

const complain = (message: string): void => void process.stderr.write(`fullmon: stdout: ${message}\n`);

export const openOutput = (format: 'json' | 'text' | undefined, { buffered, lasting = false }: OutputOptions): Output => {
  const text = (format ?? (process.stdout.isTTY ? 'text' : 'json')) === 'text';
  const destination = pino.destination({ fd: 1, sync: true, minLength: buffered && !process.stdout.isTTY ? BUFFER : 0, maxLength: lasting ? HELD : 0 });
  // A full disk under stderr, or nobody there, is no reason to end.
  process.stderr.on('error', () => undefined);
  let retry: NodeJS.Timeout | undefined;
  let dropped = 0;
  destination.on('drop', () => dropped++);
  destination.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      // `fullmon replay ... | head` is fine: whoever closed the pipe has read enough. An agent that nobody hears is to be started again;
      // what it could not tell was not saved as told.
      if (lasting) complain('nobody reads the report any more');
      process.exit(lasting ? 1 : 0);
    }
    if (!lasting && process.exitCode !== 1) complain(`${error.message}: lines are missing from the report`);
    process.exitCode = 1;
    if (!lasting || retry !== undefined) return;
    complain(`${error.message}: the report waits until it can be written`);
    retry = setInterval(() => destination.write(''), RETRY * 1000);
    destination.once('drain', () => {
      clearInterval(retry);
      retry = undefined;
      complain(`the report is written again${dropped === 0 ? '' : `, but for ${dropped} lines`}`);
      if (dropped === 0) process.exitCode = 0;
    });
  });

  let shown = '';
  const clear = (): void => {
    if (shown !== '') process.stderr.write('\r\x1b[K');
    shown = '';
  };
  const toJournal = isJournal(1);
  let priority = '';
  const write = (line: string): void => void destination.write(priority + line);
  const tell = text ? terminalReport((line) => write(`${line}\n`)) : jsonReport({ write });

  return {
    tell(line) {
      clear();
      if (toJournal) priority = `<${priorityOf(gravityOf(line))}>`;
      tell(line);
    },
    notice(message) {
      clear();
      process.stderr.write(`fullmon: ${message}\n`);
    },
    progress(done, total) {
      if (!process.stderr.isTTY || total === 0) return;
      const width = 30;
      const filled = Math.min(width, Math.floor((done / total) * width));
      const bar = `${'#'.repeat(filled)}${'.'.repeat(width - filled)} ${Math.floor((done / total) * 100)} %`;
      if (bar === shown) return;
      process.stderr.write(`\r${bar}`);
      shown = bar;
    },
    close() {
      clear();
      clearInterval(retry);
      // Not flushSync: it tries for ever when the other end of the pipe has gone.
      destination.end();
    },
  };
};

/** What reading could not use, in one line; undefined when nothing was lost. */
export const describeLosses = (losses: Losses): string | undefined => {
  const parts: string[] = [];
  const rejected = countRejected(losses);
  if (rejected > 0) {
    const reasons = [...losses.rejected].map(([reason, n]) => `${n} ${reason}`).join(', ');
    parts.push(`${rejected} of ${losses.lines} lines rejected (${reasons})`);
  }
  if (losses.evicted > 0) parts.push(`${losses.evicted} events finished early`);
  if (losses.truncated > 0) parts.push(`${losses.truncated} arguments or paths beyond the bounds`);
  return parts.length === 0 ? undefined : parts.join('; ');
};
