import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';

// Whatever could end a node, fake an arrow, or drive a terminal.
const UNSAFE = /[^\x21-\x7e]|[%@>]/;

const PERCENT = 37;
const HEX = Buffer.from('0123456789ABCDEF');

/** Which bytes stand for themselves. */
const SAFE = Array.from({ length: 256 }, (_, byte) => !UNSAFE.test(String.fromCharCode(byte)));

// Byte by byte, since a call for each match made an edge with a name of 4 KB cost milliseconds.
const print = (raw: Bytes): string => {
  const from = Buffer.from(raw, 'latin1');
  const to = Buffer.allocUnsafe(3 * from.length);
  let end = 0;
  for (const byte of from) {
    if (SAFE[byte] === true) to[end++] = byte;
    else {
      to[end++] = PERCENT;
      to[end++] = HEX[byte >> 4] ?? 0;
      to[end++] = HEX[byte & 15] ?? 0;
    }
  }
  return to.toString('latin1', 0, end);
};

// One edge is printed several times in a row.
let last: readonly [raw: string, text: string] = ['', ''];

/** Printable form of raw bytes: 0x21-0x7e without `%`, `@` and `>`; all other bytes as %XX. */
export const escape = (raw: Bytes): string => {
  if (!UNSAFE.test(raw)) return raw;
  if (last[0] !== raw) last = [raw, print(raw)];
  return last[1];
};

/** Inverse of {@link escape}. */
export const unescape = (text: string): Bytes =>
  bytes(text.includes('%') ? text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text);
