import type { Ms } from '../audit/units.ts';
import { printIpv4, printIpv6 } from './address.ts';
import { hostName } from './answer.ts';
import type { Answer } from './answer.ts';
import { readTtl } from './wire.ts';

/** What systemd-resolved is asked to tell every lookup, and ends each message with. */
export const SUBSCRIBE = '{"method":"io.systemd.Resolve.Monitor.SubscribeQueryResults","parameters":{},"more":true}\0';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const fieldOf = (value: unknown, key: string): unknown => (isRecord(value) ? value[key] : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const printed = (value: unknown): string | undefined => {
  const numbers = listOf(value).filter((n): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n < 256);
  const b = Buffer.from(numbers);
  return b.length === 4 ? printIpv4(b, 0) : b.length === 16 ? printIpv6(b, 0) : undefined;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * A message of systemd-resolved's monitor, or a line of `resolvectl --json=short monitor`, that arrived at `time`; undefined for all that names
 * no address. It says nothing of the server: what any neighbour can answer, names of one label and `.local`, does not count.
 */
export const readResolved = (text: string, time: Ms): Answer | undefined => {
  const message = parse(text);
  const told = fieldOf(message, 'parameters') ?? message;
  if (fieldOf(told, 'state') !== 'success') return undefined;
  // After an alias it asks anew; what it was asked for first stands there.
  const asked = listOf(fieldOf(told, 'collectedQuestions'))[0] ?? listOf(fieldOf(told, 'question'))[0];
  const text0 = fieldOf(asked, 'name');
  const name = typeof text0 === 'string' ? hostName(text0) : undefined;
  if (name === undefined || !name.includes('.') || name.endsWith('.local')) return undefined;
  const addresses: string[] = [];
  let ttl = Infinity;
  for (const one of listOf(fieldOf(told, 'answer'))) {
    const raw = fieldOf(one, 'raw');
    ttl = Math.min(ttl, (typeof raw === 'string' ? readTtl(Buffer.from(raw, 'base64')) : undefined) ?? Infinity);
    const address = printed(fieldOf(fieldOf(one, 'rr'), 'address'));
    if (address !== undefined) addresses.push(address);
  }
  return addresses.length > 0 ? { time, name, addresses, ttl: ttl === Infinity ? 0 : ttl } : undefined;
};
