import { describe, expect, it } from 'vitest';
import { bytes, pid } from '../../src/audit/units.ts';
import type { ProcessFact } from '../../src/behaviour/processes.ts';
import { createFullmon } from '../../src/fullmon.ts';
import { fact } from '../support/fact.ts';
import { raw } from '../support/log.ts';
import { alertsOf, edgesOf, replay } from '../support/replay.ts';
import { ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';

const edges = (scene: Scene): readonly string[] => edgesOf(scene.lines);
const last = (scene: Scene): string | undefined => edges(scene).at(-1);

const bind = (scene: Scene, actor: Actor, outcome: Outcome = {}): Scene => scene.call(actor, NR.bind, outcome, ['SOCKADDR', `saddr=${ipv4('0.0.0.0', 25)}`]);

const MASTER: Actor = { pid: 500, ppid: 1, exe: '/usr/sbin/nginx', euid: 0 };
const WORKER: Actor = { pid: 501, ppid: 500, exe: '/usr/sbin/nginx' };

describe('who acts', () => {
  it('is a daemon for what its forks do themselves', () => {
    expect(last(openScene().create(MASTER, '/a').create(WORKER, '/b'))).toBe('proc::33:/usr/sbin/nginx->file:CREATE:/b');
  });

  it('is the fork for what it starts, on behalf of the daemon', () => {
    const scene = openScene().create(WORKER, '/b').exec({ pid: 502, ppid: 501, exe: '/usr/bin/dash' }, ['sh', '-c', 'id']);
    expect(last(scene)).toBe('proc::33:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx');
  });

  it('is the program before, when a process becomes another', () => {
    const scene = openScene().create(WORKER, '/b').exec({ pid: 502, ppid: 501, exe: '/usr/bin/dash' }, ['sh', '-c', 'id']).exec({ pid: 502, ppid: 501, exe: '/usr/bin/id' }, ['id']);
    expect(last(scene)).toBe('proc::33:/usr/bin/dash -c@nginx->proc::33:/usr/bin/id@nginx');
  });

  it('acts for the same daemon down the generations', () => {
    const scene = openScene().create(WORKER, '/b');
    for (let i = 502; i < 540; i++) scene.exec({ pid: i, ppid: i - 1, exe: `/usr/bin/p${i}` }, [`p${i}`]);
    expect(last(scene)).toBe('proc::33:/usr/bin/p538@nginx->proc::33:/usr/bin/p539@nginx');
  });

  it('is a script of its own for each script, and its forks go on with it', () => {
    const python: Actor = { pid: 502, ppid: 501, exe: '/usr/bin/python3.11' };
    const scene = openScene().create(WORKER, '/b').exec(python, ['python3', 'job.py'], { cwd: '/srv' }).create({ ...python, pid: 503, ppid: 502 }, '/c');
    expect(last(scene)).toBe('proc::33:/usr/bin/python3.11 /srv/job.py@nginx->file:CREATE:/c');
  });

  it('changes its user with its credentials', () => {
    const scene = openScene().create(MASTER, '/a').create({ ...MASTER, euid: 33 }, '/b').create(MASTER, '/c');
    expect(edges(scene)).toEqual(['proc::0:/usr/sbin/nginx->file:CREATE:/a', 'proc::33:/usr/sbin/nginx->file:CREATE:/b', 'proc::0:/usr/sbin/nginx->file:CREATE:/c']);
  });

  it('goes by its program, never by the name it gives itself', () => {
    const scene = openScene().exec({ pid: 502, ppid: 1, exe: '/dev/shm/.x' }, ['[kworker/0:1]']).create({ pid: 502, ppid: 1, exe: '/dev/shm/.x' }, '/a');
    expect(last(scene)).toBe('proc::33:/dev/shm/.x->file:CREATE:/a');
  });
});

describe('a daemon', () => {
  it('that init starts is its own service, whatever it goes through', () => {
    const scene = openScene()
      .exec({ pid: 600, ppid: 1, exe: '/usr/bin/dash' }, ['sh', '-c', 'exec app'])
      .exec({ pid: 600, ppid: 1, exe: '/usr/bin/node' }, ['node', '/srv/app.js'])
      .create({ pid: 600, ppid: 1, exe: '/usr/bin/node' }, '/a')
      .exec({ pid: 601, ppid: 600, exe: '/usr/bin/git' }, ['git', 'pull']);
    expect(edges(scene)).toEqual([
      'proc::33:?->proc::33:/usr/bin/dash -c',
      'proc::33:/usr/bin/dash -c->proc::33:/usr/bin/node /srv/app.js',
      'proc::33:/usr/bin/node /srv/app.js->file:CREATE:/a',
      'proc::33:/usr/bin/node /srv/app.js->proc::33:/usr/bin/git@node',
    ]);
  });

  it('that was running before is known from the first thing it does', () => {
    expect(last(openScene().create({ pid: 700, ppid: 650, exe: '/usr/bin/redis-server' }, '/a').exec({ pid: 701, ppid: 700, exe: '/usr/bin/dash' }, ['sh', '-c', 'x'])))
      .toBe('proc::33:/usr/bin/redis-server->proc::33:/usr/bin/dash -c@redis-server');
  });
});

describe('a parent that nobody knows', () => {
  describe('that a starter left behind', () => {
    const starter: Actor = { pid: 700, ppid: 1, exe: '/usr/sbin/postmulti', euid: 0 };
    const first: Actor = { pid: 701, ppid: 700, exe: '/usr/lib/postfix/sbin/master', euid: 0 };
    const listener: Actor = { ...first, pid: 702, ppid: 701 };
    const started = (): Scene => openScene().exec(starter, ['postmulti']).exec(first, ['master', '-w']);
    const qmgr: Actor = { pid: 703, ppid: 702, exe: '/usr/lib/postfix/sbin/qmgr', euid: 102 };

    it('is its own service from when its fork listens', () => {
      expect(edges(bind(started(), listener).exec(qmgr, ['qmgr']).create(qmgr, '/a')).slice(-3)).toEqual([
        'proc::0:/usr/lib/postfix/sbin/master->listen:0.0.0.0:25',
        'proc::0:/usr/lib/postfix/sbin/master->proc::102:/usr/lib/postfix/sbin/qmgr@master',
        'proc::102:/usr/lib/postfix/sbin/qmgr@master->file:CREATE:/a',
      ]);
    });

    it('acts for its starter while it does not listen, or may not', () => {
      expect(last(bind(started().create(listener, '/a'), listener, { success: false }).exec(qmgr, ['qmgr']))).toMatch(/qmgr@postmulti$/);
    });

    it('acts for its starter where it is no fork', () => {
      expect(last(bind(started(), first))).toBe('proc::0:/usr/lib/postfix/sbin/master@postmulti->listen:0.0.0.0:25');
    });

    it('acts for the login when it was started in a session', () => {
      const session = { auid: 1000, ses: 7 };
      const scene = openScene().login({ pid: 690, ppid: 1, exe: '/usr/sbin/sshd', euid: 0, ...session }, 1000, 7).exec({ ...first, ...session }, ['master']);
      expect(last(bind(scene, { ...listener, ...session }))).toBe('proc::1000/0:/usr/lib/postfix/sbin/master@sshd->listen:0.0.0.0:25');
    });
  });

  it('is told as such', () => {
    expect(edges(openScene().exec({ pid: 702, ppid: 701, exe: '/usr/bin/id' }, ['id']))).toEqual(['proc::33:?->proc::33:/usr/bin/id@?']);
  });

  it('makes a program new only where that user has never run it', () => {
    const scene = openScene().create(WORKER, '/b').exec({ pid: 502, ppid: 501, exe: '/usr/bin/id' }, ['id'])
      .wait(10_000)
      .exec({ pid: 902, ppid: 901, exe: '/usr/bin/id' }, ['id'])
      .exec({ pid: 904, ppid: 903, exe: '/usr/bin/id', euid: 0 }, ['id'])
      .exec({ pid: 906, ppid: 905, exe: '/usr/bin/nc' }, ['nc']);
    expect(alertsOf(replay(scene.lines, { baseline: 10 })).map(({ edge }) => edge)).toEqual(['proc::0:?->proc::0:/usr/bin/id@?', 'proc::33:?->proc::33:/usr/bin/nc@?']);
  });

  it('learned once makes nothing known', () => {
    const scene = openScene().exec({ pid: 702, ppid: 701, exe: '/usr/bin/id' }, ['id']).create(WORKER, '/b').wait(10_000).exec({ pid: 502, ppid: 501, exe: '/usr/bin/id' }, ['id']);
    expect(alertsOf(replay(scene.lines, { baseline: 10 })).map(({ edge }) => edge)).toEqual(['proc::33:/usr/sbin/nginx->proc::33:/usr/bin/id@nginx']);
  });
});

const SSHD: Actor = { pid: 800, ppid: 799, exe: '/usr/sbin/sshd', euid: 0 };
const login = (scene: Scene, session: number, by: Actor = SSHD, auid = 1000): Scene => scene.login(by, auid, session);

const shell = (session: number): Actor => ({ pid: 801, ppid: 800, exe: '/usr/bin/bash', euid: 1000, auid: 1000, ses: session });

describe('a session', () => {
  it('is that of the program that opened it', () => {
    expect(last(login(openScene(), 5).exec(shell(5), ['-bash'], {}))).toBe('proc::1000/0:/usr/sbin/sshd@sshd->proc::1000/1000:/usr/bin/bash -@sshd');
    const cron: Actor = { ...SSHD, exe: '/usr/sbin/cron' };
    expect(last(login(openScene(), 6, cron).exec({ ...shell(6), exe: '/usr/bin/dash' }, ['sh', '-c', 'x']))).toBe('proc::1000/0:/usr/sbin/cron@cron->proc::1000/1000:/usr/bin/dash -c@cron');
  });

  it('keeps who logged in when he becomes root', () => {
    const scene = login(openScene(), 5).exec(shell(5), ['-bash']).exec({ ...shell(5), pid: 802, ppid: 801, exe: '/usr/bin/sudo', euid: 0 }, ['sudo', 'id']).exec({ ...shell(5), pid: 803, ppid: 802, exe: '/usr/bin/id', euid: 0 }, ['id']);
    expect(last(scene)).toBe('proc::1000/0:/usr/bin/sudo@sshd->proc::1000/0:/usr/bin/id@sshd');
  });

  it('whose beginning was not seen is nobody in particular', () => {
    expect(last(openScene().exec(shell(5), ['-bash']).create(shell(5), '/a'))).toBe('proc::1000/1000:/usr/bin/bash -@?->file:CREATE:/a');
  });

  it('is one incident, and another session is another one', () => {
    const scene = openScene();
    for (const session of [5, 6]) login(scene, session).exec({ ...shell(session), pid: 810 + session }, ['bash', '-c', `${session}`]).create({ ...shell(session), pid: 810 + session }, `/${session}`).create({ ...shell(session), pid: 820 + session, ppid: 1 }, `/orphan${session}`);
    const incidents = alertsOf(replay(scene.lines)).map(({ edge, incident }) => [edge.split(':').at(-1), incident]);
    const of = (name: string): unknown => incidents.find(([edge]) => edge === name)?.[1];
    expect(of('/orphan5')).toBe(of('/5'));
    expect(of('/orphan6')).toBe(of('/6'));
    expect(of('/6')).not.toBe(of('/5'));
  });

  it('is not left by its children: one outside it had another parent with that pid', () => {
    const scene = login(openScene(), 5).exec({ ...shell(5), exe: '/usr/bin/cat' }, ['cat']);
    expect(last(scene.exec({ pid: 900, ppid: 801, exe: '/usr/bin/dash' }, ['sh', '-c', 'x']))).toBe('proc::33:?->proc::33:/usr/bin/dash -c@?');
  });

  it('is not that of a process of another session with the same pid', () => {
    const scene = login(openScene(), 5).exec({ ...shell(5), exe: '/usr/bin/cat' }, ['cat']);
    login(scene, 6, { ...SSHD, pid: 850 });
    expect(last(scene.exec({ ...shell(6), pid: 900, ppid: 801, exe: '/usr/bin/dash' }, ['sh', '-c', 'x']))).toBe('proc::1000/1000:?->proc::1000/1000:/usr/bin/dash -c@sshd');
    expect(last(scene.exec({ ...shell(6), pid: 801, ppid: 850, exe: '/usr/bin/id' }, ['id']))).toBe('proc::1000/0:/usr/sbin/sshd@sshd->proc::1000/1000:/usr/bin/id@sshd');
  });
});

/** Programs come and go until the pid counter stands at `to`. */
const run = (scene: Scene, from: number, to: number): Scene => {
  for (let i = from; i <= to; i += 500) scene.wait(100).exec({ pid: i, ppid: 499, exe: '/usr/bin/true' }, ['true']);
  return scene;
};

describe('a pid that is given out again', () => {
  const CAT: Actor = { pid: 20_000, ppid: 499, exe: '/usr/bin/cat' };
  const child: Actor = { pid: 20_100, ppid: 20_000, exe: '/usr/bin/dash' };

  it('is not its former owner', () => {
    const scene = run(openScene().create({ ...MASTER, pid: 499 }, '/a'), 19_000, 19_900).exec(CAT, ['cat']);
    run(run(scene, 20_500, 32_000), 550, 20_050);
    expect(edges(scene.exec(child, ['sh', '-c', 'x']))).toContain('proc::33:?->proc::33:/usr/bin/dash -c@?');
  });

  it('is still the owner it had while the counter has not come round', () => {
    const scene = run(openScene().create({ ...MASTER, pid: 499 }, '/a'), 19_000, 19_900).exec(CAT, ['cat']);
    run(run(scene, 20_500, 32_000), 600, 19_900);
    expect(edges(scene.exec({ ...child, pid: 19_950 }, ['sh', '-c', 'x']))).toContain('proc::33:/usr/bin/cat@nginx->proc::33:/usr/bin/dash -c@nginx');
  });

  it('is still the owner it had when that was heard of since', () => {
    const scene = run(openScene().create({ ...MASTER, pid: 499 }, '/a'), 19_000, 19_900).exec(CAT, ['cat']);
    run(run(scene, 20_500, 32_000), 550, 20_050).create(CAT, '/still/here');
    expect(edges(scene.exec(child, ['sh', '-c', 'x']))).toContain('proc::33:/usr/bin/cat@nginx->proc::33:/usr/bin/dash -c@nginx');
  });

  it('does not take a single old process for the next turn', () => {
    const scene = run(openScene().create({ ...MASTER, pid: 499 }, '/a'), 19_000, 19_900).exec(CAT, ['cat']);
    run(scene, 20_500, 32_000).exec({ pid: 700, ppid: 499, exe: '/usr/bin/old' }, ['old']).exec({ pid: 25_000, ppid: 499, exe: '/usr/bin/old' }, ['old']);
    expect(edges(scene.exec(child, ['sh', '-c', 'x']))).toContain('proc::33:/usr/bin/cat@nginx->proc::33:/usr/bin/dash -c@nginx');
  });

  it('does not take an old process that becomes another program for where the counter stands', () => {
    const scene = openScene().create({ ...MASTER, pid: 499 }, '/a').exec({ ...CAT, pid: 10_000 }, ['cat']);
    run(run(scene, 19_000, 32_000).exec({ ...CAT, pid: 32_600 }, ['cat']), 550, 2550).create({ ...MASTER, pid: 499 }, '/b').exec({ ...CAT, pid: 2600 }, ['cat']);
    scene.exec({ ...CAT, pid: 32_600, exe: '/usr/bin/id' }, ['id']);
    scene.exec({ ...child, pid: 2650, ppid: 10_000, exe: '/usr/bin/old' }, ['old']).exec({ ...child, pid: 2700, ppid: 2600, exe: '/usr/bin/new' }, ['new']);
    expect(edges(scene).filter((edge) => /(?:id|old|new)@/.test(edge))).toEqual(['id', 'old', 'new'].map((name) => `proc::33:/usr/bin/cat@nginx->proc::33:/usr/bin/${name}@nginx`));
  });

  it('is not its former owner from the first programs of the new turn on, though that is not certain yet', () => {
    const scene = run(openScene().exec({ pid: 310, ppid: 499, exe: '/usr/bin/cat' }, ['cat']), 1000, 32_500);
    expect(edges(scene.exec({ pid: 311, ppid: 310, exe: '/usr/bin/dash' }, ['sh', '-c', 'x']))).toContain('proc::33:?->proc::33:/usr/bin/dash -c@?');
  });

  it('is another process when it has another parent than its former owner', () => {
    const scene = run(openScene().create({ ...MASTER, pid: 499 }, '/a'), 19_000, 19_900).exec(CAT, ['cat']);
    expect(edges(scene.create({ ...WORKER, pid: 19_950, ppid: 499 }, '/b').exec({ ...CAT, ppid: 19_950, exe: '/usr/bin/id' }, ['id']))).toContain('proc::33:/usr/sbin/nginx->proc::33:/usr/bin/id@nginx');
  });

  it('stays with a process that lost its parent', () => {
    const scene = openScene().create({ ...MASTER, pid: 499 }, '/a').exec({ ...CAT, pid: 600 }, ['cat']).exec({ ...CAT, pid: 600, ppid: 1, exe: '/usr/bin/id' }, ['id']);
    expect(edges(scene)).toContain('proc::33:/usr/bin/cat@nginx->proc::33:/usr/bin/id@nginx');
  });

  it('stays with a daemon that has forks of its own program, however often the counter came round', () => {
    const scene = run(run(run(run(openScene().create(MASTER, '/a'), 19_000, 32_000), 550, 32_000), 550, 32_000), 550, 3000);
    expect(edges(scene.create({ ...WORKER, pid: 3001 }, '/b').exec({ pid: 3002, ppid: 500, exe: '/usr/bin/dash' }, ['sh', '-c', 'x']))).toContain('proc::0:/usr/sbin/nginx->proc::33:/usr/bin/dash -c@nginx');
  });
});

const RUNNING = [fact(1, 0, '/usr/lib/systemd/systemd', ['init']), fact(70, 1, '/usr/bin/node', ['node', 'app.js']), fact(80, 1, '/usr/sbin/sshd', ['sshd']), fact(81, 80, '/usr/sbin/sshd', ['sshd: root'], 9, 0), fact(82, 81, '/usr/bin/bash', ['-bash'], 9, 0)];

const withFacts = (scene: Scene, lookup?: (id: number) => ProcessFact | undefined): readonly string[] => {
  const said: string[] = [];
  const fullmon = createFullmon({ baseline: 0, monitor: 0, rebase: false, ignored: () => false }, (line) => void (line.type === 'edge' && said.push(line.alert.edge)), lookup && { process: lookup, container: () => bytes('') });
  if (lookup === undefined) fullmon.know(RUNNING, pid(100));
  fullmon.feed(raw(`${scene.lines.join('\n')}\n`));
  fullmon.end();
  return said;
};
const started = (): Scene => openScene()
  .exec({ pid: 101, ppid: 70, exe: '/usr/bin/git' }, ['git'])
  .exec({ pid: 102, ppid: 1, exe: '/usr/sbin/cron' }, ['cron'])
  .exec({ pid: 103, ppid: 82, exe: '/usr/bin/id', auid: 0, ses: 9 }, ['id']);

describe('what /proc tells', () => {
  it('names the daemons and sessions that run already', () => {
    expect(withFacts(started())).toEqual([
      'proc::33:/usr/bin/node /srv/app.js->proc::33:/usr/bin/git@node',
      'proc::33:/usr/lib/systemd/systemd->proc::33:/usr/sbin/cron',
      'proc::0/33:/usr/bin/bash -@sshd->proc::0/33:/usr/bin/id@sshd',
    ]);
  });

  it('is asked about a parent that the records do not know', () => {
    const asked: number[] = [];
    const said = withFacts(started(), (id) => {
      asked.push(id);
      return RUNNING.find((f) => f.pid === id);
    });
    expect(said[0]).toBe('proc::33:/usr/bin/node /srv/app.js->proc::33:/usr/bin/git@node');
    expect(asked).toContain(70);
  });
});
