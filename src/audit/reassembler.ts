import { clearEvent, Has, newEvent, restoreEvent, saveEvent } from './event.ts';
import type { Event, EventState } from './event.ts';
import { isNumbered, newHeader, readHeader } from './header.ts';
import { splitLines } from './lines.ts';
import type { LinesState } from './lines.ts';
import { reject } from './losses.ts';
import type { Losses } from './losses.ts';
import { readRecord } from './records.ts';
import type { Serials } from './serials.ts';
import { ms } from './units.ts';
import type { Ms, Pid } from './units.ts';

/** An event that nothing ends (no PROCTITLE before Linux 3.14, or lost) is whole once the log is this much further: auditd's own limit. Ms. */
export const EVENT_TIMEOUT = 2000;
/** Events whose records may be outstanding at a time; real logs need a few dozen. */
export const MAX_OPEN = 8192;
/** Of the events that nothing ended, those that one record ends at most: a leap of the clock leaves thousands behind, and the records after it end the rest. */
export const MAX_OVER = 16;
/** Events kept for the next use, with the names of their last one: as many as are open at a time, not as a flood once left behind. */
const MAX_POOL = 64;
/** Serials count up from a boot on; they come out of order by less than this. */
const SERIAL_JITTER = 1000;
/** So many new events in a row with old stamps are no calls that blocked: the clock has been set back. */
const SET_BACK = 1000;

const EXEC = Has.syscall | Has.execve;

/**
 * From where to where the log tells nothing, by the stamps on both sides. lost: it did say more; paused: nobody read it meanwhile, it may have been
 * silent; reboot: the machine was started anew.
 */
export interface Break {
  readonly why: 'lost' | 'paused' | 'reboot';
  readonly from: Ms;
  readonly to: Ms;
}

export interface Reassembler {
  /** The next bytes of the log. */
  readonly feed: (chunk: Buffer) => void;
  /** The log is silent, and by the audit clock it is `now`: finishes what no further record can complete in time. */
  readonly idle: (now: Ms) => void;
  /** The file has ended, more may follow in the next one. */
  readonly endFile: () => void;
  /** Nothing will follow: finishes everything. */
  readonly end: () => void;
  /**
   * What follows does not go on where reading stopped. What lies at or before the last event is passed over, since it may have been read,
   * until something newer comes, the file ends, or nothing is left that was written by now.
   */
  readonly resume: (why: 'lost' | 'paused') => void;
  readonly save: () => ReassemblerState;
}

/** What is not whole yet. */
export interface ReassemblerState {
  readonly lines: LinesState;
  /** The interrupted events, oldest first. */
  readonly events: readonly EventState[];
  /** The event whose records came last; not among the others. */
  readonly current: EventState | undefined;
  /** The execs among them: by which process, and which of the events it is; `current` counts as the last. */
  readonly execs: readonly (readonly [Pid, number])[];
  readonly clock: Ms;
  readonly late: number;
  readonly newest: { readonly time: Ms; readonly serial: number };
  readonly isEnded?: boolean;
}

/**
 * Joins the records of each (node, time stamp, serial) to one event, however they interleave, and hands it over as soon as it is
 * whole: at PROCTITLE, which the kernel writes last, or after {@link EVENT_TIMEOUT}. Only records that carry something open an event.
 */
export const reassemble = (losses: Losses, serials: Serials, deliver: (event: Event) => void, broken: (at: Break) => void, saved?: ReassemblerState): Reassembler => {
  const header = newHeader();
  // Most events stand in the log without another one between their records: only what is interrupted is filed here, oldest first.
  // Serials collide only across nodes and reboots, so the key is the serial, and a clash simply finishes the older event.
  const interrupted = new Map<number, Event>(saved?.events.map((event) => [event.serial, restoreEvent(event)]));
  const pool: Event[] = [];
  let current = saved?.current && restoreEvent(saved.current);

  // Whole but for their end, by process: what a process does next it does as the new program, so its exec goes first.
  const execs = new Map<Pid, Event>();
  const unfinished = (): readonly Event[] => (current ? [...interrupted.values(), current] : [...interrupted.values()]);
  if (saved) {
    const events = unfinished();
    for (const [pid, index] of saved.execs) {
      const event = events[index];
      if (event) execs.set(pid, event);
    }
  }

  const finish = (event: Event): void => {
    if (current === event) current = undefined;
    else interrupted.delete(event.serial);
    // A pooled event without a call still holds the pid of another one.
    if (execs.size > 0 && (event.has & Has.syscall) !== 0) {
      const exec = execs.get(event.syscall.pid);
      if (exec === event) execs.delete(event.syscall.pid);
      else if (exec && exec.serial < event.serial) finish(exec);
    }
    deliver(event);
    clearEvent(event);
    if (pool.length < MAX_POOL) pool.push(event);
  };

  /**
   * How far the log is: its latest stamp. A record bears the time when its call began: a connect that timed out is minutes old when it
   * is logged, and says nothing about the others. So an event ages by the log, from the moment when another one was first seen behind it.
   */
  let clock = saved?.clock ?? ms(0);
  let late = saved?.late ?? 0;

  const newest = { time: ms(0), serial: 0, ...saved?.newest };
  /** The next new record tells where this break ends. */
  let resuming: 'lost' | 'paused' | undefined;
  let passing = false;
  /** auditd was stopped, and has written all it had: what is numbered lower comes from another boot, even after a short one. */
  let isEnded = saved?.isEnded ?? false;

  /** Whether this record was written after all that has been read. */
  const isNew = (): boolean => {
    const old = header.time < newest.time || (header.time === newest.time && header.serial <= newest.serial);
    if (old && passing) return false;
    const why = resuming;
    resuming = undefined;
    passing = false;
    if (why !== undefined && header.time > newest.time) broken({ why, from: newest.time, to: header.time });
    return true;
  };

  /** Later, but counted from the beginning: not of the same boot. Logs of several machines count by several counters. */
  const isRebooted = (): boolean => header.serial < newest.serial - (isEnded ? 0 : SERIAL_JITTER) && header.time > newest.time && header.node === '';

  const reboot = (): void => {
    finishAll();
    broken({ why: 'reboot', from: newest.time, to: header.time });
    newest.time = header.time;
    newest.serial = header.serial;
    isEnded = false;
  };

  const advance = (stamp: Ms): void => {
    late = stamp <= clock - EVENT_TIMEOUT ? late + 1 : 0;
    if (stamp > clock || late >= SET_BACK) clock = stamp;
  };

  const finishAll = (): void => {
    for (const event of interrupted.values()) finish(event);
    if (current) finish(current);
  };

  // Both ways: after the clock was set back, the events from before would wait for ever.
  const isOver = (event: Event): boolean => Math.abs(clock - event.left) >= EVENT_TIMEOUT;

  /** No other event is over before the clock moves on from here. */
  let looked: Ms | undefined;

  const expire = (most: number): void => {
    if (interrupted.size === 0 || looked === clock) return;
    looked = undefined;
    let left = most;
    for (const event of interrupted.values()) {
      if (!isOver(event)) break;
      if (left-- === 0) return;
      finish(event);
    }
    looked = clock;
  };

  const belongs = (event: Event): boolean => event.serial === header.serial && event.time === header.time && event.node === header.node;

  const find = (): Event | undefined => {
    if (current && belongs(current)) return current;
    if (interrupted.size === 0) return undefined;
    const event = interrupted.get(header.serial);
    if (!event || !belongs(event)) return undefined;
    interrupted.delete(event.serial);
    interrupt(event);
    return current;
  };

  /** Goes on with another event. Each is `current` or filed at any time: to file one may end others, and with them the exec of their process. */
  const interrupt = (next?: Event): void => {
    const event = current;
    current = next;
    if (!event) return;
    event.left = clock;
    const clash = interrupted.get(event.serial);
    if (clash) finish(clash);
    interrupted.set(event.serial, event);
    if ((event.has & EXEC) === EXEC) execs.set(event.syscall.pid, event);
    if (interrupted.size <= MAX_OPEN) return;
    losses.evicted++;
    for (const oldest of interrupted.values()) {
      finish(oldest);
      return;
    }
  };

  const start = (): Event => {
    if (isNumbered(header.type)) {
      if (isRebooted()) reboot();
      isEnded = false;
      if (header.time > newest.time || (header.time === newest.time && header.serial > newest.serial)) {
        newest.time = header.time;
        newest.serial = header.serial;
      }
    }
    advance(header.time);
    expire(MAX_OVER);
    interrupt();
    const event = pool.pop() ?? newEvent();
    event.node = header.node;
    event.time = header.time;
    event.serial = header.serial;
    event.left = clock;
    return (current = event);
  };

  const line = (buffer: Buffer, from: number, to: number): void => {
    const ok = readHeader(buffer, from, to, header);
    if (!ok) {
      reject(losses, ok === undefined ? 'no record' : 'bad header');
      return;
    }
    if (resuming !== undefined && !isNew()) return;
    // Those of several hosts in one log count each for itself.
    const { type } = header;
    if (header.node === '' && isNumbered(type)) serials.see(header.serial);
    if (isEnded && isNumbered(type) && isRebooted()) reboot();
    if (type === 'other' || type === 'auditd') return;
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
    // One event is one call: a second one under its number would change who is said to have made it.
    const isSecond = type === 'SYSCALL' && (event.has & Has.syscall) !== 0;
    if (isSecond || !readRecord(type, event, buffer, header.body, to, losses)) reject(losses, `bad ${type}`);
    if (type === 'DAEMON_END') isEnded = true;
    // What a program says, auditd itself too, is one record.
    if (type === 'PROCTITLE' || type === 'USER_START' || type === 'SERVICE_STOP' || (event.has & Has.daemon) !== 0) finish(event);
  };

  const lines = splitLines(losses, line, saved?.lines);

  return {
    feed: lines.feed,
    idle(now) {
      passing = false;
      if (!current && interrupted.size === 0) return;
      clock = now;
      expire(Infinity);
      if (current && isOver(current)) finish(current);
    },
    endFile() {
      lines.end();
      passing = false;
    },
    end() {
      lines.end();
      finishAll();
    },
    resume(why) {
      lines.end();
      passing = newest.time > 0;
      resuming = passing ? why : undefined;
    },
    save() {
      const index = new Map(unfinished().map((event, i) => [event, i]));
      return {
        lines: lines.save(), events: [...interrupted.values()].map(saveEvent), current: current && saveEvent(current),
        execs: [...execs].flatMap(([pid, event]) => (index.has(event) ? [[pid, index.get(event) ?? 0] as const] : [])), clock, late, newest: { ...newest }, isEnded,
      };
    },
  };
};
