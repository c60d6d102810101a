import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withChanges } from '../../src/audit/rows.ts';
import { bytes, ms, uid, UNSET } from '../../src/audit/units.ts';
import { newBaseline, withCounts } from '../../src/baseline/baseline.ts';
import type { BaselineState } from '../../src/baseline/baseline.ts';
import { generaliseHosts } from '../../src/baseline/hosts.ts';
import { Trait } from '../../src/behaviour/handler.ts';
import type { Sighting } from '../../src/behaviour/sightings.ts';
import { raw } from '../support/log.ts';
import { alertsOf, openFullmon, replay } from '../support/replay.ts';
import { CWD, DENIED, ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';
import { sighting } from '../support/sighting.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };
const HASHES = ['0f1e2d3c4b5a6978', 'a81b93c0d4e5f607', '1122aabb33cc44dd', 'deadbeef00112233', '9a8b7c6d5e4f3021', 'ffee0011ddcc2233'] as const;
const FRESH = '5566aa77bb88cc99';

/** Lets `learn` be normal; then the edges of `after` that are not. */
const unseen = (learn: (scene: Scene) => void, after: (scene: Scene) => void): readonly string[] => {
  const scene = openScene();
  learn(scene);
  after(scene.wait(100_000));
  return alertsOf(replay(scene.lines, { baseline: 100 })).map(({ edge }) => edge.slice(edge.indexOf('->') + 2));
};

const creating = (...paths: readonly string[]) => (scene: Scene): void => {
  for (const path of paths) scene.create(ME, path);
};
const inDirectory = (dir: string, extension = ''): readonly string[] => HASHES.map((hash) => `${dir}/${hash}${extension}`);

describe('what was generalised', () => {
  it('covers new names of that kind, by that subject, in that way, in that place', () => {
    const learn = creating(...inDirectory('/srv/a', '.json'));
    expect(unseen(learn, creating(`/srv/a/${FRESH}.json`))).toEqual([]);
    expect(unseen(learn, creating(`/srv/b/${FRESH}.json`, `/srv/a/${FRESH}.jpg`, `/srv/a/x/${FRESH}.json`))).toHaveLength(3);
    expect(unseen(learn, (scene) => scene.create({ ...ME, exe: '/usr/bin/y' }, `/srv/a/${FRESH}.json`))).toHaveLength(1);
    expect(unseen(learn, (scene) => scene.create({ ...ME, euid: 0 }, `/srv/a/${FRESH}.json`))).toHaveLength(1);
    expect(unseen(learn, (scene) => scene.files(ME, NR.unlink, [{ name: `/srv/a/${FRESH}.json`, type: 'DELETE' }]))).toHaveLength(1);
  });

  it('still knows each name that it was made of, and those that were not', () => {
    const all = [...inDirectory('/srv/a'), '/srv/a/index', '/srv/a/config.json'];
    expect(unseen(creating(...all), creating(...all))).toEqual([]);
  });

  it('is told with its subject, its action and some of the names', () => {
    const scene = openScene();
    creating(...inDirectory('/srv/a'))(scene);
    const said = replay(scene.wait(100_000).create(ME, '/srv/b').lines, { baseline: 100 });
    const [pattern] = said.flatMap((line) => (line.type === 'ignore' ? [line.pattern] : []));
    expect(pattern).toMatchObject({ subject: 'proc::33:/usr/bin/x', kind: 'create', source: '^/srv/a/[0-9a-f]{16}$', names: 6, witnesses: inDirectory('/srv/a').slice(0, 3) });
  });

  it('leaves the graph with one edge instead of many', () => {
    const scene = openScene();
    for (let i = 0; i < 3000; i++) scene.create(ME, `/srv/a/${(i * 2_654_435_761 + 2 ** 40).toString(16).padStart(16, '0')}.json`);
    const fullmon = openFullmon({ baseline: 100 });
    fullmon.feed(raw(`${scene.wait(100_000).create(ME, '/srv/b').lines.join('\n')}\n`));
    fullmon.end();
    expect(fullmon.state().edges).toBe(1);
  });
});

const user = (i: number): string => [...String(i)].map((d) => 'aeioubdlmn'.charAt(Number(d))).join('o');
const mail = (i: number, n: number): string => `proc::8:/usr/bin/lmtp->file:CREATE:/home/${user(i)}/new/${1_700_000_000 + n * 7}.M${100_000 + n * 77}`;

it('many patterns of one subject are found by the place of the name, and cost no more than a few', () => {
  const baseline = newBaseline(ms(60_000));
  for (let i = 0; i < 3000; i++) for (let n = 0; n < 4; n++) baseline.learn(sighting(mail(i, n)));
  expect(baseline.generalise().length + baseline.coverage().edges).toBe(6000);
  // Each against each would take minutes.
  for (let n = 0; n < 20; n++) {
    for (let i = 0; i < 3000; i++) expect(baseline.knows(sighting(mail(i, n + 10)))).toBe(true);
    for (let i = 3000; i < 6000; i++) expect(baseline.knows(sighting(mail(i, n)))).toBe(false);
  }
}, 30_000);

const createWith = (hash: string, traits = 0): Sighting => sighting(`proc::33:/usr/bin/x->file:CREATE:/srv/a/${hash}`, 0, traits);

it('names that were refused may make up the pattern of others, and it covers both then', () => {
  const baseline = newBaseline(ms(60_000));
  for (const traits of [0, Trait.denied]) {
    for (const hash of HASHES) baseline.learn(createWith(traits === 0 ? hash : [...hash].toReversed().join(''), traits));
    baseline.generalise();
    expect(baseline.knows(createWith(FRESH))).toBe(true);
    expect(baseline.knows(createWith(FRESH, Trait.denied))).toBe(traits !== 0);
  }
  expect(baseline.graph.size).toBe(1);
});

const connecting = (exe: string, ...hosts: readonly string[]) => (scene: Scene): void => {
  for (const host of hosts) scene.connect({ ...ME, pid: 600, exe }, ipv4(host, 443));
};
const FOUR = ['203.0.113.1', '203.0.113.7', '203.0.113.200', '203.0.113.90'] as const;
const CURL = '/usr/bin/curl';

const creatingWith = (mode: number, ...paths: readonly string[]) => (scene: Scene): void => {
  for (const path of paths) scene.create(ME, path, mode);
};
const chmod = (mode: number, ...paths: readonly string[]) => (scene: Scene): void => {
  for (const name of paths) scene.files(ME, NR.fchmodat, [{ name, type: 'NORMAL' }], { args: [CWD, 0, mode] });
};
const running = (...hashes: readonly string[]) => (scene: Scene): void => {
  for (const hash of hashes) scene.create(ME, '/srv/x').exec({ ...ME, pid: 501, ppid: 500, exe: `/srv/a/${hash}` }, [hash]);
};

describe('no pattern covers', () => {
  it.each(['/etc/cron.d', '/etc', '/usr/lib/app', '/usr/local/bin', '/boot', '/root/.ssh', '/home/x/.ssh/keys', '/var/spool/cron/crontabs', '/bin', '/lib/modules/x', '/var/log/audit'])('anything below %s', (dir) => {
    expect(unseen(creating(...inDirectory(dir)), creating(`${dir}/${FRESH}`))).toEqual([`file:CREATE:${dir}/${FRESH}`]);
  });

  it('what can be run, unless such was learned under that very name', () => {
    const learn = creating(...inDirectory('/srv/a'));
    const again = [`/srv/a/${FRESH}`, `/srv/a/${HASHES[0]}`];
    for (const mode of [0o100755, 0o104644, 0o102755, 0o100700]) expect(unseen(learn, creatingWith(mode, ...again))).toEqual(again.map((path) => `file:CREATE:${path}`));
    const programs = creatingWith(0o100755, ...inDirectory('/srv/a'));
    expect(unseen(programs, creatingWith(0o100755, ...again))).toEqual([`file:CREATE:/srv/a/${FRESH}`]);
    expect(unseen(programs, creating(`/srv/a/${HASHES[1]}`))).toEqual([]);
  });

  it('making it so', () => {
    const learn = chmod(0o644, ...inDirectory('/srv/a'));
    expect(unseen(learn, chmod(0o600, `/srv/a/${FRESH}`))).toEqual([]);
    for (const mode of [0o755, 0o4755, 0o2644]) expect(unseen(learn, chmod(mode, `/srv/a/${FRESH}`))).toEqual([`file:ATTR:/srv/a/${FRESH}`]);
  });

  it('a name that a server would run', () => {
    fc.assert(
      fc.property(fc.constantFrom('php', 'phtml', 'jsp', 'cgi', 'sh', 'py'), fc.constantFrom('', '.jpg', '.tmp'), (runnable, plain) => {
        expect(unseen(creating(...inDirectory('/var/www', plain), ...inDirectory('/var/www', `.${runnable}`)), creating(`/var/www/${FRESH}.${runnable}`))).toEqual([`file:CREATE:/var/www/${FRESH}.${runnable}`]);
      }),
    );
  });

  it('a program', () => {
    const [edge] = unseen(running(...HASHES), running(FRESH));
    expect(edge).toBe(`proc::33:/srv/a/${FRESH}@x`);
  });

  it('what was refused, when nothing was before', () => {
    const learn = connecting(CURL, ...FOUR);
    const refused = (host: string) => (scene: Scene): void => void scene.connect({ ...ME, pid: 600, exe: CURL }, ipv4(host, 443), DENIED);
    expect(unseen(learn, connecting(CURL, '203.0.113.9'))).toEqual([]);
    expect(unseen(learn, refused('203.0.113.9'))).toEqual(['host:203.0.113.9:443']);
    expect(unseen(learn, refused('203.0.113.1'))).toEqual(['host:203.0.113.1:443']);
  });
});

describe('a network', () => {
  it.each([
    ['a program', CURL, ['curl'], []],
    ['a script', '/usr/bin/python3.11', ['python3', '/opt/sync.py'], []],
    ['a shell', '/usr/bin/bash', ['bash'], ['host:203.0.113.66:443']],
    ['inline code', '/usr/bin/python3.11', ['python3', '-c', 'x'], ['host:203.0.113.66:443']],
    ['code from a pipe', '/usr/bin/dash', ['sh', '-s'], ['host:203.0.113.66:443']],
    ['a module', '/usr/bin/python3.11', ['python3', '-m', 'http.client'], ['host:203.0.113.66:443']],
  ])('stands for its addresses to %s', (_, exe, argv, expected) => {
    const learn = (scene: Scene): void => connecting(exe, ...FOUR)(scene.exec({ ...ME, pid: 600, exe }, argv));
    expect(unseen(learn, connecting(exe, '203.0.113.66'))).toEqual(expected);
  });

  it('takes four addresses, and is neither its neighbour nor another port', () => {
    expect(unseen(connecting(CURL, ...FOUR.slice(1)), connecting(CURL, '203.0.113.66'))).toHaveLength(1);
    expect(unseen(connecting(CURL, ...FOUR), connecting(CURL, '203.0.114.1', '3.0.113.1'))).toHaveLength(2);
    expect(unseen(connecting(CURL, ...FOUR), (scene) => scene.connect({ ...ME, pid: 600, exe: CURL }, ipv4('203.0.113.5', 80)))).toEqual(['host:203.0.113.5:80']);
  });

  it('is one of IPv4 addresses alone', () => {
    const subject = { container: bytes(''), login: uid(UNSET), euid: uid(33), exe: bytes(CURL), script: bytes(''), service: bytes('') };
    const names = ['a.example.test:443', 'b.example.test:443', 'c.example.test:443', 'd.example.test:443', '2001:db8::1:443', '2001:db8::2:443', '2001:db8::3:443', '2001:db8::4:443', 'vsock/2:443'];
    expect(generaliseHosts(subject, names.map((name) => ({ name: bytes(name), first: ms(0) })))).toEqual([]);
  });
});

describe('an unknown service', () => {
  it('may do what the same program does for any service it is known for', () => {
    const curl: Actor = { ...ME, pid: 700, ppid: 699, exe: '/usr/bin/curl' };
    const learn = (scene: Scene): void => void scene.create({ ...ME, pid: 699, exe: '/usr/sbin/cron' }, '/a').exec(curl, ['curl']).create(curl, '/srv/out');
    const stranger: Actor = { ...curl, pid: 800, ppid: 799 };
    expect(unseen(learn, (scene) => scene.exec(stranger, ['curl']).create(stranger, '/srv/out').create(stranger, '/srv/other'))).toEqual(['file:CREATE:/srv/other']);
  });
});

describe('the state of what was learned', () => {
  it('has each name once, though it was generalised after it was saved, and is the same as one that is saved whole', () => {
    const words = ['alpha', 'beta', 'gamma', 'delta'].map((name) => sighting(`proc::33:/usr/bin/x->file:CREATE:/srv/${name}`));
    const later = sighting('proc::33:/usr/bin/x->file:CREATE:/srv/epsilon');
    const baseline = newBaseline(ms(60_000));
    for (const seen of words) baseline.learn(seen);
    const states = [baseline.save()];
    baseline.generalise();
    states.push(baseline.save(false));
    expect(states[1]?.groups.rows.map(([, { names }]) => names)).toEqual([{ gone: [], rows: [] }]);
    for (const seen of [words[0] ?? later, later]) baseline.learn(seen);
    states.push(baseline.save(false));
    const [first, ...changes] = states.map((state): Readonly<Record<string, unknown>> => JSON.parse(JSON.stringify({ baseline: state })));
    const { baseline: merged } = withChanges(first ?? {}, changes) as { readonly baseline: BaselineState };
    expect(newBaseline(ms(60_000), withCounts(merged)).save()).toEqual(newBaseline(ms(60_000), baseline.save()).save());
  });
});
