import { bytes } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import type { Stamp } from './calendar.ts';

/** What a resolver told somebody who asked it. `time` is an {@link Ms}, or a {@link Stamp} in a log that leaves out year and zone. */
export interface Answer<Time extends Ms | Stamp = Ms> {
  readonly time: Time;
  /** The name that was asked for, at the head of all aliases; as {@link hostName} gives it. */
  readonly name: Bytes;
  /** As `readAddress` gives them. */
  readonly addresses: readonly string[];
  /** Seconds; 0 where the source does not say. */
  readonly ttl: number;
}

const MAX_NAME = 253;
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
/** What the C library takes for an address has digits alone, or 0x, behind its last dot. */
const NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/**
 * A name as nodes are made of it: in lower case, without the last dot. Undefined for what the C library would not look up, and for all that
 * could be taken for an address or a port: names are chosen by whoever owns the domain.
 */
export const hostName = (text: string): Bytes | undefined => {
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return name.length <= MAX_NAME && NAME.test(name) && !NUMBER.test(name) ? bytes(name) : undefined;
};
