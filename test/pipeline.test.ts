import { join, resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../src/audit/units.ts';
import { parseEdge, printEdge } from '../src/behaviour/edge.ts';
import type { Line } from '../src/detect/line.ts';
import { raw, T0 } from './support/log.ts';
import { alertsOf, openFullmon, readLog, replay } from './support/replay.ts';
import type { Flags } from './support/replay.ts';
import { ipv4, openScene } from './support/scene.ts';
import type { Scene } from './support/scene.ts';

const WEB = { pid: 4000, ppid: 1, exe: '/usr/sbin/nginx' } as const;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

/** What was told, in short: phases with their time, edges with the time they were told at. Times in seconds after the first event. */
const tale = (said: readonly Line[]): readonly string[] =>
  said.filter(({ type }) => type !== 'incident' && type !== 'coverage').map((line) => {
    const at = (line.time - T0) / SECOND;
    if (line.type === 'phase') return `${at} ${line.phase}`;
    if (line.type === 'ignore') return `${at} +ignore ${line.pattern.source}`;
    return `${at} ${line.type === 'edge' ? (line.alert.edge.split('->')[1] ?? '') : line.type}`;
  });

const told = (scene: Scene, flags: Flags): readonly string[] => tale(replay(scene.lines, flags));
const edgesOf = (lines: readonly string[]): readonly string[] => lines.filter((line) => / (?:file|host|proc):/.test(line));
const files = (scene: Scene, flags: Flags): readonly string[] => edgesOf(told(scene, flags));

describe('the clock', () => {
  it('starts with the first event and learns for exactly the baseline', () => {
    const scene = openScene().create(WEB, '/a').wait(9_999).create(WEB, '/last').wait(1).create(WEB, '/first').create(WEB, '/last');
    expect(told(scene, { baseline: 10, monitor: 60 })).toEqual(['0 baseline', '10 normalize', '10 prepare', '10 collect', '10 detect', '10 file:CREATE:/first']);
  });

  it('closes a cycle when an event lies beyond it, and counts cycles from the end of the baseline', () => {
    const scene = openScene().create(WEB, '/a').wait(10 * SECOND).create(WEB, '/b').wait(59_999).create(WEB, '/c').wait(1).create(WEB, '/d').wait(130 * SECOND).create(WEB, '/e');
    expect(told(scene, { baseline: 10, monitor: 60 }).slice(3)).toEqual([
      '10 collect', '70 detect', '70 file:CREATE:/b', '70 file:CREATE:/c', '70 collect', '130 detect', '130 file:CREATE:/d', '190 collect', '200 detect', '200 file:CREATE:/e',
    ]);
  });

  it('lets a late event join the open cycle', () => {
    const scene = openScene().create(WEB, '/a').wait(20 * SECOND).create(WEB, '/b').wait(-15 * SECOND).create(WEB, '/late').wait(60 * SECOND).create(WEB, '/c');
    expect(files(scene, { baseline: 10, monitor: 10 })).toEqual(['30 file:CREATE:/b', '30 file:CREATE:/late', '65 file:CREATE:/c']);
  });

  it('does not run backwards when the stamps do', () => {
    const scene = openScene().create(WEB, '/a').wait(20 * SECOND).create(WEB, '/b').wait(-DAY);
    for (let i = 0; i < 20; i++) scene.create(WEB, `/back${i}`).wait(SECOND);
    const said = replay(scene.wait(DAY).create(WEB, '/c').lines, { baseline: 10, monitor: 10 });
    expect(said.map(({ time }) => time)).toEqual(said.map(({ time }) => time).toSorted((a, b) => a - b));
    expect(alertsOf(said).length).toBe(22);
  });

  it('is set back when nothing but old stamps comes, says so, and goes on from there', () => {
    const scene = openScene().create(WEB, '/a').wait(3600 * SECOND).create(WEB, '/b').wait(-1800 * SECOND);
    for (let i = 0; i < 150; i++) scene.create(WEB, '/back').wait(SECOND);
    const lines = told(scene.create(WEB, '/c').wait(120 * SECOND).create(WEB, '/d'), { baseline: 10, monitor: 60 });
    expect(lines.filter((line) => line.endsWith(' finding'))).toEqual(['1899 finding']);
    expect(edgesOf(lines).map((line) => Number(line.split(' ')[0]))).toEqual([3600, 3600, 1959, 2070]);
  });

  it('passes over a year in one step', () => {
    const scene = openScene().create(WEB, '/a').wait(365 * DAY).create(WEB, '/b').wait(365 * DAY).create(WEB, '/c');
    const said = told(scene, { baseline: 3600, monitor: 1 });
    expect(said.length).toBeLessThan(12);
    expect(edgesOf(said).map((line) => line.split(' ')[1])).toEqual(['file:CREATE:/b', 'file:CREATE:/c']);
  });

  it('learns nothing with a baseline of 0', () => {
    expect(files(openScene().create(WEB, '/a').create(WEB, '/a'), { baseline: 0, monitor: 60 })).toEqual(['0 file:CREATE:/a']);
  });

  it('tells each event at once with a cycle of 0', () => {
    const fullmon = openFullmon({ baseline: 0, monitor: 0 });
    const feed = (scene: Scene): void => fullmon.feed(raw(`${scene.lines.join('\n')}\n`));
    feed(openScene().create(WEB, '/a').wait(SECOND).create(WEB, '/b'));
    expect(edgesOf(tale(fullmon.said))).toEqual(['0 file:CREATE:/a', '1 file:CREATE:/b']);
    feed(openScene().wait(DAY).create(WEB, '/c'));
    expect(edgesOf(tale(fullmon.said)).length).toBe(3);
    fullmon.end();
    expect(edgesOf(tale(fullmon.said)).length).toBe(3);
  });

  it.each([0.001, 0.0015, 0.3, 7.77])('has cycles of %d s, too', (monitor) => {
    const scene = openScene();
    for (let i = 0; i < 50; i++) scene.create(WEB, `/${i}`).wait(i * 7);
    expect(files(scene, { baseline: 0, monitor }).length).toBe(50);
  });

  it('goes on by ticks, but only over what lies 2 s behind', () => {
    const fullmon = openFullmon({ baseline: 10, monitor: 60 });
    const tick = (seconds: number): readonly string[] => {
      fullmon.tick(ms(T0 + seconds * SECOND));
      return tale(fullmon.said);
    };
    expect(tick(5)).toEqual([]);
    fullmon.feed(raw(`${openScene().create(WEB, '/a').lines.join('\n')}\n`));
    expect(tick(11.999)).toEqual(['0 baseline']);
    expect(tick(12)).toEqual(['0 baseline', '10 normalize', '10 prepare', '10 collect']);
    fullmon.feed(raw(`${openScene().wait(11 * SECOND).create(WEB, '/b').lines.join('\n')}\n`));
    expect(edgesOf(tick(71.999))).toEqual([]);
    expect(edgesOf(tick(72))).toEqual(['70 file:CREATE:/b']);
  });

  it('says where it stands', () => {
    const fullmon = openFullmon({ baseline: 10, monitor: 60 });
    const phases = [fullmon.state().phase];
    for (const wait of [0, 5, 20]) {
      fullmon.feed(raw(`${openScene().wait(wait * SECOND).create(WEB, `/${wait}`).lines.join('\n')}\n`));
      phases.push(fullmon.state().phase);
    }
    expect(phases).toEqual(['waiting', 'learning', 'learning', 'monitoring']);
  });
});

const learned = (): Scene => openScene().create(WEB, '/a').wait(10 * SECOND);

describe('what is told', () => {
  const MONITOR = { baseline: 10, monitor: 60 } as const;

  it('is told once, however often it comes', () => {
    const scene = learned();
    for (let i = 0; i < 200; i++) scene.create(WEB, '/b').connect(WEB, ipv4('203.0.113.7', 443)).wait(7 * SECOND);
    const alerts = alertsOf(replay(scene.lines, MONITOR));
    expect(alerts.map(({ edge, seen }) => [edge, seen.count])).toEqual([['proc::33:/usr/sbin/nginx->file:CREATE:/b', 9], ['proc::33:/usr/sbin/nginx->host:203.0.113.7:443', 9]]);
  });

  it('is told again after a day', () => {
    const scene = learned();
    for (let i = 0; i < 72; i++) scene.create(WEB, '/b').wait(3600 * SECOND);
    expect(files(scene, MONITOR).length).toBe(3);
  });

  it('is one incident while one lineage goes on, another when it was idle', () => {
    const scene = learned().create(WEB, '/b').wait(100 * SECOND).create(WEB, '/c').wait(250 * SECOND).create({ ...WEB, pid: 4001, exe: '/usr/sbin/other' }, '/d').wait(100 * SECOND).create(WEB, '/e');
    const [b, c, d, e] = alertsOf(replay(scene.lines, MONITOR)).map(({ incident }) => incident);
    expect(c).toBe(b);
    expect(new Set([b, d, e]).size).toBe(3);
  });

  it('bears the same incident in every run, whatever else the log holds', () => {
    const alone = learned().wait(SECOND).create(WEB, '/b');
    const id = alertsOf(replay(alone.lines, MONITOR))[0]?.incident;
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(alertsOf(replay(alone.lines, { baseline: 5, monitor: 0 }))[0]?.incident).toBe(id);
  });

  it('says when it was first and last seen, and what it was called before', () => {
    const scene = learned().wait(SECOND).create(WEB, '/b').wait(5 * SECOND).create(WEB, '/b').wait(-SECOND).create(WEB, '/b');
    const [alert] = alertsOf(replay(scene.lines, MONITOR));
    expect([alert?.seen.first, alert?.seen.last, alert?.seen.count]).toEqual([T0 + 11 * SECOND, T0 + 16 * SECOND, 3]);
  });
});

/** On each of four days something harmless, and something grave: a program below /usr. */
const fourDays = (): Scene => {
  const log = learned();
  for (let day = 0; day < 4; day++) log.create(WEB, '/srv/b').create(WEB, '/usr/bin/b').wait(DAY + 60 * SECOND);
  return log;
};

describe('going on learning', () => {
  const REBASE = { baseline: 10, monitor: 60, rebase: true } as const;

  it('takes in what was low or medium, never what was graver', () => {
    const alerts = alertsOf(replay(fourDays().lines, REBASE));
    expect(alerts.filter(({ edge }) => edge.endsWith('/srv/b')).map(({ severity }) => severity)).toEqual(['low']);
    expect(alerts.filter(({ edge }) => edge.endsWith('/usr/bin/b')).map(({ severity }) => severity)).toEqual(['high', 'high', 'high', 'high']);
  });

  it('takes in nothing unless asked to', () => {
    expect(alertsOf(replay(fourDays().lines, { ...REBASE, rebase: false })).length).toBe(8);
  });

  it('learns at the end of the cycle: what comes again within it is counted, not forgotten', () => {
    const log = learned().create(WEB, '/b').wait(30 * SECOND).create(WEB, '/b').wait(60 * SECOND).create(WEB, '/b');
    expect(alertsOf(replay(log.lines, REBASE)).map(({ seen }) => seen.count)).toEqual([2]);
  });

  it('generalises what it goes on learning', () => {
    const log = learned();
    for (let i = 1; i < 40; i++) log.create(WEB, `/srv/${(i * 0x9e3779b1).toString(16).padStart(10, '0').slice(0, 10)}${(i * 0x85ebca6b).toString(16).padStart(10, '0').slice(0, 10)}.json`).wait(61 * SECOND);
    const lines = told(log, REBASE);
    expect(lines.filter((line) => line.includes('+ignore'))).toEqual([String.raw`130 +ignore ^/srv/[0-9a-f]{20}\.json$`]);
    expect(edgesOf(lines).length).toBe(2);
  });
});

describe('what is ignored', () => {
  it('is neither told nor the beginning of an incident', () => {
    const log = learned().create(WEB, '/tmp/x').create(WEB, '/b');
    const alerts = alertsOf(replay(log.lines, { baseline: 10, monitor: 60, ignored: (_, object) => object.startsWith('file:CREATE:/tmp/') }));
    expect(alerts.map(({ edge }) => edge)).toEqual(['proc::33:/usr/sbin/nginx->file:CREATE:/b']);
  });
});

const FIXTURES = resolve(import.meta.dirname, '../fixtures');
const SOCKETS = readLog(join(FIXTURES, 'sockets.log'));
const SUID = readLog(join(FIXTURES, 'suid-shell.log'));
const WINDOWS = { baseline: 30, monitor: 1, rebase: true } as const;

describe('the same bytes', () => {
  it('say the same, however they are cut', () => {
    expect(replay(SOCKETS, {}, 1)).toEqual(replay(SOCKETS));
    const whole = replay(SUID, WINDOWS);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9000 }), (chunk) => {
        expect(replay(SUID, WINDOWS, chunk)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  it('say the same every time', () => expect(replay(SUID, WINDOWS)).toEqual(replay(SUID, WINDOWS)));

  it('never stop it, damaged in whatever way, and what is told is always an edge', () => {
    const lines = SUID.toString('latin1').split('\n');
    const damage = fc.record({
      at: fc.nat(lines.length - 1),
      kind: fc.constantFrom('drop', 'double', 'swap', 'cut', 'splice', 'byte'),
      where: fc.nat(400),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 60 }), (damages) => {
        const copy = [...lines];
        for (const { at, kind, where, byte } of damages) {
          const line = copy[at] ?? '';
          const next = copy[at + 1] ?? '';
          switch (kind) {
            case 'drop': copy.splice(at, 1); break;
            case 'double': copy.splice(at, 0, line); break;
            case 'swap': copy.splice(at, 2, next, line); break;
            case 'cut': copy[at] = line.slice(0, where); break;
            case 'splice': copy.splice(at, 2, line.slice(0, where) + next); break;
            case 'byte': copy[at] = line.slice(0, where) + String.fromCharCode(byte) + line.slice(where + 1);
          }
        }
        for (const { edge } of alertsOf(replay(raw(copy.join('\n')), { baseline: 0, monitor: 0 }))) {
          const parsed = parseEdge(edge);
          expect(parsed && printEdge(parsed)).toBe(edge);
          expect(edge.split('->').length).toBe(2);
        }
      }),
      { numRuns: 60 },
    );
  });
});
