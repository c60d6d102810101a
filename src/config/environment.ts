import { FullmonError, inside } from '../input/errors.ts';
import { KEYS, NUMBERS } from './options.ts';
import type { Format, Key, Layer, Read } from './options.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names the file. */
export const FILE_VARIABLE = 'FULLMON_CONFIG';

export const variableOf = (key: Key): string => `FULLMON_${key.toUpperCase().replaceAll('-', '_')}`;

const SWITCH: Readonly<Record<string, boolean>> = { 1: true, true: true, yes: true, on: true, 0: false, false: false, no: false, off: false };

const toggle: Read<boolean> = (value) => {
  const on = SWITCH[String(value).toLowerCase()];
  if (on === undefined) throw new FullmonError(`expected true or false, got '${String(value).slice(0, 40)}'`);
  return on;
};

const format: Read<Format> = (value) => {
  if (value === 'json' || value === 'text') return value;
  throw new FullmonError(`expected json or text, got '${String(value).slice(0, 40)}'`);
};

/** Globs have blanks and addresses have commas, so lists have one entry a line. */
const lines: Read<readonly string[]> = (value) => String(value).split('\n').map((line) => line.trim()).filter((line) => line !== '');

/** What the environment says; an empty variable says nothing. Throws a {@link FullmonError} that names the variable. */
export const readEnvironment = (environment: Environment): Layer => {
  const read = <T>(key: Key, of: Read<T>): T | undefined => {
    const text = environment[variableOf(key)];
    return text === undefined || text === '' ? undefined : inside(variableOf(key), () => of(text));
  };
  return {
    auditd: read('auditd', String), baseline: read('baseline', NUMBERS.baseline), monitor: read('monitor', NUMBERS.monitor), rebase: read('rebase', toggle),
    ignore: read('ignore', lines), dns: read('dns', lines), flood: read('flood', NUMBERS.flood), 'max-edges': read('max-edges', NUMBERS['max-edges']),
    state: read('state', String), accepted: read('accepted', String), wait: read('wait', NUMBERS.wait), 'public-key': read('public-key', String),
    format: read('format', format), metrics: read('metrics', String),
  };
};

/** Lists of sinks are no text for a variable. */
const VARIABLES: readonly string[] = [FILE_VARIABLE, ...KEYS.filter((key) => key !== 'sinks').map(variableOf)];

/** A word about each variable that is nearly one of ours; others begin like that, too. */
export const strangers = async (environment: Environment): Promise<readonly string[]> => {
  const unknown = Object.keys(environment).filter((name) => name.startsWith('FULLMON_') && !VARIABLES.includes(name));
  if (unknown.length === 0) return [];
  const { nearest } = await import('../input/nearest.ts');
  return unknown.flatMap((name) => {
    const meant = nearest(name, VARIABLES);
    return meant === undefined ? [] : [`the variable ${name} says nothing here: is it ${meant}?`];
  });
};
