import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { raw, record, syscall, T0, untrusted } from '../support/log.ts';
import { alertsOf, openFullmon, replay } from '../support/replay.ts';
import { ipv4, openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { HOUR, told } from './watch.ts';

const APP = { pid: 700, exe: '/usr/sbin/app' } as const;
const app = 'proc::33:/usr/sbin/app';
/** An hour of learning is over, and something known happens. */
const usual = (): Scene => openScene().create(APP, '/srv/a').wait(HOUR).create(APP, '/srv/a');

describe('what an unprivileged user can put into the log', () => {
  it('may hold an equals sign, as a program (W11) or a file (W12)', () => {
    expect(told(usual().exec({ pid: 701, ppid: 700, exe: '/tmp/a=b', comm: 'a=b' }, ['/tmp/a=b']).create(APP, '/tmp/a=b'))).toEqual([`${app}->proc::33:/tmp/a=b@app`, `${app}->file:CREATE:/tmp/a=b`]);
  });

  it('may be no UTF-8, or cut within a letter (W13)', () => {
    const scene = usual();
    for (const [i, argument] of ['\xff', `${'x'.repeat(127)}\xc3`].entries()) scene.exec({ pid: 710 + i, ppid: 700, exe: `/tmp/tool${i}` }, ['true', argument]);
    const lines = scene.lines.map((line) => line.replace('proctitle="x"', `proctitle=${untrusted(`true\0\xff${'x'.repeat(121)}\xc3`)}`));
    expect(alertsOf(replay(lines, { baseline: 3600, monitor: 60 })).map(({ edge }) => edge)).toEqual([`${app}->proc::33:/tmp/tool0@app`, `${app}->proc::33:/tmp/tool1@app`]);
  });

  it('may be an address of any length (W14)', () => {
    const whole = ipv4('203.0.113.66', 4444);
    const scene = usual();
    for (let digits = 0; digits < whole.length; digits++) scene.connect(APP, whole.slice(0, digits));
    expect(told(scene.connect(APP, whole).create(APP, '/srv/new')).filter((edge) => !edge.includes('->host:?'))).toEqual(expect.arrayContaining([`${app}->host:203.0.113.66:4444`, `${app}->file:CREATE:/srv/new`]));
  });
});

/** The records of an exec, one by one. */
const parts = (serial: number, pid: number): readonly string[] => [
  record('SYSCALL', syscall({ syscall: '59', pid: String(pid), ppid: '700', uid: '33', euid: '33', auid: '4294967295', ses: '4294967295', exe: `"/usr/bin/tool${pid}"` }), serial, HOUR),
  record('EXECVE', `argc=1 a0="tool${pid}"`, serial, HOUR), record('CWD', 'cwd="/"', serial, HOUR), record('PROCTITLE', 'proctitle="x"', serial, HOUR),
];

describe('what is read while it is being written', () => {
  it('is whole in the end, wherever the reader met it (W36)', () => {
    const { lines } = usual().exec({ pid: 701, ppid: 700, exe: '/usr/bin/id' }, ['id']).create(APP, '/srv/b');
    const all = replay(lines, { baseline: 3600, monitor: 60 });
    expect(alertsOf(all)).toHaveLength(2);
    for (const size of [1, 2, 3, 7, 100]) expect(replay(lines, { baseline: 3600, monitor: 60 }, size)).toEqual(all);
  });

  it('is told though nothing follows, soon after it happened (W35)', () => {
    const fullmon = openFullmon({ baseline: 3600, monitor: 60 });
    // The last record of the event is missing, too.
    fullmon.feed(raw(usual().create(APP, '/srv/b').lines.slice(0, -1).map((line) => `${line}\n`).join('')));
    expect(alertsOf(fullmon.said)).toEqual([]);
    fullmon.tick(ms(T0 + HOUR + 62_000));
    expect(alertsOf(fullmon.said).map(({ edge }) => edge)).toEqual([`${app}->file:CREATE:/srv/b`]);
  });

  it('may be two events, record by record (W19)', () => {
    const [one, two] = [parts(91, 801), parts(92, 802)];
    const lines = [...usual().lines, ...one.flatMap((line, i) => [line, two[i] ?? ''])];
    expect(alertsOf(replay(lines, { baseline: 3600, monitor: 60 })).map(({ edge }) => edge)).toEqual([`${app}->proc::33:/usr/bin/tool801@app`, `${app}->proc::33:/usr/bin/tool802@app`]);
  });
});

/** One of two programs in a layer. */
const name = (layer: number, side: number): string => `/tmp/${String.fromCharCode(97 + (layer % 26))}${layer < 26 ? '' : 'x'}${side === 0 ? 'l' : 'r'}`;

describe('what is made to be much', () => {
  it('is one line and a count when it is always the same (W23)', () => {
    const scene = usual();
    for (let i = 0; i < 50; i++) scene.wait(100).create(APP, '/srv/b');
    expect(alertsOf(replay(scene.lines, { baseline: 3600, monitor: 60 })).map(({ edge, seen }) => `${edge} ${seen.count}`)).toEqual([`${app}->file:CREATE:/srv/b 50`]);
  });

  it('is a line for each step of a chain of programs, in one incident (W24)', () => {
    const scene = usual();
    for (let i = 0; i < 12; i++) scene.exec({ pid: 701 + i, ppid: 700 + i, exe: `/tmp/step${String.fromCharCode(97 + i)}` }, ['x']);
    const alerts = alertsOf(replay(scene.lines, { baseline: 3600, monitor: 60 }));
    expect(alerts).toHaveLength(12);
    expect(new Set(alerts.map(({ incident }) => incident)).size).toBe(1);
  });

  it('costs what was seen, not the ways through it: thirty layers of two programs, each run by both of the layer above (W25)', () => {
    const scene = usual();
    let pid = 701;
    for (let layer = 0; layer < 30; layer++) {
      for (const from of [0, 1]) {
        const parent = pid++;
        scene.exec({ pid: parent, ppid: 700, exe: name(layer, from) }, ['x']);
        for (const to of [0, 1]) scene.exec({ pid: pid++, ppid: parent, exe: name(layer + 1, to) }, ['x']);
      }
    }
    expect(alertsOf(replay(scene.lines, { baseline: 3600, monitor: 60 })).filter(({ edge }) => edge.startsWith('proc::33:/tmp/'))).toHaveLength(120);
  });
});
