import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { printIpv4, printIpv6 } from './address.ts';
import { hostName } from './answer.ts';

/** A DNS message, RFC 1035, as far as names of addresses go. */
export interface Message {
  readonly id: number;
  readonly isAnswer: boolean;
  /** The name asked for as it stands there, each byte a char; the query and its answer spell it alike. */
  readonly question: Bytes;
  /** 1 for A, 28 for AAAA. */
  readonly type: number;
  readonly addresses: readonly string[];
  /** The least of all records, seconds. */
  readonly ttl: number;
}

export const A = 1;
export const AAAA = 28;
const IN = 1;
const HEADER = 12;
const MAX_LABELS = 128;
const MAX_NAME = 255;
/** More addresses than that are in no answer over UDP. */
const MAX_RECORDS = 256;

/** The name at `from` and where it ends; undefined when it does not end, or is none. */
const readName = (b: Buffer, from: number): { readonly name: string; readonly end: number } | undefined => {
  const labels: string[] = [];
  let end = -1;
  let length = 0;
  for (let p = from, limit = b.length; p < limit; ) {
    const size = b[p] ?? 0;
    if (size === 0) return { name: labels.join('.'), end: end < 0 ? p + 1 : end };
    if (size >= 0xc0) {
      if (p + 1 >= limit) return undefined;
      if (end < 0) end = p + 2;
      const to = b.readUInt16BE(p) & 0x3fff;
      // Backwards only, or a message would lead round in circles.
      if (to >= p) return undefined;
      limit = p;
      p = to;
      continue;
    }
    length += size + 1;
    if (size > 63 || p + 1 + size > b.length || length > MAX_NAME || labels.length >= MAX_LABELS) return undefined;
    const label = b.toString('latin1', p + 1, p + 1 + size);
    // It would look like two.
    if (label.includes('.')) return undefined;
    labels.push(label);
    p += 1 + size;
  }
  return undefined;
};

interface Resource {
  readonly type: number;
  readonly ttl: number;
  readonly address: string | undefined;
  readonly end: number;
}

const readResource = (b: Buffer, from: number): Resource | undefined => {
  const owner = readName(b, from);
  if (owner === undefined || owner.end + 10 > b.length) return undefined;
  const type = b.readUInt16BE(owner.end);
  const length = b.readUInt16BE(owner.end + 8);
  const data = owner.end + 10;
  if (data + length > b.length) return undefined;
  const isIn = b.readUInt16BE(owner.end + 2) === IN;
  const address = isIn && type === A && length === 4 ? printIpv4(b, data) : isIn && type === AAAA && length === 16 ? printIpv6(b, data) : undefined;
  return { type, ttl: b.readUInt32BE(owner.end + 4), address, end: data + length };
};

/** Seconds; one with the highest bit set is 0, RFC 2181. */
const ttlOf = (ttl: number): number => (ttl > 0x7fffffff ? 0 : ttl);

/** The TTL of a single record, seconds; undefined when it is none. */
export const readTtl = (record: Buffer): number | undefined => {
  const resource = readResource(record, 0);
  return resource && ttlOf(resource.ttl);
};

/** Reads a message with one question; undefined for any other, and for what is none. Only answers without error have addresses. */
export const readMessage = (b: Buffer): Message | undefined => {
  if (b.length < HEADER || b.readUInt16BE(4) !== 1) return undefined;
  const asked = readName(b, HEADER);
  if (asked === undefined || asked.end + 4 > b.length) return undefined;
  const flags = b.readUInt16BE(2);
  const addresses: string[] = [];
  let ttl = Infinity;
  const isAnswer = (flags & 0x8000) !== 0;
  if (isAnswer && (flags & 15) === 0) {
    for (let i = Math.min(b.readUInt16BE(6), MAX_RECORDS), p = asked.end + 4; i > 0; i--) {
      const resource = readResource(b, p);
      // Cut off: what came before counts.
      if (resource === undefined) break;
      ttl = Math.min(ttl, ttlOf(resource.ttl));
      if (resource.address !== undefined) addresses.push(resource.address);
      p = resource.end;
    }
  }
  return { id: b.readUInt16BE(0), isAnswer, question: bytes(asked.name), type: b.readUInt16BE(asked.end), addresses, ttl: ttl === Infinity ? 0 : ttl };
};

/** The name of a message that nodes are made of. */
export const questionName = ({ question }: Message): Bytes | undefined => hostName(question);
