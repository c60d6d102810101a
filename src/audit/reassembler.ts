import { newEvent, resetEvent } from './event.ts';
import type { Event } from './event.ts';
import { newHeader, readHeader } from './header.ts';
import { splitLines } from './lines.ts';
import { reject } from './losses.ts';
import type { Losses } from './losses.ts';
import { readers } from './records.ts';
import type { Ms } from './units.ts';

/** An event that nothing ends (no PROCTITLE before Linux 3.14, or lost) is whole once the log is this much further: auditd's own limit. Ms. */
export const EVENT_TIMEOUT = 2000;
/** Events whose records may be outstanding at a time; real logs need a few dozen. */
export const MAX_OPEN = 8192;

export interface Reassembler {
  /** The next bytes of the log. */
  readonly feed: (chunk: Buffer) => void;
  /** The log is silent, and by the audit clock it is `now`: finishes what no further record can complete in time. */
  readonly idle: (now: Ms) => void;
  /** The file has ended, more may follow in the next one. */
  readonly endFile: () => void;
  /** Nothing will follow: finishes everything. */
  readonly end: () => void;
}

/**
 * Joins the records of each (node, time stamp, serial) to one event, however they interleave, and hands it over as soon as it is
 * whole: at PROCTITLE, which the kernel writes last, or after {@link EVENT_TIMEOUT}. Only records that carry something open an event.
 */
export const reassemble = (losses: Losses, deliver: (event: Event) => void): Reassembler => {
  const header = newHeader();
  // Insertion order is age. Serials collide only across nodes and reboots, so the key is the serial and a clash simply closes the older one.
  const open = new Map<number, Event>();
  const pool: Event[] = [];
  let current: Event | undefined;

  const finish = (event: Event): void => {
    open.delete(event.serial);
    if (current === event) current = undefined;
    deliver(event);
    pool.push(event);
  };

  const expire = (now: Ms): void => {
    for (const event of open.values()) {
      // Both ways: after the clock was set back, the events from before would wait for ever.
      if (Math.abs(now - event.time) < EVENT_TIMEOUT) return;
      finish(event);
    }
  };

  const belongs = (event: Event): boolean => event.serial === header.serial && event.time === header.time && event.node === header.node;

  const find = (): Event | undefined => {
    if (current && belongs(current)) return current;
    const event = open.get(header.serial);
    return event && belongs(event) ? event : undefined;
  };

  const start = (): Event => {
    const stale = open.get(header.serial);
    if (stale) finish(stale);
    expire(header.time);
    if (open.size >= MAX_OPEN) {
      losses.evicted++;
      for (const oldest of open.values()) {
        finish(oldest);
        break;
      }
    }
    const event = pool.pop() ?? newEvent();
    resetEvent(event, header.node, header.time, header.serial);
    open.set(header.serial, event);
    return event;
  };

  const line = (buffer: Buffer, from: number, to: number): void => {
    const ok = readHeader(buffer, from, to, header);
    if (!ok) {
      reject(losses, ok === undefined ? 'no record' : 'bad header');
      return;
    }
    const { type } = header;
    if (type === 'other') return;
    let event = find();
    if (type === 'EOE') {
      if (event) finish(event);
      return;
    }
    if (!event) {
      if (type === 'PROCTITLE') {
        losses.orphaned++;
        return;
      }
      event = start();
    }
    current = event;
    if (!readers[type](event, buffer, header.body, to, losses)) reject(losses, `bad ${type}`);
    if (type === 'PROCTITLE') finish(event);
  };

  const lines = splitLines(losses, line);

  return {
    feed: lines.feed,
    idle: expire,
    endFile: lines.end,
    end() {
      lines.end();
      for (const event of [...open.values()]) finish(event);
    },
  };
};
