import { hash } from 'node:crypto';
import { hostname } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import type { Line } from '../../detect/line.ts';
import { jsonReport } from '../json.ts';
import { terminalReport } from '../terminal.ts';
import { ecs } from './ecs.ts';

export type Format = 'json' | 'ecs';

/** Strings of a line that is too long are cut to this, in turn; lists to {@link MAX_LIST}. */
const CUTS = [4096, 1024, 256, 64] as const;
const MAX_LIST = 64;

/** The same JSON, its strings cut until it has no more than `most` characters: what is told begins with what matters. */
export const fit = (json: string, most: number): string => {
  let fitting = json;
  for (const longest of CUTS) {
    if (fitting.length <= most) return fitting;
    fitting = JSON.stringify(JSON.parse(fitting, (_, value: unknown) =>
      typeof value === 'string' && value.length > longest ? `${value.slice(0, longest)}...` : Array.isArray(value) ? value.slice(0, MAX_LIST) : value));
  }
  return fitting.slice(0, most);
};

let written = '';
const report = jsonReport({ write: (text) => void (written = text.trimEnd()) });

const plainJson = (line: Line): string => {
  report(line);
  return written;
};

const digest = (text: string): string => hash('sha256', text).slice(0, 16);

/** What tells this line from all others, and is the same when it is told again. */
export const idOf = (line: Line): string =>
  line.type === 'incident' ? `${line.incident.id}-${line.state}${line.state === 'risen' ? `-${line.incident.severity}` : ''}` : digest(plainJson(line));

/** A line as one JSON object that says by itself where it comes from. */
export const toJson = (line: Line, id: string, format: Format): string => {
  const host = hostname();
  return format === 'ecs' ? JSON.stringify(ecs(line, host, id)) : `{${JSON.stringify({ host, id }).slice(1, -1)},${plainJson(line).slice(1)}`;
};

/** A line for people who read mail. */
export const toText = (line: Line): string => {
  const written: string[] = [];
  terminalReport((text) => void written.push(stripVTControlCharacters(text)))(line);
  return written.join('\n');
};
