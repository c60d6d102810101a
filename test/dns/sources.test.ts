import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { readAddress } from '../../src/dns/address.ts';
import { readHosts, readResolvers } from '../../src/dns/hosts.ts';
import { readResolved } from '../../src/dns/resolved.ts';
import { unboundCache } from '../../src/dns/unbound.ts';
import { readSource } from '../../src/shell/sources.ts';
import { message } from '../support/capture.ts';

const NOW = ms(1_700_000_000_000);

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'], ['255.255.255.255', '255.255.255.255'], ['2001:0DB8:0:0::1', '2001:db8::1'], ['::ffff:192.0.2.1', '192.0.2.1'], ['::ffff:c000:201', '192.0.2.1'], ['::1', '::1'],
    ['256.0.0.1', undefined], ['1.2.3', undefined], ['01.2.3.4', undefined], ['1.2.3.4.', undefined], ['0x7f.0.0.1', undefined], ['fe80::1%eth0', undefined], ['a.test', undefined], ['', undefined], ['1::2::3', undefined], [']/x[::1', undefined],
  ])('%s is %s', (text, address) => expect(readAddress(text)).toBe(address));

  it('is none or as it prints, whatever it is', () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const address = readAddress(text);
      if (address !== undefined) expect(readAddress(address)).toBe(address);
    }));
  });
});

const raw = (name: string, value: string, ttl: number): string => {
  const whole = message({ name: 'q', answers: [[name, value, ttl]] });
  return whole.subarray(12 + 3 + 4).toString('base64');
};
const told = (parameters: unknown): string => JSON.stringify({ parameters, continues: true });

describe('the monitor of systemd-resolved', () => {
  const question = [{ class: 1, type: 1, name: 'CDN.example.test' }];
  const answer = [
    { rr: { key: { class: 1, type: 5, name: 'cdn.example.test' }, name: 'edge.test' }, raw: raw('cdn.example.test', 'edge.test', 7200), ifindex: 3 },
    { rr: { key: { class: 1, type: 1, name: 'edge.test' }, address: [192, 0, 2, 11] }, raw: raw('edge.test', '192.0.2.11', 4000), ifindex: 3 },
    { rr: { key: { class: 1, type: 28, name: 'edge.test' }, address: [32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16] }, ifindex: 3 },
  ];

  it('names the addresses by the question', () => {
    const expected = { time: NOW, name: 'cdn.example.test', addresses: ['192.0.2.11', '2001:db8::10'], ttl: 4000 };
    expect(readResolved(told({ state: 'success', question, answer }), NOW)).toEqual(expected);
    // A line of resolvectl.
    expect(readResolved(JSON.stringify({ state: 'success', question, answer }), NOW)).toEqual(expected);
  });

  it('names them by what was asked for first, when an alias was followed', () =>
    expect(readResolved(told({ state: 'success', question: [{ name: 'edge.test' }], collectedQuestions: question, answer }), NOW)?.name).toBe('cdn.example.test'));

  it.each([
    ['that it is ready', { ready: true }],
    ['a failure', { state: 'rcode-failure', rcode: 3, question, answer }],
    ['a name of one label, which any neighbour may have answered', { state: 'success', question: [{ name: 'db' }], answer }],
    ['a name of a neighbour', { state: 'success', question: [{ name: 'printer.local' }], answer }],
    ['nothing', { state: 'success', question, answer: [] }],
    ['nonsense', { state: 'success', question: 7, answer: { address: 'x' } }],
    ['half an address', { state: 'success', question, answer: [{ rr: { address: [1, 2, 3] } }, { rr: { address: [1, 2, 3, 999] } }] }],
  ])('takes no name from %s', (_, parameters) => expect(readResolved(told(parameters), NOW)).toBeUndefined());

  it('survives whatever is sent', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.jsonValue().map((answer_) => told({ state: 'success', question, answer: answer_ }))), (text) => void readResolved(text, NOW)));
  });
});

const dump = (ttl: number, ...more: readonly string[]): string => [
  'START_RRSET_CACHE', ';rrset 60 1 0 8 0', `cdn.example.test.\t${ttl}\tIN\tCNAME\tedge.test.`, `edge.test.\t${ttl}\tIN\tA\t192.0.2.10`, `edge.test.\t${ttl}\tIN\tA\t192.0.2.11`, 'END_RRSET_CACHE',
  'START_MSG_CACHE', 'msg cdn.example.test. IN A 33152 1 20 0 2 0 0', 'cdn.example.test. IN CNAME 0', 'edge.test. IN A 0', 'msg edge.test. IN A 33152 1 20 0 1 0 0', 'edge.test. IN A 0',
  'msg nope.test. IN A 33155 1 60 0 0 1 0', 'test. IN SOA 4', ...more, 'END_MSG_CACHE', 'EOF', '',
].join('\n');

describe('the cache of unbound', () => {
  const both = ['192.0.2.10', '192.0.2.11'];

  it('names addresses by the question, which comes after the aliases that were asked for on the way', () =>
    expect(unboundCache()(dump(300), NOW)).toEqual([{ time: NOW, name: 'edge.test', addresses: both, ttl: 300 }, { time: NOW, name: 'cdn.example.test', addresses: both, ttl: 300 }]));

  it('says once what was answered once, at the time of the dump before', () => {
    const read = unboundCache();
    read(dump(300), NOW);
    expect(read(dump(299), ms(NOW + 1000))).toEqual([]);
    expect(read(dump(300), ms(NOW + 60_000))).toMatchObject([{ time: NOW + 1000, name: 'edge.test' }, { time: NOW + 1000, name: 'cdn.example.test' }]);
  });

  it('survives whatever it prints', () => {
    const part = fc.constantFrom('msg ', 'a.test.', ' IN ', '\tIN\tA\t', 'A', 'CNAME 0', '192.0.2.1', '\n', '60', ' ');
    fc.assert(fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 60 }), (parts) => void unboundCache()(parts.join(''), NOW)));
  });
});

describe('/etc/hosts and /etc/resolv.conf', () => {
  it('name an address by its first name', () => {
    const text = '127.0.0.1 localhost\n# 192.0.2.9 no\n192.0.2.1\tDB.internal db # main\r\n192.0.2.1 again.test\n2001:DB8::1 six.test\n\nnonsense\n192.0.2.2 10.0.0.1\n';
    expect([...readHosts(text)]).toEqual([['127.0.0.1', 'localhost'], ['192.0.2.1', 'db.internal'], ['2001:db8::1', 'six.test']]);
  });

  it('name the resolvers', () => expect(readResolvers('search example.test\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n#nameserver 192.0.2.66\n nameserver 192.0.2.67\n')).toEqual(['192.0.2.53', 'fe80::1']));
});

describe('--dns', () => {
  it.each([
    ['/var/log/dnsmasq.log', { kind: 'dnsmasq', file: '/var/log/dnsmasq.log' }],
    ['hosts', { kind: 'hosts' }], ['resolved', { kind: 'resolved' }], ['unbound', { kind: 'unbound' }],
    ['pcap:-', { kind: 'pcap', file: '/dev/stdin', resolvers: undefined }],
    ['pcap:a@b.pcap', { kind: 'pcap', file: 'a@b.pcap', resolvers: undefined }],
    ['pcap:a@b.pcap@192.0.2.53,2001:DB8::53', { kind: 'pcap', file: 'a@b.pcap', resolvers: ['192.0.2.53', '2001:db8::53'] }],
  ])('%s', (text, source) => expect(readSource(text)).toEqual(source));

  it.each(['', '-', 'pcap:', 'pcap:@192.0.2.53'])("refuses '%s'", (text) => expect(() => readSource(text)).toThrow('--dns'));
});
