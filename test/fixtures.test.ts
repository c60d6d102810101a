import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytes } from '../src/audit/units.ts';
import { show } from '../src/report/show.ts';
import { alertsOf, readLog, replay } from './support/replay.ts';

// What fullmon makes of each recorded situation. After a change that is meant to change it:
//
//   UPDATE_GOLDENS=1 npx vitest run test/fixtures.test.ts
//
// and read the difference beside the records before committing it.
const UPDATE = process.env['UPDATE_GOLDENS'] === '1';

const FOLDER = resolve(import.meta.dirname, '../fixtures');
const LOGS = readdirSync(FOLDER).filter((name) => /\.log(\.gz)?$/.test(name));

const golden = (file: string, actual: string): void => {
  if (UPDATE) writeFileSync(file, actual);
  expect(actual).toBe(readFileSync(file, 'utf8'));
};

/** `COUNT EDGE`, for renames with the old name. */
const edges = (log: Buffer): string =>
  alertsOf(replay(log))
    .map(({ edge, seen }) => `${String(seen.count).padStart(5)} ${edge}${seen.from === '' ? '' : `  from ${show(seen.from)}`}\n`)
    .join('');

const HEADER = /^# --baseline (\d+) --monitor (\d+)\n/;

/** `INCIDENT SEVERITY EDGE` below the flags; what was generalised stands between. */
const alerts = (log: Buffer, header: string): string => {
  const [, baseline, monitor] = HEADER.exec(header) ?? [];
  const incidents: string[] = [];
  const told = replay(log, { baseline: Number(baseline), monitor: Number(monitor) }).map((line) => {
    if (line.type === 'ignore') return `+ignore ${line.pattern.kind.toUpperCase()} ${line.pattern.subject} ${show(bytes(line.pattern.source))}\n`;
    if (line.type !== 'edge') return '';
    const { incident, severity, edge } = line.alert;
    if (!incidents.includes(incident)) incidents.push(incident);
    return `${incidents.indexOf(incident) + 1} ${severity.padEnd(8)} ${edge}\n`;
  });
  return header + told.join('');
};

const headerOf = (file: string): string => HEADER.exec(existsSync(file) ? readFileSync(file, 'utf8') : '')?.[0] ?? '# --baseline 0 --monitor 60\n';

describe('the recorded situations', () => {
  it.each(LOGS)('%s shows the edges it showed before', (name) => {
    golden(join(FOLDER, name.replace(/\.log(\.gz)?$/, '.edges')), edges(readLog(join(FOLDER, name))));
  });

  it.each(LOGS)('%s raises the alerts it raised before', (name) => {
    const file = join(FOLDER, name.replace(/\.log(\.gz)?$/, '.alerts'));
    golden(file, alerts(readLog(join(FOLDER, name)), headerOf(file)));
  });
});
