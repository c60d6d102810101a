import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/dns/answer.ts';
import { readCapture } from '../../src/dns/pcap.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { capture, message } from '../support/capture.ts';
import type { Packet } from '../support/capture.ts';

const ME = '10.0.0.5';
const RESOLVER = '10.0.0.1';
const QUERY: Packet = { from: ME, to: RESOLVER, name: 'Cdn.example.test' };
const REPLY: Packet = { from: RESOLVER, to: ME, name: 'Cdn.example.test', answers: [['Cdn.example.test', 'edge.test', 7200], ['edge.test', '203.0.113.7', 20], ['edge.test', '203.0.113.8', 30]] };

const read = (bytes: Buffer, chunk = bytes.length): { readonly found: readonly Answer[]; readonly said: readonly string[] } => {
  const found: Answer[] = [];
  const said: string[] = [];
  const reader = readCapture(new Set([RESOLVER]), (answer) => void found.push(answer), (why) => void said.push(why));
  for (let at = 0; at < bytes.length; at += chunk) reader.feed(bytes.subarray(at, at + chunk));
  return { found, said };
};
const found = (...packets: readonly Packet[]): readonly Answer[] => read(capture(...packets)).found;

const EXPECTED = { name: 'cdn.example.test', addresses: ['203.0.113.7', '203.0.113.8'], ttl: 20 };

describe('a capture of port 53', () => {
  it('names the addresses of an answer by the question, for the shortest time of its chain', () => expect(found({ ...QUERY, at: 5 }, { ...REPLY, at: 1_700_000_000_123 })).toEqual([{ ...EXPECTED, time: 1_700_000_000_123 }]));

  it.each<readonly [string, Partial<Packet>]>([
    ['of another server', { from: '203.0.113.66' }],
    ['of another number', { id: 2 }],
    ['to another port', { port: 4000 }],
    ['to another client', { to: '10.0.0.6' }],
    ['to another question', { name: 'other.example.test' }],
    ['that says there is none', { rcode: 3 }],
  ])('does not believe an answer %s', (_, other) => expect(found(QUERY, { ...REPLY, ...other })).toEqual([]));

  it('does not believe an answer that nobody asked for, nor a second one', () => {
    expect(found(REPLY)).toEqual([]);
    const second: Packet = { ...REPLY, answers: [['Cdn.example.test', '203.0.113.66']] };
    expect(found(QUERY, REPLY, second)).toHaveLength(1);
  });

  it('does not believe a server that somebody asked by himself', () => expect(found({ ...QUERY, to: '203.0.113.66' }, { ...REPLY, from: '203.0.113.66' })).toEqual([]));

  it('does not take one label for two', () => {
    const bytes = message({ name: 'x', answers: [['x', '203.0.113.7']] });
    expect(readMessage(bytes)?.question).toBe('x');
    const query = message({ name: 'apiXexample.test' });
    query[query.indexOf('X')] = 0x2e;
    expect(readMessage(query)).toBeUndefined();
  });

  it('says the same however it is cut', () => {
    const bytes = capture(QUERY, REPLY, { ...QUERY, id: 9 }, { ...REPLY, id: 9 });
    const whole = read(bytes).found;
    expect(whole).toHaveLength(2);
    for (const chunk of [1, 7, 24, 25, 100]) expect(read(bytes, chunk).found).toEqual(whole);
  });

  it.each([['pcapng', '0a0d0d0a'], ['text', '68656c6c6f']])('tells what is none: %s', (_, hex) => {
    const { found: none, said } = read(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(1000)]));
    expect(none).toEqual([]);
    expect(said).toHaveLength(1);
  });

  it('survives whatever stands in it', () => {
    const good = capture(QUERY, REPLY, QUERY, REPLY);
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 12 });
    fc.assert(fc.property(damage, fc.integer({ min: 1, max: 400 }), (damaged, chunk) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of damaged) bytes[at] = value;
      for (const { name, addresses } of read(bytes, chunk).found) {
        expect(name).toMatch(/^[a-z0-9._-]+$/);
        expect(addresses.length).toBeGreaterThan(0);
      }
    }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void readMessage(Buffer.from(bytes))));
  });

  it('is not led round in circles', () => {
    const bytes = message({ name: 'a.test' });
    bytes.writeUInt16BE(0xc00c, 12);
    expect(readMessage(bytes)).toBeUndefined();
    // A pointer to a pointer to a pointer is a short name at a high price.
    const chain = Buffer.alloc(65_000);
    bytes.copy(chain, 0, 0, 12);
    for (let at = 14; at + 2 <= 16_000; at += 2) chain.writeUInt16BE(0xc000 | (at - 2), at);
    for (let i = 0; i < 100; i++) expect(() => readMessage(chain)).not.toThrow();
  });
});
