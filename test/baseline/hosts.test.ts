import { describe, expect, it } from 'vitest';
import { bytes, ms } from '../../src/audit/units.ts';
import { parseSubject } from '../../src/behaviour/edge.ts';
import { generaliseHosts } from '../../src/baseline/hosts.ts';

const patterns = (subject: string, ...names: readonly string[]): readonly string[] => {
  const who = parseSubject(subject);
  if (who === undefined) throw new TypeError(subject);
  return generaliseHosts(who, names.map((name) => ({ name: bytes(name), first: ms(0) }))).map(({ source }) => `^${source}$`);
};
const CURL = 'proc::33:/usr/bin/curl';
const NODES = [1, 7, 9, 12].map((n) => `node-${n}.cdn.example.test:443`);
const BARE = [1, 2, 3, 4].map((n) => `203.0.113.${n}:80`);

describe('peers that vary', () => {
  it('are a network, when nobody asked for a name', () => {
    expect(patterns(CURL, ...BARE)).toEqual([String.raw`^203\.0\.113\.[0-9]{1,3}:80$`]);
    expect(patterns(CURL, ...BARE.slice(1))).toEqual([]);
    expect(patterns(CURL, ...BARE.slice(1), '203.0.113.1:81')).toEqual([]);
  });

  it('known by name do not make their network known', () => {
    const found = patterns(CURL, ...BARE.slice(1), 'api.example.test:80', ...NODES);
    for (const source of found) expect('203.0.113.9:80').not.toMatch(new RegExp(source));
  });

  it('are a family of names, when these differ in numbers', () => {
    const [source = '', ...more] = patterns(CURL, ...NODES);
    expect(more).toEqual([]);
    for (const name of [...NODES, 'node-77.cdn.example.test:443']) expect(name).toMatch(new RegExp(source));
    for (const name of ['node-777.cdn.example.test:443', 'node-a.cdn.example.test:443', 'node-1.cdn.example.test:80', 'node-1.evil.example.test:443', 'node-1.cdn.evil.test:443', 'node-1.cdn.example.test.evil.test:443', 'x.node-1.cdn.example.test:443', 'node-1xcdn.example.test:443']) {
      expect(name).not.toMatch(new RegExp(source));
    }
  });

  it('keep the numbers that do not differ, and take hex of the lengths that were seen', () => {
    const [source = ''] = patterns(CURL, ...['0a1b2c3d', 'ffeeddcc', '00000001', 'deadbeef'].map((id) => `${id}.v2.example.test:443`));
    expect(source).toBe(String.raw`^[0-9a-f]{8}\.v2\.example\.test:443$`);
  });

  it.each([
    ['a domain of their own each', ['a1.test:443', 'a2.test:443', 'a3.test:443', 'a4.test:443']],
    ['another owner each', ['shop1.co.uk:443', 'shop2.co.uk:443', 'shop3.co.uk:443', 'shop4.co.uk:443']],
    ['words', ['red.cdn.example.test:443', 'blue.cdn.example.test:443', 'green.cdn.example.test:443', 'grey.cdn.example.test:443']],
    ['spelled addresses, which anybody can rent', [1, 2, 3, 4].map((n) => `ec2-192-0-2-${n}.compute.example.test:443`)],
    ['too few', NODES.slice(1)],
    ['IPv6', [1, 2, 3, 4].map((n) => `2001:db8::${n}:443`)],
  ])('stay what they are: %s', (_, names) => expect(patterns(CURL, ...names)).toEqual([]));

  it('stay what they are for interpreters without a script', () => {
    for (const subject of ['proc::33:/usr/bin/bash', 'proc::33:/usr/bin/python3 -c', 'proc::33:/usr/bin/php -', 'proc::997:/usr/bin/node']) expect(patterns(subject, ...BARE, ...NODES)).toEqual([]);
    expect(patterns('proc::33:/usr/bin/python3 /srv/job.py', ...BARE, ...NODES)).toHaveLength(2);
  });
});
