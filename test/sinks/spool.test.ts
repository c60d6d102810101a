import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Severity } from '../../src/detect/severity.ts';
import type { Entry } from '../../src/report/sinks/sink.ts';
import { openSpool } from '../../src/report/sinks/spool.ts';
import type { Spool } from '../../src/report/sinks/spool.ts';

let dir = '';
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-spool-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const queue = (): string => join(dir, 'queue');
const entry = (id: string, severity: Severity | undefined = 'low', body = `{"id":"${id}"}`): Entry => ({ id, severity, body });
const fill = (spool: Spool, ...ids: readonly string[]): void => ids.forEach((id) => spool.add(entry(id)));
const idsIn = (spool: Spool): readonly string[] => spool.head(1000).map(({ id }) => id);

describe('what waits for a sink', () => {
  it('is there after a kill, in the order of telling, without what is done', () => {
    const spool = openSpool(dir);
    fill(spool, 'a', 'b');
    spool.add(entry('c', 'critical'));
    fill(spool, 'd');
    spool.done(spool.head(2).slice(1));
    // No close: killed.
    const again = openSpool(dir);
    expect(again.head(9)).toMatchObject([entry('a'), entry('c', 'critical'), entry('d')]);
    again.done(again.head(9));
    expect(again.trouble()).toBeUndefined();
    expect([statSync(queue()).size, idsIn(openSpool(dir))]).toEqual([0, []]);
  });

  it('waits once, however often it is told', () => {
    const spool = openSpool(dir);
    fill(spool, 'a', 'a');
    const again = openSpool(dir);
    fill(again, 'a', 'b');
    expect(idsIn(again)).toEqual(['a', 'b']);
  });

  it.each([
    ['an entry', 12], ['a line that says what is done', 1],
  ])('is whole but for %s that was cut off', (_, missing) => {
    const spool = openSpool(dir);
    fill(spool, ...Array.from({ length: 20 }, (_, i) => `n${i}`));
    if (missing === 1) spool.done(spool.head(20).slice(10, 11));
    else fill(spool, 'cut');
    truncateSync(queue(), statSync(queue()).size - missing);
    const again = openSpool(dir);
    fill(again, 'next');
    expect(idsIn(openSpool(dir))).toEqual([...Array.from({ length: 20 }, (_, i) => `n${i}`), 'next']);
  });

  it('is read whatever stands in the file', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('+1 0 a b', '-1', '+2 9 a b', '+1 0 c d', '+999999999999999 4 x {}')), { maxLength: 20 }), (lines) => {
        writeFileSync(queue(), lines.join('\n'));
        const spool = openSpool(dir);
        fill(spool, 'new');
        spool.done(spool.head(1));
        spool.close();
      }),
      { numRuns: 30 },
    );
  });

  it('makes room for what is graver, the oldest of the least grave first', () => {
    const spool = openSpool(dir, { disk: 400, memory: 100 });
    spool.add(entry('c1', 'critical'));
    fill(spool, ...Array.from({ length: 40 }, (_, i) => `low${i}`));
    for (let i = 0; i < 12; i++) spool.add(entry(`high${i}`, 'high'));
    const ids = idsIn(spool);
    expect(ids[0]).toBe('c1');
    expect(ids.filter((id) => id.startsWith('low'))).toEqual(['low39']);
    expect(ids.filter((id) => id.startsWith('high'))).toEqual(Array.from({ length: 12 }, (_, i) => `high${i}`));
    expect(spool.lost()).toBe(39);
    expect(idsIn(openSpool(dir))).toEqual(ids);
  });

  it('takes no more of the disk than twice its bound, however much goes through it', () => {
    const spool = openSpool(dir, { disk: 10_000, memory: 1000 });
    spool.add(entry('stays', 'critical'));
    let longest = 0;
    for (let i = 0; i < 1000; i++) {
      spool.add(entry(`e${i}`, 'low', 'x'.repeat(50)));
      if (i % 3 === 0) spool.done(spool.head(4).slice(1));
      longest = Math.max(longest, statSync(queue()).size);
    }
    expect(longest).toBeLessThan(21_000);
    expect(idsIn(openSpool(dir))).toEqual(idsIn(spool));
    expect(idsIn(spool)[0]).toBe('stays');
  });

  it('is kept in memory, within bounds, where there is no place for it', () => {
    const spool = openSpool(undefined, { disk: 1000, memory: 200 });
    fill(spool, ...Array.from({ length: 50 }, (_, i) => `n${i}`));
    expect(idsIn(spool).at(-1)).toBe('n49');
    expect(spool.size()).toBeLessThan(10);
    expect(spool.lost() + spool.size()).toBe(50);
  });

  it('is kept in memory while the disk is full, and then on it', (context) => {
    const place = join(dir, 'small');
    mkdirSync(place, { mode: 0o700 });
    if (process.geteuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'none', place]).status !== 0) return context.skip('needs a mount');
    try {
      const spool = openSpool(place);
      fill(spool, 'a');
      const { bavail, bsize } = statfsSync(place);
      writeFileSync(join(place, 'filler'), Buffer.alloc(bavail * bsize));
      for (let i = 0; i < 10; i++) spool.add(entry(`b${i}`, 'high', 'x'.repeat(1000)));
      expect([spool.trouble(), idsIn(spool)]).toEqual(['ENOSPC', ['a', ...Array.from({ length: 10 }, (_, i) => `b${i}`)]]);
      const onDisk = idsIn(openSpool(place)).length;
      expect(onDisk).toBeLessThan(8);
      rmSync(join(place, 'filler'));
      fill(spool, 'c');
      expect([spool.trouble(), idsIn(openSpool(place))]).toEqual([undefined, idsIn(spool)]);
      expect(idsIn(spool)).toHaveLength(12);
    } finally {
      spawnSync('umount', ['-l', place]);
    }
  });

  it('is counted as lost where the disk gives back something else', () => {
    const spool = openSpool(dir);
    fill(spool, 'a', 'b');
    const bytes = readFileSync(queue());
    writeFileSync(queue(), bytes.fill(0, 0, 10));
    expect([idsIn(spool), spool.lost()]).toEqual([['b'], 1]);
  });
});
