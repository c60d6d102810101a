import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import type { Ms } from '../../src/audit/units.ts';
import { daysTo, inZone, nearestYear, readStamp, zoneOf } from '../../src/dns/calendar.ts';
import type { Zone } from '../../src/dns/calendar.ts';

const at = (text: string): Ms => ms(Date.parse(text));
const utc: Zone = () => 0;
const HOUR = 3_600_000;

const year = (stamp: string, near: string): number => {
  const read = readStamp(stamp);
  if (read === undefined) throw new TypeError(stamp);
  return new Date(nearestYear(read, at(near))).getUTCFullYear();
};

describe('a stamp without a year', () => {
  it('is of the year that brings it nearest', () => {
    expect(year('Dec 31 23:59:59', '2026-01-01T00:00:05Z')).toBe(2025);
    expect(year('Jan  1 00:00:01', '2025-12-31T23:59:50Z')).toBe(2026);
    expect(year('Jun  1 00:00:01', '2026-06-02T00:00:00Z')).toBe(2026);
    expect(year('Feb 29 12:00:00', '2024-03-01T00:00:00Z')).toBe(2024);
  });

  it.each(['', 'Nox 20 15:46:58 ', 'anF 20 15:46:58', '2026-11-20', 'Nov 20'])("'%s' is none", (text) => expect(readStamp(text)).toBeUndefined());

  it('counts days as the calendar does', () => {
    fc.assert(fc.property(fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }), (date) => {
      expect(daysTo(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(Math.floor(date.getTime() / 86_400_000));
    }));
  });
});

describe('the zone of a log', () => {
  const from = at('2026-11-20T15:00:00Z');
  const to = at('2026-11-20T17:00:00Z');
  const zone = (near: string, own: Zone = utc): number => zoneOf(from, to, at(near), own)(from);

  it('is that of the machine when the audit log falls into it then', () => {
    expect(zone('2026-11-20T16:00:00Z')).toBe(0);
    expect(zone('2026-11-20T17:05:00Z')).toBe(0);
    expect(zone('2026-11-20T14:30:00Z', () => HOUR)).toBe(HOUR);
  });

  it.each([
    ['2026-11-20T12:00:00Z', 3 * HOUR], ['2026-11-20T20:00:00Z', -5 * HOUR], ['2026-11-20T09:31:00Z', 5.5 * HOUR], ['2026-11-20T09:14:00Z', 5.75 * HOUR],
  ])('is else the quarter of an hour that lets it begin with the audit log, at %s', (near, offset) => expect(zone(near)).toBe(offset));

  it('moves a log that began long before as little as it can be', () => expect(zoneOf(at('2026-11-18T00:00:00Z'), to, at('2026-11-20T20:00:00Z'), utc)(from)).toBe(-3 * HOUR));

  it('is that of the machine for a log of another day', () => expect(zone('2026-11-25T12:00:00Z', () => HOUR)).toBe(HOUR));

  it('may change in the log, as in summer', () => {
    const berlin: Zone = (time) => (time < at('2026-10-25T01:00:00Z') ? 2 : 1) * HOUR;
    expect(inZone(at('2026-10-25T01:30:00Z'), berlin)).toBe(at('2026-10-24T23:30:00Z'));
    expect(inZone(at('2026-10-25T04:00:00Z'), berlin)).toBe(at('2026-10-25T03:00:00Z'));
  });
});
