import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { readAccepted } from '../../src/input/accepted.ts';
import { runWindow } from '../../src/commands/window.ts';
import { accepting } from '../../src/shell/rules.ts';
import { builtProgram, run } from '../support/program.ts';
import type { Ran } from '../support/program.ts';

const SUID = resolve(import.meta.dirname, '../../fixtures/suid-shell.log');

let dir = '';
let main = '';
beforeAll(() => {
  main = builtProgram();
  dir = mkdtempSync(join(tmpdir(), 'fullmon-windows-'));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

const places = (name: string): readonly string[] => ['--accepted', join(dir, name), '--state', join(dir, 'state')];
const fullmon = (...args: readonly string[]): Promise<Ran> => run([process.execPath, main, ...args]);

const base = (name: string) => ({ service: undefined, for: undefined, comment: undefined, end: false, accepted: join(dir, name), state: join(dir, 'none') });

/** Of each alert of a replay whether it is marked, with a maintenance of that time. */
const marksOf = async (from: string, until: string) => {
  writeFileSync(join(dir, `${until}.jsonl`), `${JSON.stringify({ window: 'maintenance', from, until, comment: 'new disks', by: 'root' })}\n`);
  const { stdout } = await fullmon('replay', SUID, '--baseline', '30', '--accepted', join(dir, `${until}.jsonl`));
  return stdout.split('\n').filter((line) => /"type":"(?:edge|incident)"/.test(line)).map((line) => line.includes('"maintenance":"new disks"'));
};

describe.concurrent('a maintenance', () => {
  it('is begun, shown and ended, and what was accepted stays', async () => {
    const at = places('a.jsonl');
    expect((await fullmon('accept', 'proc:*:/usr/bin/rsync* -> *', ...at)).status).toBe(0);
    expect(await fullmon('maintenance', '--for', '2h', '--comment', 'new disks', ...at)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^maintenance until \S+Z, by \S+: new disks\n$/) });
    const [window] = readAccepted(join(dir, 'a.jsonl')).windows;
    expect(Date.parse(window?.until ?? '') - Date.parse(window?.from ?? '')).toBe(7_200_000);
    expect((await fullmon('maintenance', ...at)).stdout).toContain('new disks');
    await runWindow({ ...base('a.jsonl'), window: 'maintenance', end: true });
    expect(Date.parse(readAccepted(join(dir, 'a.jsonl')).windows[0]?.until ?? '')).toBeLessThanOrEqual(Date.now());
    // It was one, and a replay may want to know.
    expect(readAccepted(join(dir, 'a.jsonl'))).toMatchObject({ windows: [{ from: window?.from, comment: 'new disks' }], entries: [{ glob: 'proc:*:/usr/bin/rsync* -> *' }], bad: [] });
  });

  it('that was in a log marks the alerts of its replay', async () => {
    const [marked, unmarked] = await Promise.all([marksOf('2020-01-01', '2100-01-01'), marksOf('2020-01-01', '2020-01-02')]);
    expect(marked.length).toBeGreaterThan(4);
    expect(new Set(marked)).toEqual(new Set([true]));
    expect(unmarked).toEqual(marked.map(() => false));
  });
});

describe('a window', () => {
  it.each([
    ['without a reason', { window: 'maintenance', for: '2h' }, 'maintenance: say for how long, and why'],
    ['without an end', { window: 'maintenance', comment: 'x' }, 'maintenance: say for how long, and why'],
    ['of a time that is none', { window: 'maintenance', comment: 'x', for: 'soon' }, "--for: expected a time like 30m, 2h or 1d, got 'soon'"],
    ['of no time', { window: 'maintenance', comment: 'x', for: '0h' }, '--for: expected a time'],
    ['of nobody', { window: 'relearn', comment: 'x', for: '1h' }, 'relearn: name the service'],
    ['to end that is none', { window: 'relearn', service: 'nginx', end: true }, 'relearn: there is none to end'],
  ] as const)('%s is refused', (_, options, told) => {
    expect(() => runWindow({ ...base('refused.jsonl'), ...options })).toThrow(told);
  });

  it('begins where the one before ends, each service by itself', async () => {
    for (const [service, comment] of [['nginx', 'one'], ['mysql', 'two'], ['nginx', 'three']] as const) await runWindow({ ...base('b.jsonl'), window: 'relearn', service, for: '1h', comment });
    const lines = readFileSync(join(dir, 'b.jsonl'), 'utf8').trim().split('\n').map((line): { comment: string; from: string; until: string } => JSON.parse(line));
    const [one, two, three] = lines;
    expect(one?.until).toBe(three?.from);
    expect(Date.parse(two?.until ?? '')).toBeGreaterThan(Date.now());
  });

  it('is a word for the operator when the agent meets it, once', async () => {
    await runWindow({ ...base('c.jsonl'), window: 'maintenance', for: '1h', comment: 'new disks' });
    const told: string[] = [];
    const { settings, refresh } = await accepting({ baseline: 0, monitor: 0, rebase: false, ignored: () => false }, join(dir, 'c.jsonl'), (text) => void told.push(text));
    refresh();
    expect(told).toEqual([expect.stringContaining('new disks')]);
    expect(settings.maintenance?.(ms(Date.now()))).toBe('new disks');
  });
});
