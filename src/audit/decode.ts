import { bytes } from './units.ts';
import type { Bytes } from './units.ts';

/** Value of a hex digit, or -1. */
const HEX = Int8Array.from({ length: 256 }, (_, c) => {
  const digit = Number.parseInt(String.fromCharCode(c), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** buffer[from, to), one char a byte. */
export const latin1 = (buffer: Buffer, from: number, to: number): string => buffer.toString('latin1', from, to);

/** Low 32 bits of the hex number in buffer[from, to), unsigned; NaN when it is not one. */
export const low32 = (buffer: Buffer, from: number, to: number): number => {
  if (from >= to) return Number.NaN;
  let n = 0;
  for (let p = from; p < to; p++) {
    const digit = HEX[buffer[p] ?? 0] ?? -1;
    if (digit < 0) return Number.NaN;
    n = (n << 4) | digit;
  }
  return n >>> 0;
};

/**
 * The same, but `previous` itself if that is what stands there: neighbouring records repeat themselves, and a string that is not made
 * again costs no memory and compares at once.
 */
export const latin1Again = (buffer: Buffer, from: number, to: number, previous: string): string => {
  if (to - from !== previous.length) return latin1(buffer, from, to);
  for (let i = 0; i < previous.length; i++) if (buffer[from + i] !== previous.charCodeAt(i)) return latin1(buffer, from, to);
  return previous;
};

/** Hex digits of a string that is made char by char: a buffer for each of a thousand short arguments made a line cost half a millisecond. */
const SHORT = 24;

/** The bytes that an even run of hex digits stands for; undefined when it is none. */
export const unhex = (text: string): Bytes | undefined => {
  if (text.length === 0 || text.length % 2 !== 0) return undefined;
  let short = '';
  for (let i = 0; i < text.length; i += 2) {
    const high = HEX[text.charCodeAt(i)] ?? -1;
    const low = HEX[text.charCodeAt(i + 1)] ?? -1;
    if (high < 0 || low < 0) return undefined;
    if (text.length <= SHORT) short += String.fromCharCode(high * 16 + low);
  }
  return bytes(text.length <= SHORT ? short : Buffer.from(text, 'hex').toString('latin1'));
};

/**
 * A string the kernel does not trust: in quotes when all of it is printable and without quote and space, else in hex
 * (audit_log_untrustedstring). `(null)`, `(none)` and `?` are the kernel's own words for nothing: undefined.
 * Anything else unquoted is taken as it stands, as old kernels and user space write it.
 */
export const untrusted = (buffer: Buffer, from: number, to: number, quoted: boolean, previous = ''): Bytes | undefined => {
  if (quoted) return bytes(latin1Again(buffer, from, to, previous));
  const text = latin1(buffer, from, to);
  if (text === '(null)' || text === '(none)' || text === '?') return undefined;
  return unhex(text) ?? bytes(text);
};
