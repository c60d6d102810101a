import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alertsOf, readLog, replay } from '../support/replay.ts';

// An intruder inside a shop who knows what is known and does little else; docs/limits.md tells of it.
const LOG = readLog(resolve(import.meta.dirname, '../../fixtures/mimicry.log.gz'));
const told = alertsOf(replay(LOG, { baseline: 44, monitor: 10 }));
const objects = told.map(({ edge }) => edge.slice(edge.indexOf('->') + 2).replace(/[0-9a-f]{32}/, '*').replace(/^proc::[^:]*:/, ''));

describe('an intruder who keeps to what is known', () => {
  it('is told with each step aside, and for nothing else', () => {
    expect(objects).toEqual([
      'host:127.0.0.1:9002', 'host:127.0.0.2:9001', 'file:CREATE:/srv/shop/data/sess_*', 'file:DELETE:/srv/shop/data/sess_*', 'file:CREATE:/srv/shop/data/sess_*.php', 'file:CREATE:/srv/shop/data/sess_*',
      '/usr/bin/date@?',
    ]);
  });

  it('is one incident', () => expect(new Set(told.map(({ incident }) => incident)).size).toBe(1));

  it('is not told where he takes none: loot in a session file of the usual shape, sent to the usual peer, sorted into the usual file', () => {
    const before = told[0]?.seen.first ?? 0;
    const silent = alertsOf(replay(LOG)).filter(({ seen: { first, last } }) => first < before && last > before - 5000).map(({ edge }) => edge);
    expect(silent.filter((edge) => /sess_[0-9a-f]{32}$/.test(edge)).length).toBeGreaterThan(0);
    expect(silent.filter((edge) => edge.endsWith('host:127.0.0.1:9001') || edge.endsWith('file:WRITE:/srv/shop/sorted'))).toHaveLength(2);
  });
});
