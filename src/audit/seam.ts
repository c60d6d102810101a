import { isNumbered, newHeader, readHeader } from './header.ts';
import { splitLines } from './lines.ts';
import type { Lines } from './lines.ts';
import { noLosses } from './losses.ts';
import { newestOf } from './oldest.ts';
import { watchSerials } from './serials.ts';

/** Two tellings of the same records, auditd's log and its socket, become one: whoever tells, each record is taken once. */
export interface Seam {
  /** The next bytes of whoever tells now. */
  readonly feed: (chunk: Buffer) => void;
  /**
   * Another one tells from here on; an unfinished line is told again by that one. The log may begin long before what was taken last, and tells
   * nothing new up to there; the socket begins anywhere.
   */
  readonly turn: (to: 'log' | 'socket') => void;
  /** Numbered events that did not come since the last turn, though later ones did. */
  readonly missing: () => number;
  readonly endFile: () => void;
  readonly save: () => SeamState;
}

/** How many records were taken of each of the latest events: stamp (ms), serial, records; oldest first. */
export type SeamState = readonly (readonly [time: number, serial: number, records: number])[];

/** Events that are remembered; more than auditd keeps in its queue before the socket (2000 records) and what the shell holds back at a turn. */
const REMEMBERED = 8192;
/** Of those, as many as may come in another order: the log is passed over up to the first of them. */
const SAVED = 1024;

const NEWLINE = Buffer.from('\n');

interface Taken {
  readonly time: number;
  readonly serial: number;
  records: number;
}

/** `pass` gets whole lines with their ends; `lost`: what was told between what was taken last and what comes next is in no log any more. */
export const openSeam = (pass: (line: Buffer) => void, fileEnd: () => void, lost: () => void, saved: SeamState = []): Seam => {
  const header = newHeader();
  const taken = new Map<string, Taken>();
  for (const [time, serial, records] of saved) taken.set(`${time}:${serial}`, { time, serial, records });
  /** Records that come once more, by event. */
  let again = new Map<string, number>();
  /** The log has not come yet to what was taken last. */
  let searching = false;
  let last: Taken | undefined;
  const serials = watchSerials();
  let missing = 0;

  const trim = newestOf(taken, REMEMBERED);

  const take = (key: string): void => {
    if (last === undefined || last.serial !== header.serial || last.time !== header.time) {
      last = taken.get(key);
      if (last === undefined) {
        last = { time: header.time, serial: header.serial, records: 0 };
        taken.set(key, last);
        trim();
      }
    }
    last.records++;
  };

  const isAfterAll = (): boolean => {
    for (const { time, serial } of taken.values()) if (time > header.time || (time === header.time && serial >= header.serial)) return false;
    return true;
  };

  /** Has this record been taken? */
  const isAgain = (key: string): boolean => {
    const left = again.get(key);
    if (left === undefined || left === 0) return false;
    again.set(key, left - 1);
    return true;
  };

  const line = (buffer: Buffer, start: number, end: number): void => {
    // The end of an event is told by the socket only, and does no harm twice. What is no record can be taken for nothing else.
    if (readHeader(buffer, start, end, header) === true && header.type !== 'EOE') {
      const key = `${header.time}:${header.serial}`;
      if (searching) {
        searching = !again.has(key);
        if (searching) {
          if (!isAfterAll()) return;
          searching = false;
          lost();
        }
      }
      if (header.node === '' && isNumbered(header.type)) serials.see(header.serial);
      if (isAgain(key)) return;
      take(key);
    } else if (searching) return;
    // Where it stood at the end of a chunk its own is elsewhere.
    const isEnded = buffer[end] === NEWLINE[0];
    pass(buffer.subarray(start, isEnded ? end + 1 : end));
    if (!isEnded) pass(NEWLINE);
  };

  let lines: Lines = splitLines(noLosses(), line);

  return {
    feed: (chunk) => lines.feed(chunk),
    turn(to) {
      lines = splitLines(noLosses(), line);
      if (searching) lost();
      again = new Map([...taken].map(([key, { records }]) => [key, records]));
      searching = to === 'log' && taken.size > 0;
      serials.restart();
      missing = 0;
    },
    missing: () => (missing += serials.take().missing),
    endFile() {
      lines.end();
      fileEnd();
    },
    save: () => [...taken.values()].slice(-SAVED).map(({ time, serial, records }) => [time, serial, records]),
  };
};
