import { describe, expect, it } from 'vitest';
import { bytes, ms } from '../../src/audit/units.ts';
import { LATE, openHostnames } from '../../src/behaviour/hostnames.ts';
import type { Hostnames } from '../../src/behaviour/hostnames.ts';

const HOUR = 3_600_000;
const T = 1_700_000_000_000;
const ADDRESS = '203.0.113.7';

const learned = (...answers: readonly (readonly [name: string, at: number, ttl?: number, address?: string])[]): Hostnames => {
  const hostnames = openHostnames();
  for (const [name, at, ttl = 0, address = ADDRESS] of answers) hostnames.learn({ time: ms(T + at), name: bytes(name), addresses: [address], ttl });
  return hostnames;
};
const nameAt = (hostnames: Hostnames, at: number, address = ADDRESS): string | undefined => hostnames.nameOf(address, ms(T + at));

describe('the name of an address', () => {
  it('may come up to a second late', () => {
    const one = learned(['a.test', 0]);
    expect(nameAt(one, -LATE)).toBe('a.test');
    expect(nameAt(one, -1500)).toBeUndefined();
    expect(nameAt(one, 0, '203.0.113.8')).toBeUndefined();
  });

  it.each([[0, HOUR], [60, HOUR], [7200, 2 * HOUR], [1e6, 24 * HOUR], [0xffffffff, 24 * HOUR]])('with a TTL of %d s holds for %d ms', (ttl, length) => {
    const one = learned(['a.test', 0, ttl]);
    expect(nameAt(one, length - 1)).toBe('a.test');
    expect(nameAt(one, length)).toBeUndefined();
  });

  it('lives on while it is asked for', () => {
    const one = learned(['a.test', 0], ['a.test', HOUR / 2], ['a.test', HOUR]);
    expect(nameAt(one, 2 * HOUR - 1)).toBe('a.test');
    expect(nameAt(one, 2 * HOUR)).toBeUndefined();
    expect(one.save().rows).toHaveLength(1);
  });

  it('is the latest that was answered before, and not the one that comes late', () => {
    const one = learned(['a.test', 0], ['b.test', 60_000], ['a.test', 120_000]);
    expect([0, 59_000, 60_000, 119_500, 120_000].map((at) => nameAt(one, at))).toEqual(['a.test', 'a.test', 'b.test', 'b.test', 'a.test']);
    // Stamps of the audit log are those of the last tick.
    expect(nameAt(one, 59_995)).toBe('b.test');
  });

  it('is an older one that holds longer', () => expect(nameAt(learned(['a.test', 0, 20_000], ['b.test', 1000]), 1.5 * HOUR)).toBe('a.test'));

  it('does not depend on the order in which several sources tell', () => {
    const inOrder = learned(['a.test', 0], ['b.test', 5000], ['c.test', 9000]);
    const late = learned(['c.test', 9000], ['a.test', 0], ['b.test', 5000]);
    for (const at of [0, 4000, 5000, 8000, 9000]) expect(nameAt(late, at)).toBe(nameAt(inOrder, at));
  });

  it('is what /etc/hosts says when nobody asked, until the file says otherwise', () => {
    const one = learned(['a.test', 0]);
    one.replace(new Map([[ADDRESS, bytes('written.test')]]));
    expect(nameAt(one, 0)).toBe('a.test');
    expect(nameAt(one, -HOUR)).toBe('written.test');
    one.replace(new Map());
    expect(nameAt(one, -HOUR)).toBeUndefined();
  });

  it.each(['127.0.0.1', '127.8.8.8', '0.0.0.0', '::1', '::'])('cannot be given to %s', (address) => {
    const one = learned(['a.test', 0, 0, address]);
    one.replace(new Map([[address, bytes('b.test')]]));
    expect(nameAt(one, 0, address)).toBeUndefined();
  });

  it('is known again from what was saved', () => {
    const one = learned(['a.test', 0], ['b.test', 60_000], ['c.test', 0, 0, '2001:db8::1']);
    const again = openHostnames(JSON.parse(JSON.stringify(one.save())));
    expect(again.save()).toEqual(one.save());
    expect(nameAt(again, 60_000)).toBe('b.test');
  });

  it('costs bounded memory, whatever is answered', () => {
    const one = openHostnames();
    for (let i = 0; i < 100_000; i++) one.learn({ time: ms(T + i), name: bytes(`n${i}.test`), addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`], ttl: 0 });
    for (let i = 0; i < 100_000; i++) one.learn({ time: ms(T + i), name: bytes(`n${i}.test`), addresses: [ADDRESS], ttl: 0 });
    expect(one.save().rows.reduce((n, [, list]) => n + list.length, 0)).toBeLessThanOrEqual(65_536);
    expect(one.dropped()).toBeGreaterThan(100_000);
    expect(nameAt(one, 100_000)).toBe('n99999.test');
    expect(nameAt(one, 10 * HOUR)).toBeUndefined();
  });
});
