import { reject } from './losses.ts';
import type { Losses } from './losses.ts';

/** auditd writes at most 8970 bytes a line; what is longer than this is no record and is not kept in memory. Bytes. */
export const MAX_LINE = 65536;

const NEWLINE = 10;
const RETURN = 13;

export interface Lines {
  /** Takes the next bytes of the log; nothing of `chunk` is kept after the call. */
  readonly feed: (chunk: Buffer) => void;
  /** The file has ended: what stands after the last newline is a line too; if it was cut, its record will say so. */
  readonly end: () => void;
  readonly save: () => LinesState;
}

/** The line that is not complete yet. */
export interface LinesState {
  readonly carry: string;
  /** Its beginning was too long to be kept. */
  readonly skipping: boolean;
}

/** Cuts a byte stream into lines. `line` gets a buffer and a range that are valid only during the call. */
export const splitLines = (losses: Losses, line: (buffer: Buffer, start: number, end: number) => void, saved?: LinesState): Lines => {
  const carry = Buffer.alloc(MAX_LINE);
  let carried = carry.write(saved?.carry ?? '', 'latin1');
  let skipping = saved?.skipping ?? false;

  const whole = (buffer: Buffer, start: number, end: number): void => {
    const to = end > start && buffer[end - 1] === RETURN ? end - 1 : end;
    if (to === start) return;
    losses.lines++;
    line(buffer, start, to);
  };

  const tooLong = (): void => {
    losses.lines++;
    reject(losses, 'over-long line');
    carried = 0;
  };

  return {
    feed(chunk) {
      let p = 0;
      if (carried > 0 || skipping) {
        const newline = chunk.indexOf(NEWLINE);
        const end = newline < 0 ? chunk.length : newline;
        if (!skipping && carried + end > MAX_LINE) {
          tooLong();
          skipping = true;
        }
        if (!skipping) carried += chunk.copy(carry, carried, 0, end);
        if (newline < 0) return;
        if (!skipping) whole(carry, 0, carried);
        skipping = false;
        carried = 0;
        p = newline + 1;
      }
      for (let newline = chunk.indexOf(NEWLINE, p); newline >= 0; newline = chunk.indexOf(NEWLINE, p)) {
        if (newline - p > MAX_LINE) tooLong();
        else whole(chunk, p, newline);
        p = newline + 1;
      }
      if (chunk.length - p > MAX_LINE) {
        tooLong();
        skipping = true;
      } else {
        carried = chunk.copy(carry, 0, p);
      }
    },

    end() {
      if (carried > 0) whole(carry, 0, carried);
      carried = 0;
      skipping = false;
    },

    save: () => ({ carry: carry.toString('latin1', 0, carried), skipping }),
  };
};
