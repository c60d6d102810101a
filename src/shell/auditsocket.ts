import { keepConnected } from '../input/socket.ts';
import { follow } from '../input/tail.ts';
import type { Follower, Position, TailNotice } from '../input/tail.ts';
import { SCHEME, writtenSince } from './place.ts';
import type { AuditSocket } from './place.ts';

export interface AuditSocketEvents {
  readonly chunk: (bytes: Buffer) => void;
  /** What follows comes from the other one. */
  readonly turn: (to: 'log' | 'socket') => void;
  /** Of the log, while that is read. */
  readonly fileEnd: () => void;
  readonly heed: (notice: TailNotice) => void;
  /** Events that the socket did not tell since it was turned to. */
  readonly missing: () => number;
  /** All that was written or sent so far has been handed over. */
  readonly idle: () => void;
  /** A word for the operator. */
  readonly notice: (text: string) => void;
}

export interface AuditStream {
  /** Where the log is read from at first. */
  readonly begun: Position | undefined;
  /** No event comes after it resolves. */
  readonly stop: () => Promise<void>;
}

/** The log is written within this time after the socket was told (ms): auditd does one right after the other. */
const SETTLED = 200;
/** What the socket may tell until then; who is that busy goes on with the log. Bytes. */
const MAX_HELD = 524_288;
/** Ms between two attempts: at first, and at most. */
const SOON = 100;
const LATER = 5000;
/** After auditd has thrown away what it should have told: it is too busy for that, or the reader was. Ms. */
const MUCH_LATER = 600_000;

/**
 * Reads auditd's socket, and its log whenever the socket does not speak: before it is connected, and after auditd has gone away. Each time both are
 * read for a moment, so that nothing lies between them; what both tell is for {@link AuditSocketEvents.turn} to sort out. `from`: where the log
 * is to be read from at first; `since`: when the socket was turned to last, ms. Never throws.
 */
export const followSocket = ({ path, log }: AuditSocket, wait: number, from: Position | 'end', since: () => number, on: AuditSocketEvents): AuditStream => {
  let reader: Follower | undefined;
  /** What the socket has told while the log is read; and since when. */
  let held: Buffer[] | undefined;
  let bytes = 0;
  let spoke = 0;
  /** The log is read to its end, to turn to the socket. */
  let turning: Promise<void> | undefined;
  let failed = 0;
  let isQuiet = true;
  /** At the last look; what is late comes before the next. */
  let missing = 0;
  let isOverrun = false;
  let told = '';

  const tell = (text: string): void => {
    if (text !== told) on.notice(`${SCHEME}${path}: ${text}`);
    told = text;
  };

  const readOut = async (log: Follower, speaker: readonly Buffer[]): Promise<void> => {
    // To its present end.
    await log.stop();
    reader = turning = undefined;
    // Cut off meanwhile: the next one may have begun to speak too late.
    if (held !== speaker) return readLog(writtenSince(since()));
    tell('reading');
    failed = 0;
    held = undefined;
    missing = 0;
    on.turn('socket');
    for (const chunk of speaker) on.chunk(chunk);
  };

  const turn = (): void => {
    if (turning !== undefined || reader === undefined || held === undefined || bytes === 0 || performance.now() - spoke < SETTLED) return;
    turning = readOut(reader, held);
  };

  const readLog = (at: Position | 'end'): void => {
    on.turn('log');
    reader = follow(log, { wait, from: at }, {
      chunk: on.chunk,
      fileEnd: on.fileEnd,
      idle: on.idle,
      notice: on.heed,
    });
  };

  const connection = keepConnected(path, () => (isOverrun ? MUCH_LATER : Math.min(SOON * 2 ** failed++, LATER)), {
    open(socket) {
      isOverrun = false;
      held = [];
      bytes = 0;
      socket.on('data', (chunk: Buffer) => {
        isQuiet = false;
        if (held === undefined) return on.chunk(chunk);
        if (bytes === 0) spoke = performance.now();
        bytes += chunk.length;
        held.push(chunk);
        if (bytes > MAX_HELD) connection.cut();
      });
    },
    closed(why) {
      tell(`${isOverrun ? 'auditd has thrown away what it should tell' : why}: reading ${log} until it speaks`);
      held = undefined;
      if (reader === undefined) readLog(writtenSince(since()));
    },
  });
  readLog(from);
  const begun = reader?.position();

  const look = (): void => {
    const before = missing;
    missing = on.missing();
    isOverrun = before > 0 && missing > 0;
    if (isOverrun) connection.cut();
    else if (isQuiet) on.idle();
  };

  const timer = setInterval(() => {
    if (reader === undefined) look();
    else turn();
    isQuiet = true;
  }, wait * 1000);

  return {
    begun,
    async stop() {
      connection.stop();
      clearInterval(timer);
      await turning;
      await reader?.stop();
    },
  };
};
