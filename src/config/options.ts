import { FullmonError } from '../input/errors.ts';
import type { Sinks } from '../report/sinks/schema.ts';

/** Edges that are never told: a glob for each side. */
export interface Ignore {
  readonly edge: string;
  readonly comment?: string | undefined;
  /** A time from which on it counts no more. */
  readonly expires?: string | undefined;
}

export type Format = 'json' | 'text';

/** What can be set by a flag, a variable of the environment or the file: one of these is a layer. Windows in seconds. */
export interface Layer {
  readonly auditd?: string | undefined;
  readonly baseline?: number | undefined;
  readonly monitor?: number | undefined;
  readonly rebase?: boolean | undefined;
  readonly ignore?: readonly (string | Ignore)[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly flood?: number | undefined;
  readonly 'max-edges'?: number | undefined;
  readonly state?: string | undefined;
  readonly accepted?: string | undefined;
  readonly wait?: number | undefined;
  readonly 'public-key'?: string | undefined;
  readonly format?: Format | undefined;
  readonly metrics?: string | undefined;
  readonly sinks?: Sinks | undefined;
}

export type Key = keyof Layer;

export const KEYS = ['auditd', 'baseline', 'monitor', 'rebase', 'ignore', 'dns', 'flood', 'max-edges', 'state', 'accepted', 'wait', 'public-key', 'format', 'metrics', 'sinks'] as const satisfies readonly Key[];

/** What decides what is told: this a replay takes from the environment and a file, too; all else is the agent's own. */
export const JUDGING: ReadonlySet<Key> = new Set<Key>(['baseline', 'monitor', 'rebase', 'ignore', 'flood', 'max-edges', 'accepted']);

/** What counts where nobody says anything. */
export const DEFAULTS = {
  auditd: '/var/log/audit/audit.log', baseline: 3600, monitor: 60, rebase: false, ignore: [], dns: [], flood: 20, 'max-edges': 100_000, wait: 0.5, sinks: [],
} as const satisfies Layer;

/** Reads what somebody wrote. Throws a {@link FullmonError} that says what was expected. */
export type Read<T> = (value: unknown) => T;

/** Ten years, in seconds: beyond any use, and still a date. */
const LONGEST = 315_360_000;

/** The last one counts of a flag that is given twice. */
const textOf = (value: unknown): string => String(Array.isArray(value) ? value.at(-1) : value).trim();

const seconds = (least: number): Read<number> => (value) => {
  const text = textOf(value);
  const n = text === '' ? Number.NaN : Number(text);
  if (!(n >= least && n <= LONGEST)) throw new FullmonError(`expected seconds, ${least} to ${LONGEST}, got '${text.slice(0, 40)}'`);
  // The log's clock ticks in milliseconds.
  return Math.round(n * 1000) / 1000;
};

const whole = (least: number): Read<number> => (value) => {
  const text = textOf(value);
  if (!/^\d{1,7}$/.test(text) || Number(text) < least) throw new FullmonError(`expected a number, ${least} to 9999999, got '${text.slice(0, 40)}'`);
  return Number(text);
};

/** Those settings that are numbers. */
export const NUMBERS = { baseline: seconds(0), monitor: seconds(0), flood: whole(0), 'max-edges': whole(1000), wait: seconds(0.01) } as const;
