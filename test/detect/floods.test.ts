import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { watchFloods } from '../../src/detect/floods.ts';
import type { Line } from '../../src/detect/line.ts';
import { T0 } from '../support/log.ts';
import { alertsOf, replay } from '../support/replay.ts';
import type { Flags } from '../support/replay.ts';
import { DENIED, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { sighting } from '../support/sighting.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const MINUTE = 60_000;
const FLAGS: Flags = { baseline: 10, monitor: 60, flood: 20 };

const start = (): Scene => openScene().create(WEB, '/srv/a').wait(10_000);
const say = (scene: Scene, flags: Flags = {}): readonly Line[] => replay(scene.lines, { ...FLAGS, ...flags });
/** Harmless and grave ones that are only counted, of each cycle. */
const heldOf = (said: readonly Line[]): readonly (number | undefined)[] => said.flatMap((line) => (line.type === 'phase' && line.phase === 'detect' ? [line.facts['held']] : []));
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
    expect(heldOf(said)).toEqual([480]);
    for (const part of ['by proc::33:/usr/sbin/nginx', '/srv/', alert?.incident ?? '?', `file:CREATE:/srv/${word(20)}`]) expect(flood?.[0]).toContain(part);
    expect(said.flatMap((line) => (line.type === 'incident' && line.state === 'closed' ? [[line.incident.count, line.incident.held]] : []))).toEqual([[20, 480]]);
  });

  it('is told once, however long it goes on', () => {
    const scene = start();
    const said = say(many(scene, 600, (i) => scene.create(WEB, `/srv/${word(i)}`).wait(MINUTE / 2)));
    expect(namesOf(said).length).toBe(20);
    expect(floodsOf(said).length).toBe(1);
    expect(heldOf(said).reduce<number>((sum, held) => sum + (held ?? 0), 0)).toBe(580);
  });

  it('is told again when it has spread: to other places, to other subjects of its user, and no more after that', () => {
    const scene = start();
    for (const [i, exe] of ['/usr/sbin/nginx', '/usr/sbin/nginx', '/usr/bin/a', '/usr/bin/b', '/usr/bin/c'].entries()) many(scene, 50, (n) => scene.create({ ...WEB, pid: 500 + i, exe }, `/srv/${i}/${word(n)}`)).wait(MINUTE);
    const texts = floodsOf(say(scene)).map(([text]) => text.replace(/ within an hour.*/, ''));
    expect(texts).toEqual([
      'more than 20 new edges of kind create by proc::33:/usr/sbin/nginx, /srv/0/', 'more than 20 new edges of kind create by proc::33:/usr/sbin/nginx', 'more than 20 new edges of kind create by user :33',
    ]);
  });

  it('in many places at once is one', () => {
    const scene = start();
    const said = say(many(scene, 300, (i) => scene.create(WEB, `/srv/${i % 4}/${word(i)}`)));
    expect(floodsOf(said).map(([text]) => text.replace(/ within an hour.*/, ''))).toEqual(['more than 20 new edges of kind create by proc::33:/usr/sbin/nginx']);
    expect(namesOf(said).length).toBe(80);
  });

  it('is told of one kind and directory, and says nothing about others', () => {
    const scene = start();
    many(scene, 100, (i) => scene.create(WEB, `/srv/${word(i)}`));
    const names = namesOf(say(scene.create(WEB, '/home/other').connect(WEB, ipv4('203.0.113.7', 443))));
    expect(names.slice(20)).toEqual(['/home/other', '203.0.113.7:443']);
  });

  it('takes nothing from the budget of what is high', () => {
    const scene = start();
    const said = say(many(scene, 200, (i) => scene.create(WEB, i % 2 === 0 ? `/srv/${word(i)}` : `/srv/${word(i)}.php`)));
    expect(namesOf(said).filter((name) => name.endsWith('.php')).length).toBe(100);
    expect(floodsOf(said).map(([, count]) => count)).toEqual([80]);
    expect(gravities(said)).toEqual(['medium']);
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
      for (let i = 0; i < 200; i++) floods.admit(sighting(`proc::33:/usr/sbin/nginx${hour}-${i}->file:CREATE:/srv/${i}/x`), 'low', '', false, now);
      floods.report(now);
      return floods.save().hours.rows.reduce((sum, [, { rows }]) => sum + rows.length, 0);
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

const gravities = (said: readonly Line[]): readonly unknown[] => said.flatMap((line) => (line.type === 'finding' && line.kind === 'flood' ? [line.severity] : []));

const lonely = (n: number): Actor => ({ pid: 1000 + n, exe: `/opt/${word(n)}`, euid: 2000 + n });

const learning = (n: number): Scene => {
  const scene = openScene();
  return many(scene, n, (i) => scene.create(WEB, `/srv/${word(i)}`));
};

const webshells = (): Scene => {
  const scene = start();
  return many(scene, 500, (i) => scene.create(WEB, `/srv/${word(i)}.php`));
};

describe('a flood of what is grave', () => {
  it('is told five times as long, and one line that says so is high itself', () => {
    const said = say(webshells());
    expect(namesOf(said).length).toBe(100);
    expect(gravities(said)).toEqual(['high']);
    expect(floodsOf(said)).toEqual([[expect.stringContaining('400 so far, 400 of them high or critical, are counted in incident '), 400]]);
    expect(said.flatMap((line) => (line.type === 'incident' ? [[line.state, line.incident.severity, line.incident.held]] : []))).toEqual([['opened', 'high', 400], ['closed', 'high', 400]]);
  });

  it('is told again once it becomes grave', () => {
    const scene = start();
    many(scene, 50, (i) => scene.create(WEB, `/srv/${word(i)}`)).wait(MINUTE);
    expect(gravities(say(many(scene, 200, (i) => scene.create(WEB, `/srv/${word(i)}.php`))))).toEqual(['medium', 'high']);
  });

  it.each<readonly [string, (scene: Scene) => Scene, string]>([
    ['of another kind', (scene) => scene.connect(WEB, ipv4('203.0.113.7', 4444)), '203.0.113.7:4444'],
    ['in another directory', (scene) => scene.create(WEB, '/srv/www/shell.php'), '/srv/www/shell.php'],
    ['of another subject', (scene) => scene.create({ ...WEB, pid: 501, exe: '/usr/bin/dash' }, '/srv/shell.php'), '/srv/shell.php'],
    ['that makes it graver', (scene) => scene.create(WEB, '/etc/ld.so.preload'), '/etc/ld.so.preload'],
  ])('hides nothing %s', (_, attack, name) => {
    const scene = webshells();
    attack(scene);
    expect(namesOf(say(many(scene, 500, (i) => scene.create(WEB, `/srv/${word(500 + i)}.php`))))).toContain(name);
  });

  it('fills nothing, in however many places and by however many programs', () => {
    const scene = start();
    many(scene, 3000, (i) => scene.create({ ...WEB, pid: 1000 + (i % 100), exe: `/opt/${word(i % 100)}` }, `/srv/${word(i)}/shell.php`));
    const said = say(scene, { flood: 2 });
    // Five times 25 times two of one user.
    expect(namesOf(said).length).toBe(250);
    expect(floodsOf(said).length).toBe(1);
  });

  it('that is critical is counted, too, once hundreds look alike; each incident is told', () => {
    const scene = start();
    many(scene, 700, (i) => scene.create(WEB, `/tmp/${word(i)}`, 0o104755));
    many(scene, 700, (i) => scene.create(lonely(i), `/tmp/lonely/${word(i)}`, 0o104755));
    const said = say(scene);
    expect(namesOf(said).filter((name) => !name.startsWith('/tmp/lonely/')).length).toBe(501);
    expect(said.filter((line) => line.type === 'incident' && line.state === 'opened').length).toBe(701);
  });
});

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

  it('opens more that are high, and all that are critical', () => {
    const scene = start();
    many(scene, 400, (i) => scene.create(lonely(i), `/srv/${word(i)}/shell.php`));
    many(scene, 400, (i) => scene.create(lonely(400 + i), `/tmp/${word(i)}`, 0o104755));
    const opened = say(scene, { flood: 2 }).flatMap((line) => (line.type === 'incident' && line.state === 'opened' ? [line.incident.severity] : []));
    expect([opened.filter((severity) => severity === 'high').length, opened.filter((severity) => severity === 'critical').length]).toEqual([250, 400]);
  });

  it('closes the oldest early when there are more than are kept open, and says so once', () => {
    const scene = start();
    const said = say(many(scene, 2200, (i) => scene.create(lonely(i), `/srv/${word(i)}/x`)), { flood: 0 });
    expect(floodsOf(said).map(([text]) => text)).toEqual([expect.stringContaining('152 oldest')]);
    expect(said.filter((line) => line.type === 'incident' && line.state === 'closed').length).toBe(2200);
  });
});

describe('a full graph', () => {
  const FULL: Flags = { maxEdges: 1000 };

  it.each<readonly [string, string, (scene: Scene, i: number) => Scene]>([
    ['names of a directory', 'create', (scene, i) => scene.create(WEB, `/srv/${word(i)}`)],
    ['hosts of a subject', 'connect', (scene, i) => scene.connect(WEB, ipv4(`${1 + (i >> 8)}.${i & 255}.${i % 199}.7`, 443))],
  ])('stops learning %s from the one that floods it, and says so once; how many they were is told when learning ends', (_, kind, flood) => {
    const scene = openScene();
    for (let slice = 0; slice < 3; slice++) many(scene, 1000, (i) => flood(scene, 1000 * slice + i)).wait(MINUTE);
    const said = say(scene.create({ ...WEB, pid: 600, exe: '/usr/sbin/other' }, '/srv/other').wait(MINUTE).create(WEB, '/srv/a'), { ...FULL, baseline: 240 });
    const texts = floodsOf(said).map(([text]) => text);
    expect(texts).toEqual([expect.stringContaining(`1000 edges`)]);
    expect(texts[0]).toContain(`of kind ${kind} by proc::33:/usr/sbin/nginx`);
    const refused = said.flatMap((line) => (line.type === 'phase' && line.phase === 'prepare' ? [line.facts['refused']] : []));
    expect(refused[0]).toBeGreaterThan(2000);
    expect(namesOf(said)).not.toContain('/srv/other');
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

/** An attack of the usual sort, inside of what else goes on: who breaks in has a shell, calls home, and leaves a key. */
const breakIn = (scene: Scene, pid: number): Scene => {
  const shell: Actor = { ...WEB, pid, ppid: WEB.pid, exe: '/usr/bin/dash' };
  return scene.exec(shell, ['sh', '-c', 'id']).connect(shell, ipv4('203.0.113.66', 443)).create(shell, '/root/.ssh/authorized_keys');
};
const ATTACK = ['proc::33:/usr/bin/dash -c@nginx', '203.0.113.66:443', '/root/.ssh/authorized_keys'];

describe('an attack', () => {
  it.each<readonly [string, number, (scene: Scene, i: number) => Scene]>([
    ['names', 20_000, (scene, i) => scene.create(WEB, `/srv/${word(i)}`)],
    ['directories', 2000, (scene, i) => scene.create(WEB, `/srv/${word(i)}/x`)],
    ['programs', 2000, (scene, i) => scene.exec({ ...WEB, pid: 1000 + 2 * i, ppid: 500, exe: `/opt/${word(i)}` }, ['x'])],
    ['programs that lie where anybody can write', 2000, (scene, i) => scene.exec({ ...WEB, pid: 1000 + 2 * i, ppid: 500, exe: `/tmp/${word(i)}` }, ['x'])],
    ['daemons', 2000, (scene, i) => scene.create({ ...WEB, pid: 1000 + 2 * i, exe: `/opt/${word(i)}` }, `/srv/${word(i)}`)],
    ['pids', 2000, (scene, i) => scene.create({ ...WEB, pid: 1000 + 2 * i, exe: '/usr/bin/worker' }, `/srv/${word(i)}`)],
    ['users', 4000, (scene, i) => scene.create({ ...WEB, pid: 600, exe: '/usr/sbin/smbd', euid: 1000 + i }, '/srv/x')],
    ['addresses', 2000, (scene, i) => scene.connect(WEB, ipv4(`${1 + (i >> 8)}.${i & 255}.2.1`, 443))],
    ['ports', 2000, (scene, i) => scene.call(WEB, NR.bind, {}, ['SOCKADDR', `saddr=${ipv4('127.0.0.1', 1 + i)}`])],
    ['secrets', 2000, (scene, i) => scene.files(WEB, NR.openat, [{ name: `/home/${word(i)}/.ssh/id_rsa`, type: 'NORMAL' }], { args: [0xffffff9c, 0, 0] })],
    ['web shells', 2000, (scene, i) => scene.create(WEB, `/srv/www/${word(i)}.php`)],
    ['denied calls', 2000, (scene, i) => scene.connect(WEB, ipv4(`${1 + (i >> 8)}.${i & 255}.2.1`, 443), DENIED)],
  ])('inside of a flood of %s is found, and the flood is told once', (_, n, flood) => {
    const scene = start();
    const said = say(many(scene, n, (i) => (i === n / 2 ? breakIn(scene, 1001 + 2 * i) : flood(scene, i))));
    expect(namesOf(said)).toEqual(expect.arrayContaining(ATTACK));
    expect(floodsOf(said).length).toBe(1);
    expect(namesOf(said).length).toBeLessThan(2100);
  });
});
