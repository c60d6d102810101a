import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../input/files.ts';
import type { Severity } from '../../detect/severity.ts';
import { show } from '../show.ts';
import type { Entry, Sink } from './sink.ts';
import type { Spool, Waiting } from './spool.ts';

/** Sends what waits in a spool, in order and one batch at a time, beside everything else. */
export interface Channel {
  readonly add: (entry: Entry) => void;
  readonly sync: () => void;
  /** Goes on with another sink, and the same spool. */
  readonly replace: (sink: Sink) => void;
  /** Ends, after a moment for what can be sent at once; the rest waits on the disk. */
  readonly close: () => Promise<void>;
}

export interface Timing {
  /** Ms before the second try; doubled each time, up to the longest. */
  readonly base: number;
  readonly longest: number;
  /** Ms that sending may take. */
  readonly timeout: number;
}

export const TIMING: Timing = { base: 1000, longest: 300_000, timeout: 60_000 };

/** So many tries in a row that fail are told. */
const TOLD = 3;
/** After so many, it may be the entry: another one is tried, too. */
const SUSPECT = 5;
/** Entries that were set aside are told once in that time. Ms. */
const SELDOM = 3_600_000;
/** Ms for what can be sent at once when all ends. */
const GRACE = 3000;
const MAX_REASON = 200;
/** What a timer takes, ms. */
const MAX_TIMER = 2 ** 31 - 1;

/** What went wrong, of whatever was thrown, fit for a line. */
export const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return show((cause instanceof Error && cause.message !== '' ? cause.message : messageOf(cause)).replaceAll(/\s+/g, ' ').trim().slice(0, MAX_REASON));
};

/** A pause, ms, that can be cut short. */
const openPause = () => {
  let timer: NodeJS.Timeout | undefined;
  let end: (() => void) | undefined;
  return {
    rest: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        end = resolve;
        if (ms !== Infinity) timer = setTimeout(resolve, Math.min(ms, MAX_TIMER)).unref();
      }),
    cut(): void {
      clearTimeout(timer);
      end?.();
    },
  };
};

/** Sends once. Resolves to why that failed; undefined when it did not. `patience` is how long that may take, unless it is cut short. */
export const trySending = async (sink: Sink, entries: readonly Entry[], otherwise = TIMING.timeout, patience = openPause()): Promise<string | undefined> => {
  const { timeout = otherwise } = sink;
  const trying = new AbortController();
  const late = patience.rest(timeout).then(() => {
    trying.abort();
    return `not done within ${timeout / 1000} s`;
  });
  const result = await Promise.race([sink.send(entries, trying.signal).then(() => undefined, reasonOf), late]);
  patience.cut();
  return result;
};

/**
 * Sends a sink's entries again and again until they are taken. An entry that fails while the one behind it passes is set aside: nobody who
 * chooses a text that some filter refuses may keep all others back. `find` tells what becomes of it, an outage and its end each once.
 */
export const deliver = (name: string, first: Sink, spool: Spool, find: (text: string, severity: Severity) => void, { base, longest, timeout }: Timing = TIMING): Channel => {
  let sink = first;
  let failures = 0;
  /** Entries tried at once: fewer and fewer, so that one that is refused does not keep the others back. */
  let most = first.batch;
  let since = 0;
  let isClosed = false;
  let lost = spool.lost();
  let isFull = false;
  let isUnwritten = false;
  let aside = 0;
  let told = -Infinity;
  let isOver = false;
  /** Until something new comes, between two tries, and while one is going on. */
  const [idling, waiting, trying] = [openPause(), openPause(), openPause()];

  /** Why it failed; undefined when it did not. */
  const attempt = (entries: readonly Waiting[]): Promise<string | undefined> => trySending(sink, entries, timeout, trying);

  const recovered = (): void => {
    if (failures >= TOLD) find(`sink ${name}: delivers again, after ${Math.round((Date.now() - since) / 1000)} s${spool.size() === 0 ? '' : `; ${spool.size()} lines still wait`}`, 'low');
    failures = 0;
    most = sink.batch;
  };

  const setAside = (entry: Waiting, reason: string): void => {
    aside++;
    if (Date.now() - told < SELDOM) return;
    find(`sink ${name}: ${aside === 1 ? `${entry.id} is` : `${aside} lines, ${entry.id} the last, are`} not delivered, others are: ${reason}`, 'high');
    told = Date.now();
    aside = 0;
  };

  /** Whether another one passes, of those behind the first in turn: more than one may be refused. */
  const passes = async (): Promise<Waiting | undefined> => {
    const others = spool.head(failures).slice(1);
    const other = others[failures % others.length];
    return other !== undefined && (sink.pause?.([other]) ?? 0) === 0 && (await attempt([other])) === undefined ? other : undefined;
  };

  const failed = async (head: readonly Waiting[], reason: string): Promise<void> => {
    if (failures++ === 0) since = Date.now();
    most = Math.max(1, head.length >> 1);
    const [suspect, more] = head;
    const other = failures >= SUSPECT && suspect !== undefined && more === undefined ? await passes() : undefined;
    if (suspect !== undefined && other !== undefined) {
      spool.done([suspect, other]);
      recovered();
      setAside(suspect, reason);
      return;
    }
    if (failures === TOLD) find(`sink ${name}: cannot deliver: ${reason}; what is told waits until it can`, 'high');
    // Many hosts that lost the same server do not come back to it all at once.
    if (!isOver) await waiting.rest(Math.min(longest, base * 2 ** (failures - 1)) * (0.5 + Math.random() / 2));
  };

  const run = async (): Promise<void> => {
    for (;;) {
      if (isOver) return;
      const head = spool.head(most);
      const pause = head.length === 0 ? Infinity : (sink.pause?.(head) ?? 0);
      if (isClosed && (pause > 0 || failures > 0)) return;
      if (pause > 0) {
        await idling.rest(pause);
        continue;
      }
      const reason = await attempt(head);
      if (isOver) return;
      if (reason !== undefined) {
        await failed(head, reason);
        continue;
      }
      spool.done(head);
      recovered();
      watch();
    }
  };

  /** Told once, and again only after it has been well in between. */
  const watch = (): void => {
    const trouble = spool.trouble();
    if (trouble !== undefined && !isUnwritten) {
      isUnwritten = true;
      find(`sink ${name}: what waits for it cannot be kept on disk (${trouble}): it is kept in memory`, 'high');
    }
    if (trouble === undefined && isUnwritten) {
      isUnwritten = false;
      find(`sink ${name}: what waits for it is kept on disk again`, 'low');
    }
    if (spool.lost() > lost && !isFull) {
      isFull = true;
      find(`sink ${name}: too much waits for it: the oldest of the least grave lines are dropped`, 'high');
    }
    if (isFull && spool.size() === 0) {
      isFull = false;
      find(`sink ${name}: ${spool.lost() - lost} lines were dropped while too much waited for it`, 'medium');
      lost = spool.lost();
    }
  };

  const running = run();

  return {
    add(entry) {
      spool.add(entry);
      watch();
      idling.cut();
    },
    sync: spool.sync,
    replace(next) {
      sink = next;
      most = next.batch;
      idling.cut();
      waiting.cut();
    },
    async close() {
      isClosed = true;
      idling.cut();
      const timer = new AbortController();
      if (failures === 0) await Promise.race([running, sleep(GRACE, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      isOver = true;
      waiting.cut();
      trying.cut();
      await running;
      spool.close();
    },
  };
};
