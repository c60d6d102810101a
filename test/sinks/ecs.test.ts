import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { fit, idOf, toJson } from '../../src/report/sinks/format.ts';
import { readLog, replay } from '../support/replay.ts';
import { incident } from '../support/told.ts';

const said = ['reverse-shell.log', 'cron-session.log.gz', 'sockets.log', 'odd-names.log', 'session-cleaner-by-directory-descriptor.log.gz'].flatMap((name) => replay(readLog(resolve(import.meta.dirname, '../../fixtures', name)), { baseline: name.startsWith('session') ? 600 : 0, monitor: 60 }));
const ecsOf = (line: Line) => JSON.parse(toJson(line, idOf(line), 'ecs'));
const edgeTo = (start: string): Line | undefined => said.find((line) => line.type === 'edge' && line.alert.edge.includes(`->${start}`));

describe('a line as ECS', () => {
  it('has what all have, whatever it tells, in printable ASCII', () => {
    expect(new Set(said.map(({ type }) => type))).toEqual(new Set(['phase', 'ignore', 'coverage', 'edge', 'incident']));
    for (const line of said) {
      expect(toJson(line, idOf(line), 'ecs')).toMatch(/^\{[\x20-\x7e]*\}$/);
      expect(ecsOf(line)).toMatchObject({
        '@timestamp': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), ecs: { version: '8.11.0' }, message: expect.any(String), host: { name: expect.any(String) }, agent: { type: 'fullmon' }, log: { level: expect.any(String) },
        event: { id: idOf(line), module: 'fullmon', dataset: expect.stringMatching(/^fullmon\./), kind: line.type === 'edge' || line.type === 'incident' ? 'alert' : 'event', category: expect.any(Array), type: expect.any(Array) },
      });
    }
  });

  it('has an id of its own', () => {
    const ids = said.map(idOf);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i && !said[i]?.type.startsWith('phase'))).toEqual([]);
  });

  it.each([
    ['proc:', { event: { category: ['intrusion_detection', 'process'], type: ['start'] }, process: { executable: expect.stringMatching(/^\//), parent: { executable: expect.stringMatching(/^\//) } } }],
    ['host:', { event: { category: ['intrusion_detection', 'network'], type: ['connection'] }, destination: { address: expect.any(String), port: expect.any(Number) }, process: { pid: expect.any(Number) }, user: { id: expect.stringMatching(/^\d+$/) } }],
    ['file:CREATE:', { event: { category: ['intrusion_detection', 'file'], type: ['creation'] }, file: { path: expect.stringMatching(/^\//) } }],
  ])('of an edge to %s says who did what to what', (start, fields) => {
    const line = edgeTo(start);
    expect(line && ecsOf(line)).toMatchObject(fields);
  });

  it('of an incident says why, what, whence and how grave', () => {
    expect(ecsOf(incident('aaa', 'critical'))).toMatchObject({
      event: { id: 'aaa-opened', action: 'incident-opened', severity: 4, risk_score: 75, reason: 'this program never connected anywhere' }, log: { level: 'critical' },
      process: { executable: '/usr/bin/dash', command_line: 'sh -c nc' }, user: { id: '33' }, destination: { ip: '203.0.113.66', port: 4444 }, source: { ip: '198.51.100.1' },
      threat: { framework: 'MITRE ATT&CK', tactic: { name: ['command and control'] }, technique: { id: ['T1071'] } }, fullmon: { incident: 'aaa', state: 'opened' },
    });
  });
});

describe('a line that is too long', () => {
  it.each([100_000, 8000, 500])('is cut to %d characters and is JSON still, as long as that can be', (most) => {
    const long = JSON.stringify({ id: 'aaa', command: 'x'.repeat(200_000), list: Array.from({ length: 1000 }, (_, i) => `${i}`) });
    const cut = fit(long, most);
    expect(cut.length).toBeLessThanOrEqual(most);
    if (most > 500) expect(JSON.parse(cut)).toMatchObject({ id: 'aaa', command: expect.stringMatching(/^x+\.\.\.$/) });
    else expect(cut).toMatch(/^\{"id":"aaa"/);
  });
});
