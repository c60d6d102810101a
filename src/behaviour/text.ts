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

/** The digit that a byte stands for; -1 for none. */
const DIGIT = Array.from({ length: 256 }, (_, byte) => '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()));

const read = (text: string): Bytes => {
  const bytesOf = Buffer.from(text, 'latin1');
  let end = 0;
  for (let at = 0; at < bytesOf.length; at++) {
    const byte = bytesOf[at] ?? 0;
    const high = byte === PERCENT ? DIGIT[bytesOf[at + 1] ?? 0] ?? -1 : -1;
    const low = high < 0 ? -1 : DIGIT[bytesOf[at + 2] ?? 0] ?? -1;
    if (low >= 0) at += 2;
    bytesOf[end++] = low < 0 ? byte : high * 16 + low;
  }
  return bytes(bytesOf.toString('latin1', 0, end));
};

/** Inverse of {@link escape}. */
export const unescape = (text: string): Bytes => (text.includes('%') ? read(text) : bytes(text));
