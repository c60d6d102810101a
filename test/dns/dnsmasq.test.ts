import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ms } from '../../src/audit/units.ts';
import type { Answer } from '../../src/dns/answer.ts';
import type { Stamp } from '../../src/dns/calendar.ts';
import { dnsmasqLog } from '../../src/dns/dnsmasq.ts';

const read = (...lines: readonly string[]): readonly Answer<Ms | Stamp>[] => {
  const found: Answer<Ms | Stamp>[] = [];
  const line = dnsmasqLog((answer) => void found.push(answer));
  for (const text of lines) line(text);
  return found;
};

const told = (...lines: readonly string[]): readonly string[] => read(...lines).map(({ name, addresses }) => `${name} ${addresses.join(' ')}`);

const plain = (...said: readonly string[]): readonly string[] => told(...said.map((text) => `Nov 20 15:46:58 dnsmasq[85]: ${text}`));
const extra = (...said: readonly string[]): readonly string[] => told(...said.map((text) => `Nov 20 15:46:58 dnsmasq[85]: ${text.replace(' ', ' 127.0.0.1/5353 ')}`));

const at = (stamp: string): Ms | Stamp | undefined => read(`${stamp} dnsmasq[1]: query[A] a.test from ::1`, `${stamp} dnsmasq[1]: reply a.test is 192.0.2.1`)[0]?.time;

describe('the log of dnsmasq', () => {
  it('names the addresses of an answer by the question', () => {
    expect(plain('query[A] mirror.example.test from 127.0.0.1', 'forwarded mirror.example.test to 192.0.2.1', 'reply mirror.example.test is 198.51.100.7')).toEqual(['mirror.example.test 198.51.100.7']);
    expect(extra('4 query[AAAA] Mirror.Example.test from 127.0.0.1', '4 reply Mirror.Example.test is 2001:DB8:0::10')).toEqual(['mirror.example.test 2001:db8::10']);
  });

  it('gives them to the head of the aliases', () => {
    const chain = ['reply cdn.example.test is <CNAME>', 'reply edge.example.test is <CNAME>', 'reply edge9.example.test is 192.0.2.11', 'reply edge9.example.test is 192.0.2.10'];
    const expected = ['cdn.example.test 192.0.2.11', 'cdn.example.test 192.0.2.10'];
    expect(plain('query[A] cdn.example.test from 127.0.0.1', ...chain)).toEqual(expected);
    expect(extra('1 query[A] cdn.example.test from 127.0.0.1', ...chain.map((said) => `1 ${said}`))).toEqual(expected);
  });

  it.each(['cached', 'cached-stale', 'config', '/etc/hosts', '/etc/dnsmasq.d/more hosts', 'DHCP'])('reads what is answered from %s', (source) => {
    const known = !source.includes(' ');
    expect(plain('query[A] a.test from 10.0.0.1', `${source} a.test is 192.0.2.1`)).toEqual(known ? ['a.test 192.0.2.1'] : []);
  });

  it('keeps questions asked at a time apart', () => {
    const asked = ['query[A] a.test from 127.0.0.1', 'query[A] b.test from 127.0.0.1'];
    expect(plain(...asked, 'reply b.test is 192.0.2.2', 'reply a.test is 192.0.2.1')).toEqual(['b.test 192.0.2.2', 'a.test 192.0.2.1']);
    expect(extra(`1 ${asked[0]}`, `2 ${asked[1]}`, '2 reply edge.test is 192.0.2.2', '1 reply edge.test is 192.0.2.1')).toEqual(['b.test 192.0.2.2', 'a.test 192.0.2.1']);
    // What follows an alias is asked for by itself.
    expect(plain(...asked, 'reply a.test is <CNAME>', 'reply b.test is 192.0.2.2')).toEqual(['b.test 192.0.2.2']);
    expect(plain(...asked, 'reply a.test is <CNAME>', 'query[A] c.test from 127.0.0.1', 'reply d.test is 192.0.2.2')).toEqual([]);
  });

  it('does not believe a reply that nobody asked for', () => {
    expect(plain('reply a.test is 192.0.2.1')).toEqual([]);
    expect(extra('7 reply a.test is 192.0.2.1')).toEqual([]);
    expect(told('Nov 20 15:46:58 dnsmasq[1]: query[A] a.test from 127.0.0.1', 'Nov 20 15:46:58 dnsmasq[2]: reply a.test is 192.0.2.1')).toEqual([]);
  });

  it('takes no address from a text record', () => {
    expect(extra('1 query[A] a.test from 127.0.0.1', '1 query[TXT] b.test from 127.0.0.1', '1 reply b.test is 192.0.2.1')).toEqual([]);
    expect(plain('query[TXT] b.test from 127.0.0.1', 'reply b.test is 192.0.2.1')).toEqual([]);
  });

  it('does not mistake a number of an earlier question for that of a later one', () =>
    expect(extra('1 query[A] a.test from 127.0.0.1', '1 query[A] 10.0.0.1 from 127.0.0.1', '1 reply x.test is 192.0.2.1')).toEqual([]));

  it.each(['192.0.2.1', '1.2', '0x7f000001', 'a.0x10', '2001:db8::1', 'a b.test', 'a..test', `${'a'.repeat(64)}.test`, `${'a.'.repeat(130)}test`, 'a.test:443', '*', 'x/y.test', '%41.test', 'a->b.test'])(
    'has no host named %s',
    (name) => expect(plain(`query[A] ${name} from 127.0.0.1`, `reply ${name} is 192.0.2.1`)).toEqual([]),
  );

  it('takes nothing for an answer that only looks like one', () => {
    expect(plain('query[A] a.test from 127.0.0.1', 'reply a.test is 192.0.2.1 is NXDOMAIN', 'reply a.test is NODATA-IPv6', 'reply a.test is 192.0.2', 'reply a.test is 192.0.2.256', 'reply a.test is 1::2::3', 'reply a.test is :')).toEqual([]);
    expect(plain('query[A] a.test from b.test is 1.2.3.4 from 127.0.0.1', 'reply a.test is 192.0.2.1')).toEqual([]);
  });

  it('knows the time of each line', () => {
    const stamp: Stamp = { month: 3, day: 9, clock: ((1 * 60 + 2) * 60 + 3) * 1000 };
    expect(at('Mar  9 01:02:03')).toEqual(stamp);
    expect(at('Mar  9 01:02:03 web1')).toEqual(stamp);
    expect(at('2024-02-29T23:59:59.125+01:00 web1')).toBe(Date.parse('2024-02-29T22:59:59.125Z'));
    expect(at('2024-02-29T23:59:59Z')).toBe(Date.parse('2024-02-29T23:59:59Z'));
    expect(at('once upon a time')).toBeUndefined();
  });

  it('survives whatever stands in it, and is done in time', () => {
    const part = fc.constantFrom('Nov 20 15:46:58 ', 'dnsmasq[1]: ', 'query[A] ', 'a.test', ' from ', 'reply ', ' is ', '192.0.2.1', '<CNAME>', '1 127.0.0.1/1 ', ' ', ':', '\0', 'ÿ');
    fc.assert(fc.property(fc.array(fc.oneof(fc.array(part, { maxLength: 12 }).map((parts) => parts.join('')), fc.string({ maxLength: 200 })), { maxLength: 30 }), (lines) => {
      for (const { name, addresses } of read(...lines)) {
        expect(name).toMatch(/^[a-z0-9._-]+$/);
        expect(addresses).toHaveLength(1);
      }
    }));
    for (const line of ['dnsmasq[1]: '.repeat(9000), `dnsmasq[1]: reply ${' '.repeat(90_000)}`, `${'.'.repeat(90_000)}dnsmasq[1]`]) expect(read(line)).toEqual([]);
  });
});
