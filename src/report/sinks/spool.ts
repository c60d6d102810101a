/** What waits for a sink, on disk: one file that is only appended to, `+` an entry and `-` one that is done, and emptied when nothing waits. */
import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SEVERITIES } from '../../detect/severity.ts';
import { messageOf, syncDirectory, writeNew } from '../../input/files.ts';
import type { Entry } from './sink.ts';

export interface Waiting extends Entry {
  /** In the order of telling. */
  readonly seq: number;
}

export interface Spool {
  /** Puts it behind the others, unless the same waits already. When room is short, the oldest of the least grave goes. */
  readonly add: (entry: Entry) => void;
  /** The first that wait. */
  readonly head: (most: number) => readonly Waiting[];
  readonly done: (entries: readonly Waiting[]) => void;
  /** How many wait. */
  readonly size: () => number;
  /** How many had to go, for want of room or since the file is damaged. */
  readonly lost: () => number;
  /** Why what was added last is only in memory; undefined when it is on the disk. */
  readonly trouble: () => string | undefined;
  /** What was added survives a power cut from now on. */
  readonly sync: () => void;
  readonly close: () => void;
}

export interface Bounds {
  /** Bytes that wait, at most; the file may be twice as long. */
  readonly disk: number;
  /** Bytes that wait in memory, at most, when they cannot be written. */
  readonly memory: number;
}

export const BOUNDS: Bounds = { disk: 16 * 2 ** 20, memory: 2 ** 20 };

/** Bytes handed out at once. */
const MAX_HEAD = 2 ** 20;

/** `at`: where its line begins in the file, with `length` bytes; without it, the line itself is kept. */
interface Held {
  readonly seq: number;
  readonly id: string;
  readonly rank: number;
  readonly length: number;
  place: { readonly at: number } | { readonly line: Buffer };
}

const NEWLINE = 10;
const MINUS = 45;
const ENTRY = /^\+(\d{1,15}) (\d) (\S{1,100}) (.*)\n$/s;

const rankOf = ({ severity }: Entry): number => (severity === undefined ? 0 : SEVERITIES.indexOf(severity) + 1);

const parse = (line: Buffer): (Waiting & { readonly rank: number }) | undefined => {
  const [, seq, rank, id = '', body = ''] = ENTRY.exec(line.toString('utf8')) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), rank: Number(rank), id, body, severity: SEVERITIES[Number(rank) - 1] };
};

const openQueue = (path: string): number => openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);

/**
 * Opens the spool of a sink, with what waited when it was left; without a directory, all is kept in memory. Lines that are cut off, by a
 * power cut, say, are passed over. What cannot be written, as the disk is full, waits in memory until it can be. Throws the error of the file system.
 */
export const openSpool = (directory: string | undefined, bounds = BOUNDS): Spool => {
  const path = directory === undefined ? undefined : join(directory, 'queue');
  if (directory !== undefined) mkdirSync(directory, { mode: 0o700, recursive: true });
  let fd = path === undefined ? undefined : openQueue(path);
  let end = 0;
  let seq = 0;
  let isDirty = false;
  /** The name under which it is found again is on the disk. */
  let isNamed = false;
  let isNew = true;
  let trouble: string | undefined;
  const byRank: readonly Map<number, Held>[] = Array.from({ length: SEVERITIES.length + 1 }, () => new Map());
  const ids = new Set<string>();
  const unwritten = new Set<Held>();
  let waiting = 0;
  let inMemory = 0;
  let lost = 0;

  const hold = (held: Held): void => {
    byRank[held.rank]?.set(held.seq, held);
    ids.add(held.id);
    waiting += held.length;
    if ('line' in held.place) {
      unwritten.add(held);
      inMemory += held.length;
    }
  };

  const release = (held: Held): void => {
    if (byRank[held.rank]?.delete(held.seq) !== true) return;
    ids.delete(held.id);
    waiting -= held.length;
    if (unwritten.delete(held)) inMemory -= held.length;
  };

  const find = (wanted: number): Held | undefined => {
    for (const held of byRank) {
      const found = held.get(wanted);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const moveTo = (held: Held, at: number): void => {
    held.place = { at };
    if (unwritten.delete(held)) inMemory -= held.length;
  };

  const size = (): number => byRank.reduce((sum, { size }) => sum + size, 0);

  /** Appends all or nothing; returns where it stands, undefined when it cannot be written. */
  const append = (bytes: Buffer): number | undefined => {
    if (fd === undefined) return undefined;
    const at = end;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      end += bytes.length;
      isDirty = true;
      trouble = undefined;
      return at;
    } catch (error) {
      trouble = messageOf(error);
      try {
        ftruncateSync(fd, at);
      } catch {
        end = fstatSync(fd).size;
      }
      return undefined;
    }
  };

  const lineOf = ({ place, length }: Held): Buffer => {
    if ('line' in place) return place.line;
    const line = Buffer.alloc(length);
    try {
      if (fd !== undefined) for (let done = 0, n = 1; done < length && n > 0; done += n) n = readSync(fd, line, done, length - done, place.at + done);
    } catch {
      // As if something else stood there.
    }
    return line;
  };

  /** In order, whatever their severity. */
  const inOrder = function* (): Generator<Held> {
    const iterators = byRank.map((held) => held.values());
    const next = iterators.map((each) => each.next().value);
    for (;;) {
      let first: number | undefined;
      next.forEach((held, i) => {
        if (held !== undefined && held.seq < (next[first ?? -1]?.seq ?? Infinity)) first = i;
      });
      const held = next[first ?? -1];
      if (first === undefined || held === undefined) return;
      yield held;
      next[first] = iterators[first]?.next().value;
    }
  };

  /** Writes anew what waits, without what is done. */
  const compact = (): void => {
    if (fd === undefined || path === undefined) return;
    let next: number | undefined;
    try {
      const all = [...inOrder()];
      writeNew(`${path}.new`, ...all.map(lineOf));
      next = openQueue(`${path}.new`);
      renameSync(`${path}.new`, path);
      isNamed = false;
      [fd, next] = [next, fd];
      end = 0;
      for (const held of all) {
        moveTo(held, end);
        end += held.length;
      }
    } catch {
      // It is longer than it need be, until the next time.
    } finally {
      if (next !== undefined) closeSync(next);
    }
  };

  const empty = (): void => {
    if (fd === undefined) return;
    try {
      ftruncateSync(fd, 0);
      end = 0;
    } catch {
      // What is done is sent once more after a restart.
    }
  };

  /** After something has gone. */
  const tidy = (gone: readonly Held[]): void => {
    if (fd === undefined || gone.length === 0) return;
    if (size() === 0) {
      // What a restart and a flood do to files is done once while fullmon learns what it does itself: later it would be an alert about us.
      if (isNew) compact();
      isNew = false;
      empty();
      return;
    }
    // Where it cannot be written, it is sent once more after a restart.
    append(Buffer.from(gone.map(({ seq }) => `-${seq}\n`).join('')));
    if (end > waiting + bounds.disk) compact();
  };

  const sync = (): void => {
    if (fd === undefined || directory === undefined || !isDirty) return;
    isDirty = false;
    try {
      fdatasyncSync(fd);
      if (!isNamed) for (const one of [directory, dirname(directory)]) syncDirectory(one);
      isNamed = true;
    } catch (error) {
      trouble = messageOf(error);
    }
  };

  const leastGrave = (): Held | undefined => {
    for (const held of byRank) for (const oldest of held.values()) return oldest;
    return undefined;
  };

  const leastGraveInMemory = (): Held | undefined => {
    let least: Held | undefined;
    for (const held of unwritten) if (least === undefined || held.rank < least.rank) least = held;
    return least;
  };

  const makeRoom = (): void => {
    const gone: Held[] = [];
    for (;;) {
      const held = waiting > bounds.disk ? leastGrave() : inMemory > bounds.memory ? leastGraveInMemory() : undefined;
      if (held === undefined) break;
      release(held);
      gone.push(held);
    }
    lost += gone.length;
    tidy(gone.filter(({ place }) => 'at' in place));
  };

  const write = (held: Held): boolean => {
    if (!('line' in held.place)) return true;
    const at = append(held.place.line);
    if (at !== undefined) moveTo(held, at);
    return at !== undefined;
  };

  if (fd !== undefined) {
    const file = readFileSync(fd);
    for (let from = 0, to = file.indexOf(NEWLINE) + 1; to > from; from = to, to = file.indexOf(NEWLINE, from) + 1) {
      end = to;
      if (file[from] === MINUS) {
        const entry = find(Number(file.toString('latin1', from + 1, to)));
        if (entry !== undefined) release(entry);
        continue;
      }
      const entry = parse(file.subarray(from, to));
      if (entry === undefined) continue;
      hold({ seq: entry.seq, id: entry.id, rank: entry.rank, length: to - from, place: { at: from } });
      seq = Math.max(seq, entry.seq);
    }
    if (size() === 0) end = 0;
    // What is cut off must not run on in the next line.
    if (end < file.length) ftruncateSync(fd, end);
  }

  return {
    add(entry) {
      if (ids.has(entry.id)) return;
      const rank = rankOf(entry);
      const line = Buffer.from(`+${++seq} ${rank} ${entry.id} ${entry.body.replaceAll('\n', ' ')}\n`);
      hold({ seq, id: entry.id, rank, length: line.length, place: { line } });
      for (const held of unwritten) if (!write(held)) break;
      makeRoom();
    },

    head(most) {
      const found: Waiting[] = [];
      const damaged: Held[] = [];
      let bytes = 0;
      for (const held of inOrder()) {
        if (found.length >= most || (found.length > 0 && bytes + held.length > MAX_HEAD)) break;
        const entry = parse(lineOf(held));
        if (entry === undefined) damaged.push(held);
        else found.push({ seq: held.seq, id: held.id, severity: entry.severity, body: entry.body });
        bytes += held.length;
      }
      damaged.forEach(release);
      lost += damaged.length;
      tidy(damaged);
      return found;
    },

    done(entries) {
      const gone: Held[] = [];
      for (const { seq: done } of entries) {
        const held = find(done);
        if (held === undefined) continue;
        release(held);
        gone.push(held);
      }
      tidy(gone);
    },

    size,
    lost: () => lost,
    trouble: () => trouble,

    sync,

    close() {
      sync();
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
};
