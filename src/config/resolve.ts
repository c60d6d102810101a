import { lstatSync } from 'node:fs';
import { FullmonError } from '../input/errors.ts';
import { FILE_VARIABLE, readEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { DEFAULTS, JUDGING } from './options.ts';
import type { Format, Ignore, Key, Layer } from './options.ts';
import type { Sinks } from '../report/sinks/schema.ts';

/** The agent's configuration, unless told otherwise. */
export const CONFIG_FILE = '/etc/fullmon/fullmon.yaml';

/** How to watch: all settings, of whichever layer. Windows in seconds. */
export interface Options {
  readonly auditd: string;
  readonly baseline: number;
  readonly monitor: number;
  readonly rebase: boolean;
  readonly ignore: readonly Ignore[];
  /** Where names of hosts are told. */
  readonly dns: readonly string[];
  readonly flood: number;
  readonly maxEdges: number;
  /** Directory of the state. */
  readonly state: string | undefined;
  /** File of what people accepted. */
  readonly accepted: string | undefined;
  readonly wait: number;
  readonly publicKey: string | undefined;
  readonly format: Format | undefined;
  /** `ADDRESS:PORT` or `unix:PATH`. */
  readonly metrics: string | undefined;
  readonly sinks: Sinks;
}

/** Who said what counts. */
export type Origin = { readonly by: 'flag' | 'environment' | 'default' } | { readonly by: 'file'; readonly file: string; readonly line: number };

export interface Resolved {
  readonly options: Options;
  readonly originOf: (key: Key) => Origin;
}

interface Source {
  readonly layer: Layer;
  readonly originOf: (key: Key) => Origin;
  /** Only these count. */
  readonly only?: ReadonlySet<Key>;
}

const NOTHING: Source = { layer: {}, originOf: () => ({ by: 'default' }) };

const isMissing = (file: string): boolean => {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
};

/** The file that counts, and whether somebody asked for it. */
export const fileOf = (config: string | undefined, variables: Environment): { readonly file: string; readonly asked: boolean } => {
  const named = config ?? variables[FILE_VARIABLE];
  return { file: named ?? CONFIG_FILE, asked: named !== undefined };
};

/** Throws a {@link FullmonError} for a file that is of no use. */
const readLayer = async ({ file, asked }: ReturnType<typeof fileOf>): Promise<Source> => {
  if (!asked && isMissing(file)) return NOTHING;
  const read = (await import('./file.ts')).readFile(file);
  if (read.kind === 'read') return { layer: read.layer, originOf: (key) => ({ by: 'file', file, line: read.lineOf(key) }) };
  const [first = '', ...more] = read.faults;
  throw new FullmonError(`${first}${more.length === 0 ? '' : `, and ${more.length} more: fullmon config --check${asked ? ` --config ${file}` : ''}`}`);
};

const merge = (sources: readonly Source[]): Resolved => {
  const sourceOf = (key: Key): Source => sources.find(({ layer, only }) => layer[key] !== undefined && only?.has(key) !== false) ?? NOTHING;
  const of = <K extends Key>(key: K): Layer[K] => sourceOf(key).layer[key];
  return {
    options: {
      auditd: of('auditd') ?? DEFAULTS.auditd,
      baseline: of('baseline') ?? DEFAULTS.baseline,
      monitor: of('monitor') ?? DEFAULTS.monitor,
      rebase: of('rebase') ?? DEFAULTS.rebase,
      ignore: (of('ignore') ?? DEFAULTS.ignore).map((entry) => (typeof entry === 'string' ? { edge: entry } : entry)),
      dns: of('dns') ?? DEFAULTS.dns,
      flood: of('flood') ?? DEFAULTS.flood,
      maxEdges: of('max-edges') ?? DEFAULTS['max-edges'],
      state: of('state'),
      accepted: of('accepted'),
      wait: of('wait') ?? DEFAULTS.wait,
      publicKey: of('public-key'),
      format: of('format'),
      metrics: of('metrics'),
      sinks: of('sinks') ?? DEFAULTS.sinks,
    },
    originOf: (key) => sourceOf(key).originOf(key),
  };
};

const flag: Source['originOf'] = () => ({ by: 'flag' });
const environment: Source['originOf'] = () => ({ by: 'environment' });

/** The agent's settings, as flags, environment and file have them. Throws a {@link FullmonError} for what nobody can mean. */
export const resolveAgent = async (flags: Layer, config: string | undefined, variables: Environment): Promise<Resolved> => {
  const resolved = merge([{ layer: flags, originOf: flag }, { layer: readEnvironment(variables), originOf: environment }, await readLayer(fileOf(config, variables))]);
  const { publicKey, rebase } = resolved.options;
  if (publicKey !== undefined && rebase) throw new FullmonError('--public-key: nothing is learned beside what was signed: leave --rebase out');
  return resolved;
};

/** Those of a replay: it takes what decides what is told from everywhere, all else only from its flags; a file only if one is named. Throws a {@link FullmonError}. */
export const resolveReplay = async (flags: Layer, config: string | undefined, variables: Environment): Promise<Resolved> => {
  const file = fileOf(config, variables);
  return merge([
    { layer: flags, originOf: flag },
    { layer: readEnvironment(variables), originOf: environment, only: JUDGING },
    ...(file.asked ? [{ ...(await readLayer(file)), only: JUDGING }] : []),
  ]);
};
