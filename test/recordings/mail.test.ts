import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pid } from '../../src/audit/units.ts';
import type { ProcessFact } from '../../src/behaviour/processes.ts';
import { alertsOf, openFullmon, readLog } from '../support/replay.ts';
import { incidentsOf, isHigh, score } from '../support/score.ts';
import type { Label, Labels, Score } from '../support/score.ts';

// A mail and database server at work, a quarter of an hour to learn it, then attacks and honest novelties: recorded by mail/record.sh. The
// server is as little like the web server that most fixtures come from as could be.
const FOLDER = join(import.meta.dirname, 'mail');
const labels: Labels = JSON.parse(readFileSync(join(FOLDER, 'labels.json'), 'utf8'));
const processes: readonly ProcessFact[] = JSON.parse(readFileSync(join(FOLDER, 'processes.json'), 'utf8'));

const idsOf = (kind: Label['kind']): readonly string[] => labels.attacks.filter((label) => label.kind === kind).map(({ id }) => id);

/** What the agent would have told, had it been started with auditd. */
const watch = (): ReturnType<typeof score> => {
  const fullmon = openFullmon({ baseline: labels.baseline, monitor: 60 });
  fullmon.know(processes, pid(Math.max(...processes.map((one) => one.pid))));
  fullmon.feed(readLog(join(FOLDER, 'audit.log.gz')));
  fullmon.end();
  return score(labels, alertsOf(fullmon.said));
};

const edges = (alerts: Score['alerts']): readonly string[] => alerts.map(({ severity, edge }) => `${severity} ${edge}`);

describe('a recorded mail server', () => {
  let result: ReturnType<typeof score>;
  const of = (id: string): Score | undefined => result.scores.find((one) => one.id === id);

  beforeAll(() => {
    result = watch();
  }, 60_000);

  it.each(idsOf('attack'))('%s is found, and told as high or critical', (id) => {
    expect(of(id)?.hits.filter(isHigh).length, edges(of(id)?.hits ?? []).join('\n')).toBeGreaterThan(0);
  });

  it.each(idsOf('benign'))('%s is honest, and not told as high', (id) => {
    expect(edges(of(id)?.alerts.filter(isHigh) ?? [])).toEqual([]);
  });

  it('one attack is one incident, two at most', () => {
    const counts = result.scores.filter(({ kind }) => kind === 'attack').map(({ hits }) => incidentsOf(hits)).toSorted((a, b) => a - b);
    expect(counts.at(counts.length >> 1)).toBe(1);
    expect(counts.at(-1)).toBeLessThanOrEqual(2);
  });

  it('ordinary work raises no alarm', () => expect(edges(result.strays)).toEqual([]));

  it.each(idsOf('expected'))('%s: new each time, and never told as high', (id) => {
    expect(of(id)?.hits.length).toBeGreaterThan(0);
    expect(edges(of(id)?.hits.filter(isHigh) ?? [])).toEqual([]);
  });

  it('at most half of what is told is high or critical', () => {
    expect(result.all.filter(isHigh).length / result.all.length).toBeLessThanOrEqual(0.5);
  });
});
