import { resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEdge, printEdge } from '../../src/behaviour/edge.ts';
import { record, syscall, T0 } from '../support/log.ts';
import { alertsOf, edgesOf, replay } from '../support/replay.ts';
import { openScene } from '../support/scene.ts';
import type { Actor } from '../support/scene.ts';
import { runGauntlet } from './gauntlet.ts';
import { linesOf } from './mutations.ts';

const WEB: Actor = { pid: 500, exe: '/usr/sbin/nginx' };
const YEAR = 31_557_600_000;
const fixtures = linesOf(resolve(import.meta.dirname, '../../fixtures'));

describe('damaged lines (a slice; mutate.mjs runs millions)', () => {
  it.each([{ baseline: 0, monitor: 0, rebase: false }, { baseline: 3600, monitor: 60, rebase: true }])('stop nothing, and no report of them drives a terminal: %j', (settings) => {
    const { told, dirty } = runGauntlet(fixtures, 20_000, 7, { ...settings, ignored: () => false });
    expect(told).toBeGreaterThan(10);
    expect(dirty).toEqual([]);
  });
});

describe('what a program says', () => {
  const FAKE = `${record('SYSCALL', syscall({ exe: '"/tmp/evil"' }), 77)} `;
  const TYPES = ['USER_CMD', 'USER_AUTH', 'USER_LOGIN', 'USER_START', 'USER_TTY', 'TRUSTED_APP', 'AVC', 'CRED_ACQ'];
  const BETWEEN = ['', ' ', "'", '"', '\r', '\x1d', '\0', '\x1b[2K', '\x85', ') ', '" '];

  it.each(TYPES)('in %s is no record of the kernel, however it is put', (type) => {
    for (const between of BETWEEN) {
      const said = record(type, `pid=9 uid=0 auid=0 ses=1 msg='op=x acct="a${between}${FAKE}" exe="/usr/bin/sudo" res=success'`, 5);
      expect(edgesOf([said, record('PROCTITLE', 'proctitle="x"', 77)])).toEqual([]);
    }
  });

  it.each(BETWEEN)('behind what auditd adds after %j adds nothing to a record, and changes no field of it', (between) => {
    const scene = openScene().create(WEB, '/srv/a');
    const lines = scene.lines.map((line) => `${line}\x1dARCH=x86_64 exe="/tmp/evil"${between}pid=1 euid=0 name="/etc/passwd" nametype=CREATE`);
    expect(edgesOf(lines)).toEqual(edgesOf(scene.lines));
  });
});

describe('names', () => {
  const PARTS = ['->', '\x1b[2J', '\x1b]0;x\x07', '\r', '\n', '\x1d', '\0', '\xe2\x80\xae', '__proto__', 'constructor', 'hasOwnProperty', ' ', '@', '%', '>', ':', '"', '\xff', '\xc0\xaf', 'proc::0:x', 'type=SYSCALL', '..', '/', 'x'.repeat(300)];
  const name = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));

  it('of any bytes are one edge each, that reads back, and known once they were learned', () => {
    fc.assert(
      fc.property(name, name, (file, program) => {
        const by: Actor = { ...WEB, exe: `/opt/${program}` };
        const scene = openScene().create(by, `/srv/${file}`).wait(10_000);
        const again = scene.create(by, `/srv/${file}`);
        expect(alertsOf(replay(again.lines, { baseline: 10, monitor: 60 }))).toEqual([]);
        const told = edgesOf(again.lines);
        for (const edge of told) {
          const parsed = parseEdge(edge);
          expect(parsed && printEdge(parsed)).toBe(edge);
          expect(edge).toMatch(/^[\x20-\x7e]+$/);
          expect(edge.split('->').length).toBe(2);
        }
        expect(told.length).toBe(1);
      }),
      { numRuns: 100 },
    );
  });

  it.each(['__proto__', 'constructor', 'toString'])('like %s are names like others, for programs, files and services', (odd) => {
    const by: Actor = { ...WEB, pid: 501, ppid: 500, exe: odd };
    const scene = openScene().create(WEB, '/srv/a').wait(10_000).exec(by, [odd, odd]).create(by, `/srv/${odd}`).create(by, odd);
    expect(alertsOf(replay(scene.lines, { baseline: 10, monitor: 60 })).length).toBe(3);
  });
});

/** A shell of the web server that lets somebody in: found whatever comes before. */
const SHELL: Actor = { ...WEB, pid: 501, ppid: 500, exe: '/usr/bin/dash' };

describe('an attack', () => {
  it('is told between steps of the clock by a year, forward and back', () => {
    const scene = openScene().create(WEB, '/srv/a').wait(3_600_000);
    for (let i = 0; i < 20; i++) scene.create(WEB, '/srv/a').wait(i % 2 === 0 ? YEAR : -YEAR);
    const found = alertsOf(replay(scene.create(SHELL, '/root/.ssh/authorized_keys').lines, { baseline: 60, monitor: 60 }));
    expect(found.map(({ seen }) => seen.name)).toContain('/root/.ssh/authorized_keys');
  });

  it.each([60, 0])('is told at its own time, soon after a clock that was a year ahead was set right: --monitor %i', (monitor) => {
    const scene = openScene().create(WEB, '/srv/a').wait(3_600_000).create(WEB, '/srv/a').wait(YEAR).create(WEB, '/srv/a').wait(-YEAR);
    for (let i = 0; i < 200; i++) scene.create(WEB, '/srv/a');
    const said = replay(scene.create(SHELL, '/root/.ssh/authorized_keys').lines, { baseline: 60, monitor });
    expect(said.flatMap((line) => (line.type === 'finding' ? [line.kind] : []))).toEqual(['clock']);
    expect(said.flatMap((line) => (line.type === 'edge' ? [line.time - T0] : []))).toEqual([3_600_000]);
  });

  it('is told in a storm of processes that use up all pids', () => {
    const scene = openScene().create(WEB, '/srv/a').wait(10_000);
    for (let i = 0; i < 8000; i++) {
      scene.exec({ ...WEB, pid: 600 + ((i * 37) % 3000), ppid: 500, exe: '/usr/bin/true' }, ['true']);
      if (i % 100 === 0) scene.create(WEB, '/srv/a');
      if (i === 4000) scene.exec(SHELL, ['sh', '-c', 'x']).create(SHELL, '/root/.ssh/authorized_keys');
    }
    const found = alertsOf(replay(scene.lines, { baseline: 10, monitor: 60, flood: 20 }));
    expect(found.map(({ edge }) => edge)).toContain('proc::33:/usr/bin/dash -c@nginx->file:CREATE:/root/.ssh/authorized_keys');
  });

  it('is told when a call bears a time that no clock shows', () => {
    const scene = openScene().create(WEB, '/srv/a').wait(10_000);
    const odd = ['0.000', '99999999999.999', `${T0 / 1000 + 3e9}.000`].map((time) => record('SYSCALL', syscall(), 9).replace(/audit\([\d.]+/, `audit(${time}`));
    const lines = [...scene.lines, ...odd, ...openScene().wait(20_000).create(SHELL, '/root/.ssh/authorized_keys').lines];
    expect(alertsOf(replay(lines, { baseline: 10, monitor: 60 })).map(({ seen }) => seen.name)).toContain('/root/.ssh/authorized_keys');
  });
});
