import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';

// Whatever could end a node, fake an arrow, or drive a terminal.
const UNSAFE = /[^\x21-\x7e]|[%@>]/;
const ALL_UNSAFE = /[^\x21-\x7e]|[%@>]/g;

const percent = (c: string): string => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** Printable form of raw bytes: 0x21-0x7e without `%`, `@` and `>`; all other bytes as %XX. */
export const escape = (raw: Bytes): string => (UNSAFE.test(raw) ? raw.replace(ALL_UNSAFE, percent) : raw);

/** Inverse of {@link escape}. */
export const unescape = (text: string): Bytes =>
  bytes(text.includes('%') ? text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text);
