import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtProgram, run, start } from '../support/program.ts';
import type { How, Ran } from '../support/program.ts';

const FIXTURES = resolve(import.meta.dirname, '../../fixtures');
const NOISY = join(FIXTURES, 'web-shell-in-noisy-directory.log');
const SUID = join(FIXTURES, 'suid-shell.log');
const ODD = join(FIXTURES, 'odd-names.log');

let main = '';
let root = '';
/** States that have learned the beginning of a recording: one has patterns, one names of all kinds. */
let learned = '';
let odd = '';
let dir = '';

const command = (...args: readonly string[]): readonly string[] => [process.execPath, main, ...args];
const fullmon = (args: readonly string[], how?: How): Promise<Ran> => run(command(...args), how);
const baseline = (action: string, ...args: readonly string[]): Promise<Ran> => fullmon(['baseline', action, ...args]);
const replay = (log: string, state: string, ...args: readonly string[]): Promise<Ran> => fullmon(['replay', log, '--monitor', '10', '--state', state, ...args]);

/** PEM files of a new key. */
const key = (name: string): readonly [secret: string, open: string] => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const files = [join(root, `${name}.pem`), join(root, `${name}.pub`)] as const;
  writeFileSync(files[0], privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(files[1], publicKey.export({ type: 'spki', format: 'pem' }));
  return files;
};
let ours: readonly [secret: string, open: string] = ['', ''];
let theirs: readonly [secret: string, open: string] = ['', ''];

beforeAll(async () => {
  main = builtProgram();
  root = mkdtempSync(join(tmpdir(), 'fullmon-signed-'));
  [learned, odd] = [join(root, 'learned'), join(root, 'odd')];
  [ours, theirs] = [key('ours'), key('theirs')];
  expect(await replay(NOISY, learned, '--baseline', '30')).toMatchObject({ status: 0 });
  expect(await replay(ODD, odd, '--baseline', '5')).toMatchObject({ status: 0 });
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  dir = mkdtempSync(join(root, 'case-'));
});

const file = (): string => join(dir, 'normal.jsonl');
const fresh = (): string => join(dir, 'state');

/** A file of what was learned, signed. */
const signed = async (): Promise<string> => {
  expect(await baseline('export', file(), '--state', learned)).toMatchObject({ status: 0, stdout: '' });
  expect(await baseline('sign', file(), '--private-key', ours[0])).toMatchObject({ status: 0, stderr: '' });
  return file();
};

interface Told {
  readonly type?: string;
  readonly edge?: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly msg: string;
}
const toldBy = ({ stdout }: Ran): readonly Told[] => stdout.split('\n').filter((line) => line !== '').map((line): Told => JSON.parse(line));
const edgesOf = (ran: Ran): readonly string[] => toldBy(ran).filter(({ type }) => type === 'edge').map(({ msg }) => msg).toSorted();
const findingsOf = (ran: Ran): readonly string[] => toldBy(ran).filter(({ type, kind }) => type === 'finding' && kind === 'state').map(({ severity = '', msg }) => `${severity}: ${msg}`);

/** An agent that reads a recording to its end. */
const agent = (log: string, ...args: readonly string[]): Promise<Ran> =>
  fullmon(['--auditd', '-', '--monitor', '10', '--state', fresh(), '--accepted', join(dir, 'none'), '--format', 'json', ...args], { input: readFileSync(log) });

describe('a baseline as a file', { timeout: 60_000 }, () => {
  it('is a header and one thing a line, sorted, in ASCII', async () => {
    for (const [state, kind] of [[learned, 'pattern'], [odd, 'edge']] as const) {
      const { stdout } = await baseline('export', '--state', state);
      expect(stdout).toMatch(/^[\n\x20-\x7e]+$/);
      const [header, ...lines] = stdout.split('\n').slice(0, -1).map((line): Readonly<Record<string, string | number>> => JSON.parse(line));
      const [edges, patterns] = ['edge', 'pattern'].map((name) => lines.flatMap((line) => line[name] ?? []));
      expect(header).toMatchObject({ format: 'fullmon-baseline', version: 1, edges: edges?.length, patterns: patterns?.length });
      expect(lines.some((line) => kind in line)).toBe(true);
      expect(edges).toEqual(edges?.toSorted());
      expect(toldBy(await fullmon(['show', 'baseline', '--state', state])).map(({ edge = '' }) => edge).toSorted()).toEqual(edges);
    }
  });

  it('that is imported is normal elsewhere: the same is told as where it was learned', async () => {
    const there = edgesOf(await replay(NOISY, join(dir, 'other'), '--baseline', '30'));
    await signed();
    expect(await baseline('import', file(), '--state', fresh())).toMatchObject({ status: 0, stdout: '' });
    expect(edgesOf(await replay(NOISY, fresh(), '--baseline', '3600'))).toEqual(there);
    expect(there).not.toEqual([]);
  });

  it('comes out of a state as it went in', async () => {
    await baseline('export', file(), '--state', odd);
    await baseline('import', file(), '--state', fresh());
    const [header = '', ...lines] = (await baseline('export', '--state', fresh())).stdout.split('\n');
    const [before = '', ...same] = readFileSync(file(), 'utf8').split('\n');
    expect(lines).toEqual(same);
    expect(JSON.parse(header)).toEqual({ ...JSON.parse(before), created: 0 });
  });

  it('replaces what a state knows, and nothing else of it', async () => {
    await replay(SUID, fresh(), '--baseline', '0', '--monitor', '0');
    const shown = (what: string): Promise<Ran> => fullmon(['show', what, '--state', fresh()]);
    const incidents = await shown('incidents');
    await signed();
    await baseline('import', file(), '--state', fresh());
    expect(await shown('incidents')).toEqual(incidents);
    expect(await baseline('diff', file(), '--state', fresh())).toMatchObject({ status: 0, stdout: '' });
  });

  it('is not imported below an agent that runs', async () => {
    await signed();
    const one = start(command('--auditd', join(dir, 'none.log'), '--state', fresh(), '--accepted', join(dir, 'none')));
    await one.says('no such file yet');
    const { status, stderr } = await baseline('import', file(), '--state', fresh());
    expect([status, stderr]).toEqual([2, expect.stringContaining('another fullmon')]);
    one.child.kill('SIGTERM');
    await one.ended;
  });

  it('is not exported over another file', async () => {
    await signed();
    expect(await baseline('export', file(), '--state', learned)).toMatchObject({ status: 2, stderr: expect.stringContaining('EEXIST') });
  });

  it('can be compared: nothing differs from itself, and what was learned since stands out', async () => {
    await signed();
    expect(await baseline('diff', file(), file())).toMatchObject({ status: 0, stdout: '' });
    const more = join(dir, 'more.jsonl');
    await baseline('export', more, '--state', odd);
    const { status, stdout } = await baseline('diff', file(), more, '--format', 'text');
    expect([status, stdout]).toEqual([1, expect.stringMatching(/^\+ proc:[^]*^- proc:|^- proc:[^]*^\+ proc:/m)]);
    expect(await baseline('diff', file(), '--state', odd, '--format', 'text')).toMatchObject({ status, stdout });
    const back = await baseline('diff', more, file(), '--format', 'text');
    expect(back.stdout.replaceAll(/^([+-])/gm, (sign) => (sign === '+' ? '-' : '+')).split('\n').toSorted()).toEqual(stdout.split('\n').toSorted());
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -20), 'does not match its checksum'],
    ['of another kind', () => '{}\n', 'is no baseline of this version'],
    ['empty', () => '', 'is no baseline of this version'],
  ])('that is %s is not imported', async (_, change, why) => {
    await signed();
    writeFileSync(file(), change(readFileSync(file(), 'latin1')));
    const { status, stderr } = await baseline('import', file(), '--state', fresh());
    expect([status, stderr.split('\n').length, stderr]).toEqual([2, 2, expect.stringContaining(why)]);
    expect(existsSync(join(fresh(), 'state'))).toBe(false);
  });
});

describe('a signed baseline', { timeout: 60_000 }, () => {
  it('is good for its key', async () => {
    const { status, stdout } = await baseline('verify', await signed(), '--public-key', ours[1]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('good signature over')]);
  });

  it('is bad when one byte of it or of its signature is another one', async () => {
    const bytes = readFileSync(await signed());
    const signature = readFileSync(`${file()}.sig`);
    for (const [path, good, places] of [[file(), bytes, [0, 20, bytes.length >> 1, bytes.length - 1]], [`${file()}.sig`, signature, [0, 40, 85, 86]]] as const) {
      for (const at of places) {
        const changed = Buffer.from(good);
        changed[at] = (changed[at] ?? 0) ^ 1;
        writeFileSync(path, changed);
        expect(await baseline('verify', file(), '--public-key', ours[1])).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('bad signature') });
      }
      writeFileSync(path, good);
    }
    expect(await baseline('verify', file(), '--public-key', ours[1])).toMatchObject({ status: 0 });
  });

  it('is bad for another key, and without its signature', async () => {
    await signed();
    expect(await baseline('verify', file(), '--public-key', theirs[1])).toMatchObject({ status: 1, stderr: expect.stringContaining('signed with another key') });
    expect(await baseline('import', file(), '--state', fresh(), '--public-key', theirs[1])).toMatchObject({ status: 1 });
    rmSync(`${file()}.sig`);
    expect(await baseline('verify', file(), '--public-key', ours[1])).toMatchObject({ status: 1, stderr: expect.stringContaining('is not signed') });
    expect(existsSync(fresh())).toBe(false);
  });

  it('needs keys that are keys', async () => {
    await signed();
    for (const args of [['verify', '--public-key', file()], ['sign', '--private-key', ours[1]], ['sign'], ['verify'], ['verify', '--public-key', join(dir, 'none')]]) {
      const { status, stderr } = await baseline(args[0] ?? '', file(), ...args.slice(1));
      expect([status, stderr.split('\n').length]).toEqual([2, 2]);
    }
  });
});

const trusting = (): readonly string[] => ['--public-key', ours[1]];

const imported = async (): Promise<void> => {
  await signed();
  expect(await baseline('import', file(), '--state', fresh(), ...trusting())).toMatchObject({ status: 0 });
};

describe('an agent that trusts one key', { timeout: 60_000 }, () => {
  const UNTRUSTED = 'what is normal is not known, only what is grave in itself is told; look into it, then import what was signed again';

  it('knows what was signed, and goes on with it after a restart', async () => {
    await imported();
    const first = await agent(NOISY, ...trusting());
    expect(findingsOf(first)).toEqual([]);
    expect(edgesOf(first)).not.toEqual([]);
    expect(findingsOf(await agent(SUID, ...trusting()))).toEqual([]);
  });

  it('takes a baseline for damaged that is not signed, or by somebody else', async () => {
    await signed();
    copyFileSync(`${file()}.sig`, join(dir, 'good.sig'));
    await baseline('sign', file(), '--private-key', theirs[0]);
    await baseline('import', file(), '--state', fresh());
    expect(findingsOf(await agent(NOISY, ...trusting()))).toEqual([expect.stringMatching(/^critical: .*bad signature/)]);
    rmSync(`${file()}.sig`);
    await baseline('import', file(), '--state', fresh());
    const ran = await agent(NOISY, ...trusting());
    expect(findingsOf(ran)).toEqual([expect.stringMatching(/^critical: .*is not signed/)]);
    expect(findingsOf(ran)).toEqual([expect.stringContaining(UNTRUSTED)]);
    copyFileSync(join(dir, 'good.sig'), `${file()}.sig`);
    await baseline('import', file(), '--state', fresh(), ...trusting());
    expect(findingsOf(await agent(NOISY, ...trusting()))).toEqual([]);
  });

  it('takes a state for damaged that knows what nobody signed', async () => {
    await imported();
    await agent(NOISY, '--rebase');
    await agent(NOISY, '--rebase');
    expect(findingsOf(await agent(NOISY, ...trusting()))).toEqual([expect.stringMatching(/^critical: .*edges that nobody signed/)]);
  });

  it('learns nothing where nothing was signed', async () => {
    const ran = await agent(NOISY, '--baseline', '30', ...trusting());
    expect(findingsOf(ran)).toEqual([expect.stringMatching(/^critical: .*there is no signed baseline/)]);
    expect(toldBy(ran).map(({ msg }) => msg)).not.toContain('baseline');
  });

  it('cannot be told to learn more', async () => {
    for (const flag of ['--rebase', '--reset']) expect(await agent(NOISY, flag, ...trusting())).toMatchObject({ status: 2, stderr: expect.stringContaining(`leave ${flag} out`) });
  });
});
