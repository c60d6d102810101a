import { openTable } from '../audit/rows.ts';
import type { Rows } from '../audit/rows.ts';
import { ms } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import type { Answer } from '../dns/answer.ts';

/** That an address answered to a name, from the time of the answer until it may be somebody else's. */
export interface Binding {
  readonly name: Bytes;
  readonly from: Ms;
  /** Of the latest answer that said the same. */
  readonly last: Ms;
  readonly until: Ms;
}

/** The names that addresses were asked for by. */
export interface Hostnames {
  readonly learn: (answer: Answer) => void;
  /** Takes in what a file says about addresses at any time, in place of what it said before. */
  readonly replace: (entries: ReadonlyMap<string, Bytes>) => void;
  /** The name for an address that was contacted at this time; undefined when nobody asked for one. */
  readonly nameOf: (address: string, at: Ms) => Bytes | undefined;
  /** How many answers were dropped for want of room since the start. */
  readonly dropped: () => number;
  /** All bindings by address, or what has changed. */
  readonly save: (whole?: boolean) => HostnamesState;
}

export type HostnamesState = Rows<readonly [address: string, bindings: readonly (readonly [name: Bytes, from: Ms, last: Ms, until: Ms])[]]>;

/** Connections live on, and are made anew without another question, longer than most answers say. Ms. */
const LEAST = 3_600_000;
const MOST = 86_400_000;
/** An answer may be written down this much later than the connection that follows it. Ms. */
export const LATE = 1000;
/** Audit stamps are those of the last tick of the kernel, up to 10 ms back. */
const TICK = 10;

/** Names are chosen by others; those that were answered longest ago go first. */
const MAX_BINDINGS = 65_536;
/** Of an address that goes by many names, those looked at for one that is valid. */
const MAX_LOOKS = 64;

/** Everybody's own: a name that somebody gives to them says nothing about anybody else's connections. */
const LOOPBACK = /^(?:127\.|0\.|::1$|::$)/;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const openHostnames = (saved?: HostnamesState): Hostnames => {
  /** By address, in the order of their beginnings. */
  const table = openTable<string, Mutable<Binding>[]>(saved?.rows.map(([address, list]) => [address, list.map(([name, from, last, until]) => ({ name, from, last, until }))]));
  const { map: bindings } = table;
  let written: ReadonlyMap<string, Bytes> = new Map();
  let count = 0;
  let dropped = 0;

  for (const list of bindings.values()) count += list.length;

  /** An eighth at once, since it takes a look at all. */
  const dropOldest = (): void => {
    const times = new Float64Array(count);
    let i = 0;
    for (const list of bindings.values()) for (const { last } of list) times[i++] = last;
    const oldest = times.toSorted()[count >> 3] ?? 0;
    dropped += count;
    count = 0;
    for (const [address, list] of bindings) {
      const left = list.filter(({ last }) => last > oldest);
      if (left.length === 0) table.delete(address);
      else if (left.length < list.length) table.set(address, left);
      count += left.length;
    }
    dropped -= count;
  };

  const bind = (address: string, name: Bytes, from: Ms, until: Ms): void => {
    let list = bindings.get(address);
    if (list === undefined) table.set(address, (list = []));
    table.touch(address);
    let at = list.length;
    while (at > 0 && (list[at - 1]?.from ?? 0) > from) at--;
    const before = list[at - 1];
    if (before?.name === name && from <= before.until) {
      if (until > before.until) before.until = until;
      if (from > before.last) before.last = from;
      return;
    }
    list.splice(at, 0, { name, from, last: from, until });
    count++;
    if (count > MAX_BINDINGS) dropOldest();
  };

  const find = (list: readonly Binding[], at: Ms): Bytes | undefined => {
    let low = 0;
    for (let high = list.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((list[middle]?.from ?? 0) <= at + LATE) low = middle + 1;
      else high = middle;
    }
    let late: Bytes | undefined;
    for (let i = low - 1; i >= Math.max(0, low - MAX_LOOKS); i--) {
      const one = list[i];
      if (one === undefined) break;
      if (one.from > at + TICK) late = one.name;
      else if (at < one.until) return one.name;
    }
    return late;
  };

  return {
    learn({ time, name, addresses, ttl }) {
      const until = ms(time + Math.min(Math.max(ttl * 1000, LEAST), MOST));
      for (const address of addresses) if (!LOOPBACK.test(address)) bind(address, name, time, until);
    },

    replace(entries) {
      written = new Map([...entries].filter(([address]) => !LOOPBACK.test(address)));
    },

    nameOf(address, at) {
      if (count === 0 && written.size === 0) return undefined;
      const list = bindings.get(address);
      return (list && find(list, at)) ?? written.get(address);
    },

    dropped: () => dropped,

    save: (whole = true) => table.save(whole, (list, address) => [address, list.map(({ name, from, last, until }) => [name, from, last, until] as const)]),
  };
};
