import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtProgram, run } from '../support/program.ts';
import type { Ran } from '../support/program.ts';
import { alertsOf, readLog, replay as tellAll } from '../support/replay.ts';
import type { Alert } from '../../src/detect/incidents.ts';
import type { Settings } from '../../src/fullmon.ts';
import { accepting } from '../../src/shell/rules.ts';

const FIXTURES = resolve(import.meta.dirname, '../../fixtures');
const NOISY = join(FIXTURES, 'web-shell-in-noisy-directory.log');
const SUID = join(FIXTURES, 'suid-shell.log');

let main = '';
let root = '';
let dir = '';

beforeAll(() => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-accept-'));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
});

const accepted = (): string => join(dir, 'etc', 'accepted.jsonl');
const fullmon = (...args: readonly string[]): Promise<Ran> => run([process.execPath, main, ...args, '--accepted', accepted()]);
const keep = (): readonly string[] => ['--state', join(dir, 'state')];
/** Leaves the state of a replay that knows of nothing accepted. */
const leaveState = (log: string): Promise<Ran> => run([process.execPath, main, 'replay', log, '--baseline', '30', '--monitor', '10', ...keep(), '--reset']);
const BASE: Settings = { baseline: 30, monitor: 10, rebase: false, ignored: () => false };
/** What is told of a recording when all that is accepted now counts, and what is said of the file. */
const replay = async (log = NOISY): Promise<{ readonly edges: readonly string[]; readonly alerts: readonly Alert[]; readonly troubles: readonly string[] }> => {
  const troubles: string[] = [];
  const { settings } = await accepting(BASE, accepted(), (text) => void troubles.push(text));
  const alerts = alertsOf(tellAll(readLog(log), settings));
  return { alerts, edges: alerts.map(({ edge }) => edge), troubles };
};

interface Data {
  readonly [field: string]: unknown;
}
const dataOf = ({ stdout }: Ran): readonly Data[] => stdout.split('\n').filter((line) => line !== '').map((line): Data => JSON.parse(line));

describe('what a person accepts', () => {
  it('is told no more: an edge, and nothing but it', async () => {
    const [edge = '', ...others] = (await replay()).edges;
    expect(await fullmon('accept', edge, '--comment', 'ours')).toMatchObject({ status: 0, stdout: `accepted ${edge.replace('->', ' -> ')}\n` });
    expect(others).not.toEqual([]);
    expect((await replay()).edges).toEqual(others);
  });

  it('can be a glob for each side', async () => {
    expect((await fullmon('accept', 'proc:*:/usr/sbin/php-fpm* -> *')).status).toBe(0);
    expect((await replay()).edges.filter((edge) => edge.includes('/usr/sbin/php-fpm8.2->'))).toEqual([]);
    expect((await fullmon('accept', '* -> *')).status).toBe(0);
    expect((await replay()).edges).toEqual([]);
  });

  it('can be an incident, as the state remembers it', async () => {
    await leaveState(NOISY);
    const { alerts } = await replay();
    const id = alerts[0]?.incident ?? '';
    const { status, stdout } = await fullmon('accept', id.slice(0, 6), ...keep());
    expect([status, stdout.split('\n').length - 1]).toEqual([0, alerts.filter(({ incident }) => incident === id).length]);
    expect((await replay()).edges).toEqual(alerts.filter(({ incident }) => incident !== id).map(({ edge }) => edge));
  });

  it('is told again once it is revoked', async () => {
    await leaveState(NOISY);
    const { edges: before } = await replay();
    const id = dataOf(await fullmon('show', 'incidents', ...keep()))[0]?.['id'];
    for (const what of [String(id), '* -> file:*']) {
      expect((await fullmon('accept', what, ...keep())).status).toBe(0);
      expect((await replay()).edges).not.toEqual(before);
      expect((await fullmon('revoke', what)).status).toBe(0);
      expect((await replay()).edges).toEqual(before);
    }
    expect(await fullmon('revoke', '* -> file:*')).toMatchObject({ status: 2, stderr: expect.stringContaining('fullmon show accepted') });
  });

  it('counts until it expires, by the clock of the log', async () => {
    const [first] = (await replay()).alerts;
    const last = Number(first?.seen.last);
    const line = (expires: number): string => `${JSON.stringify({ edge: first?.edge, expires: new Date(expires).toISOString(), at: '', by: '' })}\n`;
    await fullmon('accept', 'x -> y');
    writeFileSync(accepted(), line(last + 1));
    expect((await replay()).edges).not.toContain(first?.edge);
    writeFileSync(accepted(), line(last));
    expect((await replay()).edges).toContain(first?.edge);
  });

  it('is shown with who decided it, when, until when and why', async () => {
    await fullmon('accept', 'proc:* -> file:*', '--expires', '30d', '--comment', 'the mirror');
    const [shown] = dataOf(await fullmon('show', 'accepted'));
    expect(shown).toMatchObject({ glob: 'proc:* -> file:*', comment: 'the mirror', by: expect.stringMatching(/./) });
    expect(Date.parse(String(shown?.['expires'])) - Date.parse(String(shown?.['at']))).toBe(30 * 86_400_000);
    expect((await fullmon('show', 'accepted', '--format', 'text')).stdout).toMatch(/proc:\* -> file:\*.*the mirror/);
  });

  it('is refused with a word when it makes no sense', async () => {
    for (const what of ['nonsense', 'a -> b -> c', 'abcdef', `x -> ${'['.repeat(5000)}`]) {
      const { status, stdout, stderr } = await fullmon('accept', what, ...keep());
      expect([status, stdout, stderr.split('\n').length]).toEqual([2, '', 2]);
    }
    expect((await fullmon('accept', 'a -> b', '--expires', 'yesterday')).status).toBe(2);
    expect(existsSync(accepted())).toBe(false);
  });
});

describe('the file of what is accepted', () => {
  it('may be written by its owner alone', async () => {
    await fullmon('accept', '* -> *');
    expect(statSync(accepted()).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['may be written by others', () => chmodSync(accepted(), 0o666)],
    ['is a link', () => {
      writeFileSync(join(dir, 'real'), readFileSync(accepted()), { mode: 0o600 });
      rmSync(accepted());
      symlinkSync(join(dir, 'real'), accepted());
    }],
  ])('accepts nothing when it %s', async (why, change) => {
    const before = await replay();
    await fullmon('accept', '* -> *');
    change();
    const { edges, troubles } = await replay();
    expect(edges).toEqual(before.edges);
    expect(troubles).toEqual([expect.stringContaining(why)]);
    expect((await fullmon('accept', 'a -> b')).status).toBe(2);
  });

  it('is read in spite of a line that says nothing', async () => {
    await fullmon('accept', '* -> *');
    appendFileSync(accepted(), '{"edge":7}\n[]\n{"glob":"a -> b","edge":"a->b"}\n{"edge":"a->b","expires":"x"}\n{\n{"glob":"a"}\n');
    const { edges, troubles } = await replay();
    expect(edges).toEqual([]);
    expect(troubles).toEqual([expect.stringMatching(/says nothing in line 2, 3, 4, 5, 6$/), expect.stringMatching(/expected 'SUBJECT -> OBJECT', got 'a'/)]);
  });
});

describe('what is known', () => {
  it('is shown from the state: incidents, baseline, patterns, coverage', async () => {
    const ran = await leaveState(NOISY);
    const { alerts, edges } = await replay();
    const show = async (what: string): Promise<readonly Data[]> => dataOf(await fullmon('show', what, ...keep()));
    const incidents = await show('incidents');
    expect(new Set(incidents.map(({ id }) => id))).toEqual(new Set(alerts.map(({ incident }) => incident)));
    expect(incidents.flatMap(({ edges: of }) => of).toSorted()).toEqual(edges.toSorted());
    const ignored = dataOf(ran).map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('+ignore'));
    expect((await show('patterns')).map(({ pattern }) => `+ignore ${String(pattern)}`).toSorted()).toEqual(ignored.toSorted());
    await leaveState(SUID);
    const known = (await show('baseline')).map(({ edge }) => edge);
    expect(known).not.toEqual([]);
    expect(await show('coverage')).toMatchObject([{ phase: 'monitoring', edges: known.length }]);
    // What is known is what is not told.
    expect((await replay(SUID)).edges.filter((edge) => known.includes(edge))).toEqual([]);
  });

  it('is shown to people too', async () => {
    for (const [what, log] of [['baseline', SUID], ['incidents', NOISY], ['patterns', NOISY], ['coverage', NOISY]] as const) {
      if (what !== 'patterns' && what !== 'coverage') await leaveState(log);
      const { status, stdout } = await fullmon('show', what, ...keep(), '--format', 'text');
      expect([status, stdout]).toEqual([0, expect.stringMatching(/^[^{]/)]);
    }
  });

  it.skipIf(process.geteuid?.() !== 0)('is shown to nobody else', async () => {
    await leaveState(NOISY);
    chmodSync(root, 0o755);
    chmodSync(dir, 0o755);
    const { status, stdout, stderr } = await run([process.execPath, main, 'show', 'incidents', ...keep()], { uid: 65534 });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^fullmon: [^\n]*may not be read: run as root[^\n]*\n$/);
  });

  it('is nothing where there is no state', async () => {
    expect(await fullmon('show', 'baseline', ...keep())).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('there is no state') });
    expect(existsSync(join(dir, 'state'))).toBe(false);
  });
});
