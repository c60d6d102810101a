import { FullmonError } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30m`, `12h`, `30d`, `8w` in ms; undefined for what is none. */
export const durationOf = (text: string): number | undefined => {
  const [, count, unit = ''] = /^(\d{1,4})([mhdw])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 0);
};

/** The same of a flag. Throws a {@link FullmonError}. */
export const readDuration = (flag: string, text: string): number => {
  const duration = durationOf(text);
  if (duration === undefined || duration === 0) throw new FullmonError(`${flag}: expected a time like 30m, 2h or 1d, got '${text.slice(0, 40)}'`);
  return duration;
};
