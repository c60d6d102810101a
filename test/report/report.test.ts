import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { jsonReport } from '../../src/report/json.ts';
import { terminalReport } from '../../src/report/terminal.ts';
import { replay } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const anyName = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)).filter((c) => c !== '/'), minLength: 1, maxLength: 20 });

/** A log in which names of any bytes are learned, generalised, run and told. */
const told = (name: string): readonly Line[] => {
  const scene = openScene();
  for (let i = 1; i <= 5; i++) scene.create(ME, `/srv/${name}/${i * 7919}`);
  scene.wait(10_000).create(ME, `/srv/${name}/new`).exec({ ...ME, pid: 501, ppid: 500, exe: `/srv/${name}` }, [name, name]);
  return replay(scene.lines, { baseline: 10, monitor: 60 });
};

const json = (lines: readonly Line[]): readonly string[] => {
  const written: string[] = [];
  const report = jsonReport({ write: (line) => void written.push(line) });
  for (const line of lines) report(line);
  return written;
};

const text = (lines: readonly Line[]): readonly string[] => {
  const written: string[] = [];
  const report = terminalReport((line) => void written.push(line));
  for (const line of lines) report(line);
  return written;
};

describe('names of any bytes', () => {
  it('never break a line for machines, nor make an arrow where there is no edge', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        for (const line of json(told(name))) {
          expect(line).toMatch(/^\{[\x20-\x7e]*\}\n$/);
          const { msg, type } = JSON.parse(line);
          expect(String(msg).split('->').length).toBe(type === 'edge' ? 2 : 1);
        }
      }),
    );
    const arrow = json(told('a->b'));
    expect(arrow.filter((line) => line.includes('"msg":"+ignore'))).toHaveLength(1);
    expect(arrow.filter((line) => JSON.parse(line).type !== 'edge' && JSON.parse(line).msg.includes('->'))).toEqual([]);
  });

  it('never drive a terminal', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        for (const line of text(told(name))) expect(stripVTControlCharacters(line)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('the report for a person', () => {
  it('tells what was learned and found, not each cycle', () => {
    const scene = openScene();
    for (let i = 1; i <= 5; i++) scene.create(ME, `/srv/${i * 7919}`);
    for (let i = 0; i < 10; i++) scene.wait(60_000).create(ME, '/srv/7919');
    scene.create(ME, '/etc/cron.d/é');
    const lines = text(replay(scene.lines, { baseline: 10, monitor: 60 })).map((line) => stripVTControlCharacters(line));
    expect(lines.map((line) => line.slice(21).split(' ')[0])).toEqual(['baseline', 'normalize', '+ignore', 'prepare', 'coverage', 'detect', 'high', 'of', 'command', 'why', 'known', 'lineage', 'accept', 'high', '', 'high']);
    expect(lines[0]).toMatch(/^2023-11-14 22:13:20 {2}baseline {2}seconds 10, until 2023-11-14 22:13:30$/);
    expect(lines[2]).toContain('+ignore ^/srv/[0-9]{4,5}$  create by proc::33:/usr/bin/x, 5 names');
    const whole = lines.join('\n');
    expect(whole).toMatch(/high {6}incident [0-9a-f]{12} opened · T1053\.003\n/);
    expect(whole).toContain('why            this program, as this user and for this service, never created this file');
    expect(whole).toMatch(/accept {9}fullmon accept [0-9a-f]{12}\n/);
    expect(whole).toContain('high      proc::33:/usr/bin/x -> file:CREATE:/etc/cron.d/');
    expect(whole).toMatch(/what runs by the clock · 1x · pid 500 · .*\n.*closed · T1053\.003 · 1 edge$/);
  });
});
