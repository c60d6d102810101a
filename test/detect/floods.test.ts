import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { watchFloods } from '../../src/detect/floods.ts';
import type { Line } from '../../src/detect/line.ts';
import { T0 } from '../support/log.ts';
import { alertsOf, replay } from '../support/replay.ts';
import type { Flags } from '../support/replay.ts';
import { ipv4, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { sighting } from '../support/sighting.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const MINUTE = 60_000;
const FLAGS: Flags = { baseline: 10, monitor: 60, flood: 20 };

const start = (): Scene => openScene().create(WEB, '/srv/a').wait(10_000);
const say = (scene: Scene, flags: Flags = {}): readonly Line[] => replay(scene.lines, { ...FLAGS, ...flags });
const floodsOf = (said: readonly Line[]): readonly (readonly [text: string, count: unknown])[] =>
  said.flatMap((line) => (line.type === 'finding' && line.kind === 'flood' ? [[line.text, line.facts?.['count']] as const] : []));
const namesOf = (said: readonly Line[]): readonly string[] => alertsOf(said).map(({ seen }) => seen.name);

const WORDS = ['apple', 'birch', 'cedar', 'daisy', 'elder', 'fern', 'grape', 'hazel', 'iris', 'juniper'];
/** A name that nobody generalises. */
const word = (n: number): string => [...String(n)].map((digit) => WORDS[Number(digit)]).join('-');

const many = (scene: Scene, n: number, make: (i: number) => unknown): Scene => {
  for (let i = 0; i < n; i++) make(i);
  return scene;
};

const gravest = (lines: readonly Line[]): readonly string[] => lines.flatMap((line) => (line.type === 'incident' && line.state === 'closed' ? [line.incident.severity] : []));

describe('a flood of new names', () => {
  it('is told by its first edges and one line that says how many, by whom, where, and in which incident', () => {
    const scene = start();
    const said = say(many(scene, 500, (i) => scene.create(WEB, `/srv/${word(i)}`)));
    expect(namesOf(said)).toEqual(Array.from({ length: 20 }, (_, i) => `/srv/${word(i)}`));
    const [flood, ...more] = floodsOf(said);
    const [alert] = alertsOf(said);
    expect(more).toEqual([]);
    expect(flood?.[1]).toBe(480);
    for (const part of ['by proc::33:/usr/sbin/nginx', '/srv/', alert?.incident ?? '?', `file:CREATE:/srv/${word(20)}`]) expect(flood?.[0]).toContain(part);
    expect(said.flatMap((line) => (line.type === 'incident' && line.state === 'closed' ? [[line.incident.count, line.incident.held]] : []))).toEqual([[20, 480]]);
  });

  it('is told once, however long it goes on', () => {
    const scene = start();
    const said = say(many(scene, 600, (i) => scene.create(WEB, `/srv/${word(i)}`).wait(MINUTE / 2)));
    expect(namesOf(said).length).toBe(20);
    expect(floodsOf(said).length).toBe(1);
  });

  it('is told of one kind and directory, and says nothing about others', () => {
    const scene = start();
    many(scene, 100, (i) => scene.create(WEB, `/srv/${word(i)}`));
    const names = namesOf(say(scene.create(WEB, '/home/other').connect(WEB, ipv4('203.0.113.7', 443))));
    expect(names.slice(20)).toEqual(['/home/other', '203.0.113.7:443']);
  });

  it('never holds back what is high or critical', () => {
    const scene = start();
    const said = say(many(scene, 200, (i) => scene.create(WEB, i % 2 === 0 ? `/srv/${word(i)}` : `/srv/${word(i)}.php`)));
    expect(namesOf(said).filter((name) => name.endsWith('.php')).length).toBe(100);
    expect(floodsOf(said).map(([, count]) => count)).toEqual([80]);
  });

  it('holds back nothing that makes an incident graver', () => {
    const scene = start().create(WEB, '/srv/x');
    many(scene, 100, (i) => scene.connect(WEB, ipv4(`198.51.100.${i}`, 443)));
    many(scene, 100, (i) => scene.create(WEB, `/srv/.${word(i)}`, 0o100755));
    const said = say(scene);
    expect(alertsOf(said).length).toBeLessThan(150);
    expect(gravest(said)).toEqual(gravest(say(scene, { flood: 0 })));
  });

  it('has its budgets for each user: one cannot use up those of another', () => {
    const scene = start();
    many(scene, 3000, (i) => scene.create({ ...WEB, pid: 1000 + i, exe: `/opt/${word(i)}` }, `/srv/${word(i)}`));
    const said = say(scene.create({ ...WEB, pid: 400, exe: '/usr/bin/x', euid: 107 }, '/srv/of-another'));
    expect(namesOf(said)).toContain('/srv/of-another');
    expect(namesOf(said).length).toBeLessThan(600);
  });

  it('has another budget when it has been quiet for an hour', () => {
    const scene = start();
    many(scene, 50, (i) => scene.create(WEB, `/srv/${word(i)}`)).wait(70 * MINUTE);
    const said = say(many(scene, 50, (i) => scene.create(WEB, `/srv/${word(50 + i)}`)));
    expect(namesOf(said).length).toBe(40);
    expect(floodsOf(said).map(([, count]) => count)).toEqual([30, 30]);
  });

  it('gets no other budget by calls that began hours ago, as many as come between', () => {
    const scene = start();
    many(scene, 200, (i) => scene.create(WEB, `/srv/${word(i)}`).wait((i % 2 === 0 ? -120 : 120) * MINUTE));
    expect(namesOf(say(scene)).length).toBe(20);
  });

  it('is remembered for an hour or two, in whatever places', () => {
    const floods = watchFloods();
    const sizes = Array.from({ length: 50 }, (_, hour) => {
      const now = ms(T0 + hour * 30 * MINUTE);
      for (let i = 0; i < 200; i++) floods.admit(sighting(`proc::33:/usr/sbin/nginx${hour}-${i}->file:CREATE:/srv/${i}/x`), '', false, now);
      floods.report(now);
      const { buckets, old = [] } = floods.save();
      return buckets.length + old.length;
    });
    expect(Math.max(...sizes)).toBeLessThan(5 * 2 * 201);
  });

  it('is not bounded when all is to be told', () => {
    const scene = start();
    const said = say(many(scene, 500, (i) => scene.create(WEB, `/srv/${word(i)}`)), { flood: 0 });
    expect(namesOf(said).length).toBe(500);
    expect(floodsOf(said)).toEqual([]);
  });

  it('keeps its line in order, whatever the names', () => {
    const scene = start();
    const said = say(many(scene, 50, (i) => scene.create(WEB, `/srv/->\x1b[2J\r\xe2\x80\xae${i}${'x'.repeat(4000)}`)));
    for (const [text] of floodsOf(said)) {
      expect(text).toMatch(/^[\x20-\x7e]{1,2000}$/);
      expect(text).not.toContain('->');
    }
    expect(floodsOf(said).length).toBe(1);
  });
});

const lonely = (n: number): Actor => ({ pid: 1000 + n, exe: `/opt/${word(n)}`, euid: 2000 + n });

const learning = (n: number): Scene => {
  const scene = openScene();
  return many(scene, n, (i) => scene.create(WEB, `/srv/${word(i)}`));
};

describe('a flood of incidents', () => {
  it('opens so many in an hour, and one line stands for the rest', () => {
    const scene = start();
    const said = say(many(scene, 1000, (i) => scene.create(lonely(i), `/srv/${word(i)}/x`)));
    expect(said.filter((line) => line.type === 'incident' && line.state === 'opened').length).toBe(500);
    expect(floodsOf(said).map(([, count]) => count)).toEqual([500]);
  });

  it('never holds back a grave one', () => {
    const scene = start();
    many(scene, 500, (i) => scene.create(lonely(i), `/srv/${word(i)}/x`));
    expect(namesOf(say(scene.create({ ...WEB, pid: 400, exe: '/usr/bin/x' }, '/etc/ld.so.preload')))).toContain('/etc/ld.so.preload');
  });
});

describe('a full graph', () => {
  const FULL: Flags = { maxEdges: 1000 };

  it('stops learning from the one that floods it, and says so once, and again in sum when learning ends', () => {
    const said = say(learning(2000).create({ ...WEB, pid: 600, exe: '/usr/sbin/other' }, '/srv/other').wait(10_000).create(WEB, '/srv/a'), FULL);
    const texts = floodsOf(said).map(([text]) => text);
    expect(texts.length).toBe(1);
    expect(texts[0]).toContain('1000 edges');
    expect(texts[0]).toContain('by proc::33:/usr/sbin/nginx');
  });

  it('knows what it has learned, has learned nothing it refused, and has room for others', () => {
    const other: Actor = { ...WEB, pid: 600, exe: '/usr/sbin/other' };
    const scene = learning(2000).create(other, '/srv/other').wait(10_000).create(other, '/srv/other');
    const names = namesOf(say(many(scene, 2000, (i) => scene.create(WEB, `/srv/${word(i)}`)), { ...FULL, flood: 0 }));
    expect(names).toEqual(Array.from({ length: names.length }, (_, i) => `/srv/${word(2000 - names.length + i)}`));
    expect(names.length).toBeGreaterThan(1000);
    expect(names.length).toBeLessThan(1800);
  });
});
