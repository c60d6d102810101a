import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeAccepted, readAccepted } from '../../src/input/accepted.ts';
import { openStore } from '../../src/input/checkpoint.ts';
import { asOwner, me } from '../../src/input/files.ts';
import { builtProgram, run } from '../support/program.ts';
import type { Ran } from '../support/program.ts';

const SUID = resolve(import.meta.dirname, '../../fixtures/suid-shell.log');
const NOBODY = 65534;

let dir = '';
let main = '';
const state = (): string => join(dir, 'state');
const fullmon = (...args: readonly string[]): Promise<Ran> => run([process.execPath, main, ...args]);
const owners = (): readonly number[] => [state(), ...readdirSync(state()).map((name) => join(state(), name))].map((path) => statSync(path).uid);

describe.skipIf(process.getuid?.() !== 0)('root beside an agent that is another user', () => {
  beforeAll(async () => {
    main = builtProgram();
    dir = mkdtempSync(join(tmpdir(), 'fullmon-owner-'));
    chmodSync(dir, 0o755);
    await fullmon('replay', SUID, '--baseline', '30', '--monitor', '10', '--state', state());
    for (const path of [state(), ...readdirSync(state()).map((name) => join(state(), name))]) chownSync(path, NOBODY, NOBODY);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  it('sees its state', async () => {
    const { status, stdout } = await fullmon('show', 'incidents', '--state', state());
    expect([status, stdout]).toEqual([0, expect.stringContaining('"severity":"critical"')]);
  });

  it('leaves what it puts there to that user', async () => {
    const file = join(dir, 'baseline.jsonl');
    expect((await fullmon('baseline', 'export', file, '--state', state())).status).toBe(0);
    expect(statSync(file).uid).toBe(0);
    expect(await fullmon('baseline', 'import', file, '--state', state())).toMatchObject({ status: 0 });
    expect(readdirSync(state())).toContain('baseline.jsonl');
    expect(owners().every((uid) => uid === NOBODY)).toBe(true);
    // The agent can go on with it.
    asOwner(state(), () => openStore(state()).close());
  });

  it('is root again afterwards, whatever happened', () => {
    expect(() => asOwner(state(), () => {
      expect(me()).toBe(NOBODY);
      throw new Error('halfway');
    })).toThrow('halfway');
    expect(me()).toBe(0);
  });

  it('lets the group of the directory read what was accepted, and nobody else', () => {
    const etc = join(dir, 'etc');
    mkdirSync(etc, { mode: 0o750 });
    chownSync(etc, 0, NOBODY);
    const file = join(etc, 'accepted.jsonl');
    changeAccepted(file, ({ windows }) => ({ windows, entries: [{ glob: '* -> *', at: new Date().toISOString(), by: 'root' }] }));
    const { uid, gid, mode } = statSync(file);
    expect([uid, gid, mode & 0o777]).toEqual([0, NOBODY, 0o640]);
    expect(readAccepted(file).entries.length).toBe(1);
  });
});
