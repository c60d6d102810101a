import type { Settings } from './fullmon.ts';
import { readRules } from './rules.ts';

/** Flags of every command, as parsed. Windows in seconds. */
export interface Options {
  readonly baseline: number;
  readonly monitor: number;
  readonly rebase: boolean;
  readonly ignore: readonly string[];
  /** Where names of hosts are told. */
  readonly dns: readonly string[];
  readonly flood: number;
  readonly maxEdges: number;
  readonly format: 'json' | 'text' | undefined;
  /** File of what people accepted. */
  readonly accepted: string | undefined;
}

/** Checks what the flags' parser cannot. Throws a {@link FullmonError}. */
export const readSettings = async ({ baseline, monitor, rebase, ignore, flood, maxEdges }: Options): Promise<Settings> => {
  const rules = await readRules('--ignore', ignore);
  return { baseline, monitor, rebase, flood, maxEdges, ignored: (subject, object, time) => rules.some((rule) => rule(subject, object, time)) };
};
