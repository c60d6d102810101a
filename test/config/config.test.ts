import { chmodSync, chownSync, mkdtempSync, readFileSync as readText, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { strangers } from '../../src/config/environment.ts';
import { readFile } from '../../src/config/file.ts';
import { KEYS } from '../../src/config/options.ts';
import { resolveAgent, resolveReplay } from '../../src/config/resolve.ts';
import { ignoring } from '../../src/shell/rules.ts';
import { builtProgram, run } from '../support/program.ts';
import { alertsOf, readLog, replay } from '../support/replay.ts';

const SUID = resolve(import.meta.dirname, '../../fixtures/suid-shell.log');

let dir = '';
let main = '';
let files = 0;

const written = (text: string): string => {
  const file = join(dir, `${files++}.yaml`);
  writeFileSync(file, text, { mode: 0o640 });
  return file;
};

/** What is wrong with a file of these words, without its name. */
const faultsOf = (text: string): readonly string[] => {
  const file = written(text);
  const read = readFile(file);
  return read.kind === 'read' ? [] : read.faults.map((fault) => fault.replace(file, ''));
};

const fullmon = (...args: readonly string[]) => run([process.execPath, main, ...args]);

beforeAll(() => {
  main = builtProgram();
  dir = mkdtempSync(join(tmpdir(), 'fullmon-config-'));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

const ALL = `
auditd: /srv/audit.log
baseline: 7200
monitor: 30.5
rebase: false
ignore:
  - 'proc:*:/usr/bin/rsync* -> file:*:/srv/*'
  - edge: 'proc:*:/usr/bin/tar* -> *'
    comment: the old backup
    expires: '2027-01-31'
dns: [resolved, 'pcap:/srv/dns.pcap@10.0.0.1']
flood: 0
max-edges: 5000
state: /srv/state
accepted: /srv/accepted.jsonl
wait: 1
public-key: /srv/key.pem
format: json
metrics: 127.0.0.1:9100
sinks: []
`;

describe('the file', () => {
  it('may say everything that flags say', async () => {
    const { options, originOf } = await resolveAgent({}, written(ALL), {});
    expect(options).toEqual({
      auditd: '/srv/audit.log', baseline: 7200, monitor: 30.5, rebase: false,
      ignore: [{ edge: 'proc:*:/usr/bin/rsync* -> file:*:/srv/*' }, { edge: 'proc:*:/usr/bin/tar* -> *', comment: 'the old backup', expires: '2027-01-31' }],
      dns: ['resolved', 'pcap:/srv/dns.pcap@10.0.0.1'], flood: 0, maxEdges: 5000, state: '/srv/state', accepted: '/srv/accepted.jsonl', wait: 1,
      publicKey: '/srv/key.pem', format: 'json', metrics: '127.0.0.1:9100', sinks: [],
    });
    expect(KEYS.map((key) => originOf(key).by)).toEqual(KEYS.map(() => 'file'));
    expect(originOf('ignore')).toMatchObject({ line: 6 });
  });

  it('stands in its manual as it can be written', () => {
    const manual = readText(resolve(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const [, text = ''] = /```yaml\n(.*?)```/s.exec(manual) ?? [];
    expect(KEYS.filter((key) => !new RegExp(`^(?:# )?${key}:`, 'm').test(text))).toEqual([]);
    expect(faultsOf(text)).toEqual([]);
  });

  it('may say nothing', () => {
    expect([faultsOf(''), faultsOf('# nothing yet\n'), faultsOf('---\n')]).toEqual([[], [], []]);
  });

  it.each([
    ['an unknown name, and the one that was meant', 'monitor: 1\nbaselin: 7200', [":2: there is no 'baselin': is it 'baseline'?"]],
    ['an unknown name like no other, and those there are', 'colour: red', [/:1: there is no 'colour', only auditd, baseline, .*sinks/]],
    ['an unknown name further in', "ignore:\n  - edge: 'a -> b'\n    expire: '2027-01-31'", [":3: ignore: there is no 'expire': is it 'expires'?"]],
    ['a name that is missing', 'ignore:\n  - comment: why', [":2: ignore: 'edge' is missing"]],
    ['a number out of bounds', 'baseline: -1', [":1: baseline: expected seconds, 0 to 315360000, got '-1'"]],
    ['a number in words', 'flood: many', [':1: flood: expected a number']],
    ['what is neither true nor false', 'rebase: perhaps', [':1: rebase: expected true or false']],
    ['a glob without an arrow', "ignore: ['proc:*']", [":1: ignore: expected 'SUBJECT -> OBJECT', got 'proc:*'"]],
    ['a glob that nobody can match', `ignore:\n  - 'a -> ${'a'.repeat(5000)}'`, [/:2: ignore: cannot use the glob/]],
    ['a time that is none', "ignore:\n  - edge: 'a -> b'\n    expires: soon", [":3: ignore.expires: expected a date like '2027-01-31'"]],
    ['a list that is none', 'dns: resolved', [':1: dns: expected a list']],
    ['a port that is none', 'metrics: localhost', [":1: metrics: expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH, got 'localhost'"]],
    ['a port that others could reach', 'metrics: 0.0.0.0:9464', [/^:1: metrics: only an address of the loopback interface/]],
    ['a socket that is none', 'auditd: unix:audit', [/^:1: auditd: expected unix:PATH/]],
    ['all at once, from top to bottom', 'flood: -1\nx: 1\nwait: 0', [/^:1: flood/, /^:2: there is no 'x'/, /^:3: wait/]],
    ['the same name twice', 'flood: 1\nflood: 2', [/^:2: .*unique/]],
    ['what is no YAML', 'flood: [1\nwait: 2', [/^:2: /]],
    ['what is no map', '- flood', [':1: expected settings, one a line: NAME: VALUE']],
    ['an alias of itself', 'x: &x [*x]', [/^:1: /]],
    ['aliases that grow', `a: &a [1,1,1,1,1,1,1,1,1,1]\n${[...'bcdefghi'].map((c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(10)}]`).join('\n')}`, [/alias/]],
    ['a name that every object has', '__proto__: {flood: 3}', [/^:1: there is no '__proto__'/]],
    ['another one', 'constructor: 1', [/^:1: there is no 'constructor'/]],
  ])('is told: %s', (_, text, told) => {
    const found = faultsOf(text);
    expect(found).toEqual(told.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one))));
  });

  it('counts only when nobody else could have written it', () => {
    const open = written('flood: 1');
    chmodSync(open, 0o666);
    const link = join(dir, 'link.yaml');
    symlinkSync(written('flood: 1'), link);
    const faults = [open, link, dir, join(dir, 'missing.yaml')].map((file) => readFile(file)).map((read) => (read.kind === 'read' ? '' : read.faults[0]));
    expect(faults).toEqual([`${open}: may be written by others`, `${link}: is a link`, `${dir}: is no plain file`, `${join(dir, 'missing.yaml')}: no such file`]);
  });

  it.skipIf(process.getuid?.() !== 0)("is never another user's", () => {
    const file = written('flood: 1');
    chownSync(file, 65534, 65534);
    expect(readFile(file)).toMatchObject({ kind: 'closed', faults: [`${file}: belongs to another user`] });
  });
});

describe('flags count before the environment, that before the file, that before the default', () => {
  const environment = { FULLMON_FLOOD: '2', FULLMON_MONITOR: '2', FULLMON_IGNORE: 'a -> b\n\n c -> d ', FULLMON_REBASE: 'no', FULLMON_STATE: '' };

  it('for the agent', async () => {
    const { options, originOf } = await resolveAgent({ flood: 1 }, written('flood: 3\nmonitor: 3\nbaseline: 3\nrebase: true\nstate: /srv/state'), environment);
    expect(options).toMatchObject({ flood: 1, monitor: 2, baseline: 3, maxEdges: 100_000, rebase: false, state: '/srv/state', ignore: [{ edge: 'a -> b' }, { edge: 'c -> d' }] });
    expect((['flood', 'monitor', 'baseline', 'max-edges', 'state'] as const).map((key) => originOf(key).by)).toEqual(['flag', 'environment', 'file', 'default', 'file']);
  });

  it('for a replay, which leaves what is the agent alone: its log, its state, its names', async () => {
    const { options } = await resolveReplay({ flood: 1 }, written(ALL), { FULLMON_MONITOR: '2', FULLMON_STATE: '/srv/other' });
    expect(options).toMatchObject({ flood: 1, monitor: 2, baseline: 7200, rebase: false, maxEdges: 5000, accepted: '/srv/accepted.jsonl', state: undefined, dns: [], format: undefined, publicKey: undefined, wait: 0.5, metrics: undefined });
  });

  it('the environment may name the file', async () => {
    const FULLMON_CONFIG = written('flood: 7');
    expect((await resolveAgent({}, undefined, { FULLMON_CONFIG })).options.flood).toBe(7);
    expect((await resolveReplay({}, undefined, { FULLMON_CONFIG })).options.flood).toBe(7);
    expect((await resolveAgent({}, written('flood: 8'), { FULLMON_CONFIG })).options.flood).toBe(8);
  });

  it('nothing may be learned beside what was signed', async () => {
    await expect(resolveAgent({ rebase: true }, written('public-key: /srv/key.pem'), {})).rejects.toThrow('--public-key: nothing is learned beside what was signed: leave --rebase out');
  });

  it('a variable that cannot be meant is wrong use', async () => {
    await expect(resolveAgent({}, undefined, { FULLMON_MONITOR: 'often' })).rejects.toThrow("FULLMON_MONITOR: expected seconds, 0 to 315360000, got 'often'");
    await expect(resolveAgent({}, undefined, { FULLMON_REBASE: 'often' })).rejects.toThrow('FULLMON_REBASE: expected true or false');
    await expect(resolveAgent({}, undefined, { FULLMON_FORMAT: 'xml' })).rejects.toThrow('FULLMON_FORMAT: expected json or text');
  });

  it('only a variable that is nearly one of ours is worth a word', async () => {
    expect(await strangers({ FULLMON_BASLINE: '1', FULLMON_KILLS: '200', FULLMON_RECORDING: '/x', FULLMON_CORPORA: '/x', FULLMON_ATTACKS: 'all', FULLMON: '/x', BASELINE: '1' })).toEqual([
      'the variable FULLMON_BASLINE says nothing here: is it FULLMON_BASELINE?',
    ]);
  });
});

describe('what is ignored until some day', () => {
  it('is told from that day on, on the clock of the log, with a word about it', async () => {
    const log = readLog(SUID);
    const alerts = async (expires: string) => {
      const troubles: string[] = [];
      const ignored = await ignoring([{ edge: '* -> *', expires }], (text) => void troubles.push(text));
      return { alerts: alertsOf(replay(log, { baseline: 30, monitor: 10, rebase: false, ignored })).length, troubles };
    };
    expect(await alerts('2100-01-01')).toEqual({ alerts: 0, troubles: [] });
    const { alerts: told, troubles } = await alerts('2001-01-01');
    expect(told).toBeGreaterThan(0);
    expect(troubles).toEqual(["'* -> *' was ignored until 2001-01-01, and is told from now on"]);
  });
});

describe.concurrent('fullmon config', () => {
  it('prints what counts and who set it, as a file that says the same', async () => {
    const file = written(ALL);
    const { status, stdout, stderr } = await fullmon('config', '--config', file, '--flood', '7');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^flood: 7 +# --flood$/m);
    expect(stdout).toContain(`# ${file}:3\n`);
    const printed = written(stdout);
    expect((await resolveAgent({}, printed, {})).options).toEqual({ ...(await resolveAgent({}, file, {})).options, flood: 7 });
  });

  it('checks without a word too many, and ends with status 2 for each fault', async () => {
    const good = written(ALL.replace(/^public-key.*$/m, ''));
    expect(await fullmon('config', '--check', '--config', good)).toMatchObject({ status: 0, stdout: `${good}: nothing is wrong\n`, stderr: '' });
    const bad = written('flod: 1\nwait: 0\n');
    expect(await fullmon('config', '--check', '--config', bad)).toMatchObject({
      status: 2, stdout: '', stderr: `fullmon: ${bad}:1: there is no 'flod': is it 'flood'?\nfullmon: ${bad}:2: wait: expected seconds, 0.01 to 315360000, got '0'\n`,
    });
  });

  it('looks at the key that the file names, too', async () => {
    expect(await fullmon('config', '--check', '--config', written(`public-key: ${dir}/no.pem`))).toMatchObject({ status: 2, stdout: '', stderr: `fullmon: --public-key ${dir}/no.pem: no such file: check the path\n` });
  });

  it('is what agent and replay refuse to start with, in one line', async () => {
    const bad = written('flod: 1\nwait: 0\n');
    const told = `fullmon: ${bad}:1: there is no 'flod': is it 'flood'?, and 1 more: fullmon config --check --config ${bad}\n`;
    expect(await fullmon('--config', bad)).toMatchObject({ status: 2, stdout: '', stderr: told });
    expect(await fullmon('replay', SUID, '--config', bad)).toMatchObject({ status: 2, stdout: '', stderr: told });
  });

  it('tells the other commands where the state is', async () => {
    const { status, stderr } = await fullmon('show', 'incidents', '--config', written('state: /nowhere/fullmon'));
    expect([status, stderr]).toEqual([2, expect.stringContaining('/nowhere/fullmon: there is no state')]);
  });
});
