import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';

/** A time as syslog writes it, `Nov 20 15:45:14`: year and zone are the reader's guess. */
export interface Stamp {
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** Ms since midnight. */
  readonly clock: number;
}

/** How far clocks are ahead of UTC, ms, when it is this time by UTC. */
export type Zone = (time: Ms) => number;

const DAY = 86_400_000;
/** All zones of today are a multiple of this away from UTC. Ms. */
const GRID = 900_000;
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const SYSLOG = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)/;

/** The stamp at the beginning of a line; undefined when there is none. */
export const readStamp = (line: string): Stamp | undefined => {
  const m = SYSLOG.exec(line);
  const month = m ? MONTHS.indexOf(m[1] ?? '') / 3 : -1;
  if (!m || !Number.isInteger(month) || month < 0) return undefined;
  return { month: month + 1, day: Number(m[2]), clock: ((Number(m[3]) * 60 + Number(m[4])) * 60 + Number(m[5])) * 1000 };
};

/** Days from 1970-01-01 to a day of the Gregorian calendar. Method: H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil. */
export const daysTo = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
};

const AVERAGE_YEAR = 365.2425 * DAY;

/** The time in the year that brings it nearest to `near`, if clocks showed UTC. */
export const nearestYear = ({ month, day, clock }: Stamp, near: Ms): Ms => {
  const year = 1970 + Math.floor(near / AVERAGE_YEAR);
  const times = [year - 1, year, year + 1].map((y) => daysTo(y, month, day) * DAY + clock);
  return ms(times.reduce((best, time) => (Math.abs(time - near) < Math.abs(best - near) ? time : best)));
};

/** What clocks showed at `time`, if they were that far ahead. */
export const inZone = (shown: Ms, zone: Zone): Ms => ms(shown - zone(ms(shown - zone(shown))));

/** A log may end a little before another begins, and was still written beside it. Ms. */
const NEAR = GRID / 2;

/** No clock on earth is further off. Ms. */
const FARTHEST = 14 * 3_600_000;

/**
 * The zone in which a log was written that showed times `from` to `to`, if it was written beside a log that has its first stamp at `near`: the
 * machine's own if it covers that then. Else the multiple of a quarter of an hour that makes both begin together, or moves it least.
 */
export const zoneOf = (from: Ms, to: Ms, near: Ms, own: Zone): Zone => {
  if (inZone(from, own) - NEAR <= near && near <= inZone(to, own) + NEAR) return own;
  const offsets = [from - near, near < from ? from - near : to - near].map((shown) => Math.round(shown / GRID) * GRID);
  const offset = offsets.find((ahead) => Math.abs(ahead) <= FARTHEST);
  return offset === undefined ? own : () => offset;
};
