import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Alert } from '../../src/detect/incidents.ts';
import type { Line } from '../../src/detect/line.ts';
import type { Lookup } from '../../src/behaviour/processes.ts';
import { createFullmon } from '../../src/fullmon.ts';
import type { Fullmon, Settings, Snapshot } from '../../src/fullmon.ts';
import { raw } from './log.ts';

/** Windows in seconds; learns nothing and looks at everything at once unless told otherwise. */
export type Flags = Partial<Settings>;

const DEFAULTS: Settings = { baseline: 0, monitor: 1e9, rebase: false, flood: 0, ignored: () => false };

/** A fullmon and all it said so far. */
export const openFullmon = (flags: Flags = {}, before?: Snapshot, lookup?: Lookup): Fullmon & { readonly said: Line[] } => {
  const said: Line[] = [];
  return { ...createFullmon({ ...DEFAULTS, ...flags }, (line) => void said.push(line), lookup, before), said };
};

/** The same for a whole log. `chunk`: bytes that are fed at a time. */
export const replay = (log: Buffer | readonly string[], flags: Flags = {}, chunk = 65_536): readonly Line[] => {
  const fullmon = openFullmon(flags);
  const bytes = Buffer.isBuffer(log) ? log : raw(log.map((line) => `${line}\n`).join(''));
  for (let at = 0; at < bytes.length; at += chunk) fullmon.feed(bytes.subarray(at, at + chunk));
  fullmon.end();
  return fullmon.said;
};

export const alertsOf = (said: readonly Line[]): readonly Alert[] => said.flatMap((line) => (line.type === 'edge' ? [line.alert] : []));

/** All edges of a log, in order of first sight. */
export const edgesOf = (log: Buffer | readonly string[]): readonly string[] => alertsOf(replay(log)).map((alert) => alert.edge);

/** A stored log, plain or gzipped. */
export const readLog = (path: string): Buffer => (path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path));
