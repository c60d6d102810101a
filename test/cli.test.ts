import { chmodSync, closeSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex, record, syscall, writes } from './support/log.ts';
import { builtProgram, run, start } from './support/program.ts';
import type { How, Ran } from './support/program.ts';
import { readLog } from './support/replay.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures');
const SUID = join(FIXTURES, 'suid-shell.log');
const NOISY = join(FIXTURES, 'web-shell-in-noisy-directory.log');

let main = '';
let dir = '';
const file = (name: string, content: Buffer | string): string => {
  const path = join(dir, name);
  writeFileSync(path, content, 'latin1');
  return path;
};

beforeAll(() => {
  main = builtProgram();
  dir = mkdtempSync(join(tmpdir(), 'fullmon-cli-'));
  chmodSync(dir, 0o755);
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

const command = (...args: readonly string[]): readonly string[] => [process.execPath, main, ...args];
const fullmon = (args: readonly string[], how?: How): Promise<Ran> => run(command(...args), how);
const replay = (...args: readonly string[]): Promise<Ran> => fullmon(['replay', ...args]);

interface Line {
  readonly level: number;
  readonly time: number;
  readonly type: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const linesOf = (stdout: string): readonly Line[] => stdout.split('\n').filter((text) => text !== '').map((text): Line => JSON.parse(text));
const edgesOf = (stdout: string): readonly string[] => linesOf(stdout).filter(({ type }) => type === 'edge').map(({ msg }) => msg);

const edgesIgnoring = async (...ignore: readonly string[]): Promise<readonly string[]> =>
  edgesOf((await replay('--baseline', '30', SUID, ...ignore.flatMap((rule) => ['--ignore', rule]))).stdout);

/** Learns nothing, looks at all at once. */
const ALL = ['--baseline', '0', '--monitor', '1000000'] as const;

describe('the help', () => {
  it('names every flag with its default, shows examples and says what the exit status means', async () => {
    const { status, stdout, stderr } = await fullmon(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    for (const word of ['--baseline', '3600', '--monitor', '60', '--rebase', '--ignore', '--auditd', '/var/log/audit/audit.log', '--wait', '--format', 'replay', 'Exit status', 'SUBJECT->OBJECT', 'Examples']) {
      expect(stdout).toContain(word);
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('is there for replay too', async () => {
    const { status, stdout } = await replay('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/replay <files\.\.>/);
  });

  it('tells the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'));
    expect((await fullmon(['--version'])).stdout.trim()).toBe(version);
  });
});

/** One line that says what to do, and nothing else. */
const expectUse = ({ status, stdout, stderr }: Ran, told: RegExp): void => {
  expect(stderr).toMatch(/^fullmon: [^\n]+\n$/);
  expect(stderr).toMatch(told);
  expect(stdout).toBe('');
  expect(status).toBe(2);
};

describe.concurrent('wrong use ends with status 2 and one line on stderr', () => {
  it.each([
    ['an unknown flag', ['--frobnicate'], /frobnicate/],
    ['an unknown flag of replay', ['replay', SUID, '--frobnicate'], /frobnicate/],
    ['an unknown command', ['frobnicate'], /frobnicate/],
    ['a replay of nothing', ['replay'], /name the logs/],
    ['a negative window', ['replay', SUID, '--baseline', '-1'], /--baseline: expected seconds/],
    ['a window that is no number', ['replay', SUID, '--monitor', 'NaN'], /--monitor: expected seconds/],
    ['a window in words', ['replay', SUID, '--baseline', '1h'], /--baseline: expected seconds/],
    ['an empty window', ['replay', SUID, '--baseline='], /baseline/],
    ['a blank window', ['replay', SUID, '--baseline', ' '], /--baseline: expected seconds/],
    ['an endless window', ['replay', SUID, '--monitor', 'Infinity'], /--monitor: expected seconds/],
    ['a window longer than any calendar', ['replay', SUID, '--baseline', '1e18'], /--baseline: expected seconds/],
    ['a window without a value', ['replay', SUID, '--baseline'], /baseline/],
    ['no wait at all', ['--wait', '0'], /--wait: expected seconds/],
    ['an unknown format', ['replay', SUID, '--format', 'xml'], /json/],
    ['an ignore without an arrow', ['replay', SUID, '--ignore', 'proc:*'], /SUBJECT -> OBJECT/],
    ['an ignore with two arrows', ['replay', SUID, '--ignore', 'a -> b -> c'], /SUBJECT -> OBJECT/],
    ['an ignore with an empty side', ['replay', SUID, '--ignore', ' -> file:*'], /SUBJECT -> OBJECT/],
    ['a glob that is too long', ['replay', SUID, '--ignore', `${'a'.repeat(5000)} -> *`], /cannot use the glob/],
    ['a glob that ends in a backslash', ['replay', SUID, '--ignore', 'a -> b\\'], /cannot use the glob/],
  ])('%s', async (_, args, told) => expectUse(await fullmon(args), told));

  it('a missing file', async () => expectUse(await replay(join(dir, 'missing.log')), /missing\.log: no such file/));
  it('a directory', async () => expectUse(await replay(dir), /is a directory/));
  it('a missing file behind good ones, before anything is read', async () => expectUse(await replay(SUID, join(dir, 'missing.log')), /no such file/));

  it('a damaged gzip', async () => {
    const bytes = gzipSync(readFileSync(SUID));
    expectUse(await replay(file('cut.log.gz', bytes.subarray(0, bytes.length / 2))), /cut\.log\.gz: damaged gzip/);
    bytes.writeUInt32LE(0xdeadbeef, 2000);
    expectUse(await replay(file('bent.log.gz', bytes)), /bent\.log\.gz: damaged gzip/);
    expectUse(await replay(file('text.log.gz', readFileSync(SUID))), /text\.log\.gz: damaged gzip/);
  });

  it('a file that may not be read', async () => {
    const closed = file('closed.log', 'x');
    chmodSync(closed, 0);
    // Root may read everything: then somebody else tries.
    const other = process.getuid?.() === 0 ? 65534 : undefined;
    const copy = join(dir, 'program');
    cpSync(dirname(main), copy, { recursive: true });
    copyFileSync(resolve(import.meta.dirname, '../package.json'), join(dir, 'package.json'));
    expectUse(await run([process.execPath, join(copy, 'main.js'), 'replay', closed], other === undefined ? {} : { uid: other }), /closed\.log: permission denied/);
  });
});

describe.concurrent('a replay of what is no audit log', () => {
  it.each([
    ['an empty file', '', /no audit event/],
    ['text', 'Nov 20 15:45:14 web sshd[103]: hello\n\n\nand more\n', /2 of 2 lines rejected/],
    ['bytes of any kind', Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 7919) >> 3)), /lines rejected/],
    ['one line that is cut', record('SYSCALL', syscall()).slice(0, 90), /1 of 1 lines rejected \(1 bad SYSCALL\)/],
  ])('%s is counted, not refused', async (name, content, told) => {
    const { status, stdout, stderr } = await replay(file(`${name.replaceAll(' ', '-')}.log`, content));
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([status, edgesOf(stdout)]).toEqual([0, []]);
  });

  it('finds the events among garbage, with any line ends', async () => {
    const clean = edgesOf((await replay(...ALL, SUID)).stdout);
    const dirty = readFileSync(SUID, 'latin1').split('\n').map((line, i) => (i % 7 === 0 ? `${line}\r\n\0\xff garbage ${i}` : line)).join('\r\n');
    const { stdout, stderr } = await replay(...ALL, file('dirty.log', dirty));
    expect(edgesOf(stdout)).toEqual(clean);
    expect(stderr).toMatch(/lines rejected \(\d+ no record\)/);
  });
});

describe('a replay', () => {
  it('reads the same from a file, a gzip, stdin and several files in order', async () => {
    const bytes = readLog(NOISY);
    const args = ['--baseline', '240', '--monitor', '60'];
    const whole = await replay(...args, NOISY);
    expect(edgesOf(whole.stdout).length).toBeGreaterThan(5);
    const cut = bytes.indexOf('\n', bytes.length / 2) + 1;
    const halves = [file('half.1', bytes.subarray(0, cut)), file('half.2.gz', gzipSync(bytes.subarray(cut)))] as const;
    const same = await Promise.all([
      replay(...args, file('noisy.log.gz', gzipSync(bytes))),
      fullmon(['replay', ...args, '-'], { input: bytes }),
      fullmon(['replay', '-', ...args], { input: bytes }),
      replay(...args, ...halves),
    ]);
    for (const ran of same) expect(ran).toEqual(whole);
    expect((await replay(...args, halves[1], halves[0])).stdout).not.toBe(whole.stdout);
  });

  it('reads what another program writes', async () => {
    const bytes = readFileSync(SUID);
    const zipped = file('zipped.log.gz', gzipSync(bytes));
    const { stdout, stderr } = await run(['bash', '-c', 'f=$1; shift; "$@" <(zcat "$f")', 'bash', zipped, ...command('replay', ...ALL)]);
    expect([stdout, stderr]).toEqual([(await replay(...ALL, SUID)).stdout, '']);
  });

  it('says so when the log is shorter than the baseline', async () => {
    const { status, stdout, stderr } = await replay(SUID);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^fullmon: the log ends 3563 s before the baseline is learned: nothing was compared; try --baseline \d+\n$/);
    // What is too grave to be learned in silence is told all the same.
    expect(linesOf(stdout).map(({ type, severity }) => [type, severity])).toEqual([['phase', undefined], ['incident', 'critical'], ['edge', 'critical'], ['incident', 'critical']]);
  });

  it('leaves out what is ignored, on both sides and by glob', async () => {
    const all = await edgesIgnoring();
    expect(all.length).toBe(4);
    expect(await edgesIgnoring('proc:*:/usr/bin/cp* -> file:*:/usr/local/*', '*/chmod@* -> file:ATTR:*')).toEqual(all.filter((edge) => !edge.includes('->file:')));
    expect(await edgesIgnoring('proc:*:/usr/bin/cp* -> file:*:/etc/*')).toEqual(all);
    expect(await edgesIgnoring('** -> *')).toEqual([]);
  });

  it('fails on request when something so grave was found', async () => {
    const statuses = await Promise.all(['low', 'critical'].map(async (least) => (await replay('--baseline', '30', '--fail-on', least, SUID)).status));
    expect(statuses).toEqual([1, 1]);
    expect((await replay('--baseline', '30', '--fail-on', 'low', '--ignore', '* -> *', SUID)).status).toBe(0);
  });

  it('stands more flags than one would give', async () => {
    const { status, stdout } = await replay('--baseline', '1', '--baseline', '30', '--rebase', '--format', 'text', '--monitor', '0.0000001', SUID);
    expect(status).toBe(0);
    expect(stdout).toContain('/usr/local/bin/.b');
  });

  it('ends quietly when nobody reads on', async () => {
    const { stdout, stderr } = await run(['bash', '-c', '"$@" | head -n 1; echo "${PIPESTATUS[0]}"', 'bash', ...command('replay', ...ALL, '--monitor', '0', NOISY)]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\{.*"msg":"baseline"\}\n0\n$/);
  });

  it('tells once that the report cannot be written, and fails', async () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = await fullmon(['replay', ...ALL, '--monitor', '0', NOISY], { stdout: full });
    closeSync(full);
    expect(stderr).toMatch(/^fullmon: stdout: [^\n]*no space left[^\n]*\n$/i);
    expect(status).toBe(1);
  });
});

describe('the lines for machines', () => {
  const SEVERITIES = ['low', 'medium', 'high', 'critical'];

  it('keep their contract', async () => {
    const lines = linesOf((await replay('--baseline', '240', '--monitor', '60', NOISY)).stdout);
    for (const line of lines) {
      expect(line).toMatchObject({ level: expect.any(Number), time: expect.any(Number), type: expect.stringMatching(/^(?:phase|coverage|edge|incident)$/), msg: expect.any(String) });
      expect(line.msg.split('->').length).toBe(line.type === 'edge' ? 2 : 1);
      if (line.type === 'phase') {
        expect(line.level).toBe(30);
        expect(line.msg).toMatch(/^(?:baseline|normalize|prepare|collect|detect|\+ignore \^.*\$)$/);
        continue;
      }
      if (line.type === 'coverage') {
        expect(line.level).toBe(30);
        expect(line.msg).toMatch(/^\d+\.\d % of what is normal has been seen, in \d+ units of time; about [\d.]+ new edges a day to expect; not seen yet: boot, login, package update, log rotation$/);
        continue;
      }
      if (line.type === 'incident') {
        expect([40, 50]).toContain(line.level);
        expect(line.msg).toMatch(/^(?:opened|risen|closed) (?:low|medium|high|critical) incident [0-9a-f]{12}: \d+ edges?$/);
        continue;
      }
      const { level, first, last, count, incident, severity, score, reasons, pid, command } = line;
      expect(level).toBe(40);
      expect(Number(first)).toBeLessThanOrEqual(Number(last));
      expect(Number(last)).toBeLessThanOrEqual(line.time);
      expect(count).toBeGreaterThanOrEqual(1);
      expect(incident).toMatch(/^[0-9a-f]{12}$/);
      expect(SEVERITIES).toContain(severity);
      expect(score).toBeLessThanOrEqual(100);
      expect(reasons).not.toEqual([]);
      expect([typeof pid, typeof command]).toEqual(['number', 'string']);
    }
    expect(lines.some(({ type }) => type === 'edge')).toBe(true);
  });

  it('come in the order in which things happen', async () => {
    const messages = linesOf((await replay('--baseline', '240', '--monitor', '60', NOISY)).stdout).map(({ type, msg }) => (type === 'phase' ? msg.replace(/^\+ignore .*/, '+ignore') : type));
    expect(messages.join(' ')).toMatch(/^baseline normalize (?:\+ignore )+prepare coverage (?:collect |detect |incident (?:edge )+)+(?:incident ?)+$/);
  });

  it('say the same in every run', async () => {
    const first = await replay('--baseline', '240', '--monitor', '60', '--rebase', NOISY);
    expect(await replay('--baseline', '240', '--monitor', '60', '--rebase', NOISY)).toEqual(first);
  });

  it('carry names that could fool a reader only in their escaped form', async () => {
    const { stdout } = await replay(...ALL, join(FIXTURES, 'odd-names.log'));
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    for (const edge of edgesOf(stdout)) expect(edge).toMatch(/^[\x21-\x7e]+(?: [\x21-\x7e]+)?->[\x21-\x7e]+(?: [\x21-\x7e]+)?$/);
  });

  it('keep passwords to themselves', async () => {
    const argv = ['mysql', '-psecret1', '--password=secret2'];
    const exec = [
      record('SYSCALL', syscall({ exe: '"/usr/bin/mysql"' })),
      record('EXECVE', `argc=3 ${argv.map((arg, i) => `a${i}="${arg}"`).join(' ')}`),
      record('PROCTITLE', `proctitle=${hex(argv.join('\0'))}`),
    ].join('\n');
    const { stdout } = await replay(...ALL, file('secret.log', exec));
    expect(edgesOf(stdout).length).toBe(1);
    expect(stdout).not.toContain('secret');
  });
});

/** Learns nothing, and keeps its state apart. */
const agentArgs = (): readonly string[] => ['--baseline', '0', '--wait', '0.02', '--state', mkdtempSync(join(dir, 'state-'))];

describe('following a log', () => {
  it('reads a log that appears later from its first byte, and ends when told to', async () => {
    const log = join(dir, 'later', 'audit.log');
    mkdirSync(dirname(log));
    const agent = start(command(...agentArgs(), '--monitor', '0', '--auditd', log));
    await agent.says('no such file yet');
    writeFileSync(log, writes('one', 1));
    await agent.says('file:CREATE:/srv/one');
    writeFileSync(log, writes('two', 2), { flag: 'a' });
    await agent.says('file:CREATE:/srv/two');
    agent.child.kill('SIGTERM');
    const { status, stdout } = await agent.ended;
    expect(status).toBe(0);
    expect(edgesOf(stdout)).toEqual(['proc::34:/usr/bin/tee->file:CREATE:/srv/one', 'proc::34:/usr/bin/tee->file:CREATE:/srv/two']);
  });

  it('starts at the end of a log that is there, and closes the open cycle when told to end', async () => {
    const log = file('there.log', writes('before', 1));
    const agent = start(command(...agentArgs(), '--monitor', '3600', '--auditd', log));
    await agent.says('reading from byte');
    writeFileSync(log, writes('after', 2), { flag: 'a' });
    await agent.says('"msg":"collect"');
    agent.child.kill('SIGTERM');
    const { status, stdout } = await agent.ended;
    expect(status).toBe(0);
    expect(edgesOf(stdout)).toEqual(['proc::34:/usr/bin/tee->file:CREATE:/srv/after']);
  });

  it('goes on when the log is emptied', async () => {
    const log = file('emptied.log', writes('what-was-there-before', 1));
    const agent = start(command(...agentArgs(), '--monitor', '0', '--auditd', log));
    await agent.says('reading from byte');
    truncateSync(log);
    await sleep(500);
    writeFileSync(log, writes('after', 2), { flag: 'a' });
    await agent.says('file:CREATE:/srv/after');
    agent.child.kill('SIGINT');
    expect((await agent.ended).status).toBe(0);
  });

  it('takes records from stdin, and ends with it', async () => {
    const { status, stdout } = await fullmon([...agentArgs(), '--monitor', '60', '--auditd', '-'], { input: writes('one', 1) + writes('two', 2) });
    expect(status).toBe(0);
    expect(edgesOf(stdout).length).toBe(2);
  });
});
