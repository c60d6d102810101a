import { spawn, execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { follow, type Follower, type TailNotice, type TailOptions } from '../../src/input/tail.ts';

/** Longer than any test: nothing but watch events and stop make it look. */
const never = 3600;

let file: string;
let open: Follower[];

beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'tail-')), 'log', 'audit.log');
  mkdirSync(dirname(file));
  open = [];
});
afterEach(async () => {
  for (const follower of open) await follower.stop();
  rmSync(dirname(dirname(file)), { recursive: true, force: true });
});

interface Reader extends Follower {
  /** Whole lines; one that its file left unfinished ends in a tilde. */
  readonly lines: string[];
  readonly notices: TailNotice[];
  readonly idles: () => number;
}

function read(options: Partial<TailOptions> = {}, onChunk: (reader: Follower) => void = () => {}): Reader {
  const lines: string[] = [];
  const notices: TailNotice[] = [];
  let rest = '';
  let idles = 0;
  const follower: Follower = follow(
    file,
    { wait: 0.02, from: 'end', ...options },
    {
      chunk: (bytes) => {
        const parts = (rest + bytes.toString('latin1')).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) lines.push(line);
        onChunk(follower);
      },
      fileEnd: () => {
        if (rest !== '') lines.push(`${rest}~`);
        rest = '';
      },
      idle: () => void idles++,
      notice: (notice) => void notices.push(notice),
    },
  );
  open.push(follower);
  return { ...follower, lines, notices, idles: () => idles };
}

const write = (...lines: readonly string[]): void => appendFileSync(file, lines.map((line) => `${line}\n`).join(''));

/** As auditd does; `files` counts the file itself. */
function rotate(files = 5): void {
  for (let n = files - 1; n > 1; n--) if (existsSync(`${file}.${n - 1}`)) renameSync(`${file}.${n - 1}`, `${file}.${n}`);
  chmodSync(file, 0o400);
  renameSync(file, `${file}.1`);
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const sees = (reader: Reader, ...lines: readonly string[]): Promise<void> =>
  vi.waitFor(() => expect(reader.lines).toEqual(lines), { timeout: 5000, interval: 5 });
const told = (reader: Reader, ...notices: readonly TailNotice[]): Promise<void> =>
  vi.waitFor(() => expect(reader.notices).toEqual(notices), { timeout: 5000, interval: 5 });
/** At least one whole look from now on. */
async function look(reader: Reader): Promise<void> {
  const before = reader.idles();
  await vi.waitFor(() => expect(reader.idles()).toBeGreaterThan(before + 1), { timeout: 5000, interval: 5 });
}

async function stopped(): Promise<NonNullable<ReturnType<Follower['position']>>> {
  write('one', 'two');
  const reader = read({ from: 'start' });
  await reader.stop();
  const position = reader.position();
  if (position === undefined) throw new Error('nothing was read');
  expect(position.offset).toBe(8);
  return position;
}

const handles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });

const line = (n: number): string => `${n} ${'x'.repeat(n % 97)}`;
/** How many lines a child process has written, once it has: at full speed, rotating after every 20 lines. */
async function written(rotations: number, files: number): Promise<number> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'writer.mjs'), file, `${rotations}`, '20', `${files}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve) => void writer.stdout.once('data', (count) => resolve(Number(count))));
}

const opened = (from: number): TailNotice => ({ kind: 'opened', from });
const rotated: TailNotice = { kind: 'rotated' };
const waiting: TailNotice = { kind: 'waiting' };
const recovered: TailNotice = { kind: 'recovered' };
const lost = (why: 'gone' | 'gap' | 'unreadable'): TailNotice => ({ kind: 'lost', why });

describe('where following begins', () => {
  it('is the end of the file, or its start', async () => {
    write('old');
    const fromEnd = read();
    const fromStart = read({ from: 'start' });
    write('new');
    await sees(fromEnd, 'new');
    await sees(fromStart, 'old', 'new');
    await told(fromEnd, opened(4));
    await told(fromStart, opened(0));
  });

  it('is the next line, if the last one is unfinished', async () => {
    writeFileSync(file, 'old\nunfin');
    const reader = read();
    appendFileSync(file, 'ish');
    await look(reader);
    appendFileSync(file, 'ed\nnew\n');
    await sees(reader, 'new');
  });

  it('is the next file, if the unfinished line is never finished', async () => {
    writeFileSync(file, 'unfin');
    const reader = read();
    await look(reader);
    rotate();
    write('new');
    await sees(reader, 'new');
  });

  it('is byte 0 of a file that appears later', async () => {
    const reader = read();
    await look(reader);
    write('one', 'two');
    await sees(reader, 'one', 'two');
    await told(reader, waiting, opened(0));
  });

  it('is byte 0 of a file that appears and is rotated twice before it was ever seen, but no older file', async () => {
    writeFileSync(`${file}.1`, 'last week\n');
    const reader = read({ wait: never });
    write('one');
    rotate();
    write('two');
    rotate();
    write('three');
    await sees(reader, 'one', 'two', 'three');
    await told(reader, waiting, recovered, rotated, rotated, rotated);
  });

  it('is byte 0 of such a file, too, where there was no chain before', async () => {
    const reader = read({ wait: never });
    write('one');
    rotate();
    write('two');
    await sees(reader, 'one', 'two');
    await told(reader, waiting, opened(0), rotated);
  });

  it('is byte 0 of the file alone, if it appears together with an old chain', async () => {
    rmSync(dirname(file), { recursive: true });
    const elsewhere = `${dirname(file)}.elsewhere`;
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'audit.log.1'), 'last week\n');
    execFileSync('touch', ['-d', '1 week ago', join(elsewhere, 'audit.log.1')]);
    writeFileSync(join(elsewhere, 'audit.log'), 'one\n');
    const reader = read();
    await look(reader);
    renameSync(elsewhere, dirname(file));
    await sees(reader, 'one');
  });
});

describe('a position kept from an earlier run', () => {
  it('is gone on from, in the same file and through those rotated meanwhile', async () => {
    const from = await stopped();
    write('three');
    rotate();
    write('four');
    rotate();
    write('five');
    const reader = read({ from });
    await sees(reader, 'three', 'four', 'five');
    await told(reader, opened(8), rotated, rotated);
  });

  it('that was rotated away is told as lost, and everything younger is read', async () => {
    const from = await stopped();
    for (const line of ['three', 'four', 'five']) {
      rotate(3);
      write(line);
    }
    const reader = read({ from });
    await sees(reader, 'three', 'four', 'five');
    await told(reader, lost('gone'), opened(0), rotated, rotated);
  });

  it('is not taken for one in another file that has its inode number now', async () => {
    const from = await stopped();
    const reader = read({ from: { ...from, born: `${BigInt(from.born) - 1n}` } });
    await sees(reader, 'one', 'two');
    await told(reader, lost('gone'), opened(0));
  });
});

describe('rotation', () => {
  it('loses and doubles nothing of a writer at full speed over 220 rotations', async () => {
    const reader = read();
    const count = await written(220, 300);
    await reader.stop();
    expect(count).toBe(221 * 20);
    expect(reader.lines).toEqual(Array.from({ length: count }, (_, n) => line(n)));
    // A writer that has no turn between its rename and its new file is waited for.
    expect(reader.notices.filter(({ kind }) => kind !== 'waiting')).toEqual([opened(0), ...Array.from({ length: 220 }, () => rotated)]);
  });

  it('that is faster than any reader doubles nothing, and loses nothing untold', async () => {
    const reader = read();
    const count = await written(1000, 3);
    await reader.stop();
    const numbers = reader.lines.map((text) => Number(text.split(' ', 1)[0]));
    expect(reader.lines).toEqual(numbers.map(line));
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    expect(reader.notices.some(({ kind }) => kind === 'lost') || numbers.length === count).toBe(true);
  });

  it('is noticed at once, however long the wait between two looks', async () => {
    write('old');
    const reader = read({ wait: never });
    await vi.waitFor(() => expect(reader.idles()).toBeGreaterThan(0));
    write('one');
    rotate();
    write('two');
    await sees(reader, 'one', 'two');
  });

  it('is what the directory is watched for: a line written waits for the next look', async () => {
    write('old');
    const reader = read({ wait: never });
    await vi.waitFor(() => expect(reader.idles()).toBeGreaterThan(0));
    write('one');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reader.lines).toEqual([]);
    rotate();
    await sees(reader, 'one');
  });

  it('of several files between two looks is read oldest first', async () => {
    write('old');
    const reader = read();
    for (const line of ['one', 'two', 'three']) {
      write(line);
      rotate();
    }
    write('four');
    await sees(reader, 'one', 'two', 'three', 'four');
    await told(reader, opened(4), rotated, rotated, rotated);
  });

  it('leaves a line unfinished that was never finished', async () => {
    write('old');
    const reader = read();
    appendFileSync(file, 'hal');
    rotate();
    write('two');
    await sees(reader, 'hal~', 'two');
  });

  it('is not taken for the end of a file that the writer has not left yet', async () => {
    write('old');
    const reader = read();
    rotate();
    writeFileSync(file, '');
    await look(reader);
    chmodSync(`${file}.1`, 0o600);
    appendFileSync(`${file}.1`, 'late\n');
    await sees(reader, 'late');
    appendFileSync(`${file}.1`, 'later\n');
    write('new');
    await sees(reader, 'late', 'later', 'new');
  });

  it('loses nothing that is written to the old file after the last read and before the first line of the new one', async () => {
    write('0');
    const reader = read({ wait: 0.001, from: 'start' });
    for (let turn = 1; turn < 60; turn += 2) {
      rotate();
      writeFileSync(file, '');
      await look(reader);
      chmodSync(`${file}.1`, 0o600);
      // A timer becomes due and starts a read; while that finds the end, the writer is faster than we get to know.
      block(2);
      await new Promise(setImmediate);
      block(1);
      appendFileSync(`${file}.1`, `${turn}\n`);
      write(`${turn + 1}`);
      await vi.waitFor(() => expect(reader.lines.at(-1)).toBe(`${turn + 1}`), { timeout: 5000, interval: 1 });
    }
    expect(reader.lines).toEqual(Array.from({ length: 61 }, (_, n) => `${n}`));
  });

  it('out of the chain before it was read is told as lost, and the rest is read once', async () => {
    write('old');
    const reader = read();
    await look(reader);
    for (const line of ['one', 'two', 'three', 'four']) {
      write(line);
      rotate(3);
    }
    write('five');
    // The first is still held open; the second was deleted.
    await sees(reader, 'one', 'three', 'four', 'five');
    await told(reader, opened(4), lost('gone'), rotated, rotated, rotated);
  });

  it('cannot delete what a slow reader has still to read', async () => {
    write('old');
    const reader = read();
    write('x'.repeat(3_000_000));
    let turn = 0;
    await vi.waitFor(() => {
      rotate(3);
      write(`${turn}`);
      expect(++turn).toBe(8);
    }, { interval: 30, timeout: 5000 });
    await vi.waitFor(() => expect(reader.lines.slice(1)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']));
    expect(reader.notices.filter(({ kind }) => kind === 'lost')).toEqual([]);
  });

  it('with a file missing in the midst of the chain is told as lost', async () => {
    write('old');
    const reader = read();
    for (const line of ['one', 'two', 'three']) {
      write(line);
      rotate();
    }
    rmSync(`${file}.2`);
    write('four');
    await sees(reader, 'one', 'three', 'four');
    await told(reader, opened(4), lost('gap'), rotated, rotated);
  });
});

describe('a file', () => {
  it('that is deleted and made again is read from byte 0', async () => {
    write('old', 'older');
    const reader = read();
    write('one');
    rmSync(file);
    write('two');
    await sees(reader, 'one', 'two');
    await told(reader, opened(10), lost('gone'), rotated);
  });

  it('that is truncated in place, as by copytruncate, is read from byte 0', async () => {
    write('old', 'older');
    const reader = read();
    write('one');
    appendFileSync(file, 'hal');
    await sees(reader, 'one');
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
    write('two');
    await sees(reader, 'one', 'hal~', 'two');
    await told(reader, opened(10), { kind: 'truncated' });
  });

  it('whose directory vanishes and returns is followed on', async () => {
    write('old');
    const reader = read();
    write('one');
    renameSync(dirname(file), `${dirname(file)}.away`);
    await told(reader, opened(4), waiting);
    mkdirSync(dirname(file));
    write('two');
    rotate();
    write('three');
    await sees(reader, 'one', 'two', 'three');
    rmSync(dirname(file), { recursive: true });
    await look(reader);
    mkdirSync(dirname(file));
    write('four');
    await sees(reader, 'one', 'two', 'three', 'four');
  });

  it('whose directory vanishes and returns with it loses nothing', async () => {
    write('old');
    const reader = read();
    renameSync(dirname(file), `${dirname(file)}.away`);
    await told(reader, opened(4), waiting);
    appendFileSync(join(`${dirname(file)}.away`, 'audit.log'), 'one\n');
    renameSync(`${dirname(file)}.away`, dirname(file));
    write('two');
    await sees(reader, 'one', 'two');
    await told(reader, opened(4), waiting, recovered);
  });

  it('that cannot be opened is told of once, and tried again', async () => {
    symlinkSync(file, file);
    const reader = read({ from: 'start' });
    await told(reader, { kind: 'unreadable', code: 'ELOOP' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    rmSync(file);
    write('one');
    await sees(reader, 'one');
    expect(reader.notices.filter(({ kind }) => kind === 'unreadable')).toHaveLength(1);
  });

  it('that cannot be read is told of once, and given up for a younger one', async () => {
    mkdirSync(file);
    const reader = read({ from: 'start' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    rotate();
    write('one');
    await sees(reader, 'one');
    await told(reader, opened(0), { kind: 'unreadable', code: 'EISDIR' }, lost('unreadable'), rotated, recovered);
  });

  it('replaced by a pipe does not hang the reader', async () => {
    write('old');
    const reader = read();
    rmSync(file);
    execFileSync('mkfifo', [file]);
    await look(reader);
    rmSync(file);
    write('one');
    await sees(reader, 'one');
  });
});

describe('stopping', () => {
  it('reads to the present end of the youngest file and closes everything', async () => {
    write('old');
    const reader = read({ wait: never });
    await vi.waitFor(() => expect(reader.idles()).toBeGreaterThan(0));
    write('one');
    rotate();
    write('two');
    rotate();
    appendFileSync(file, 'three\nhal');
    await reader.stop();
    expect(reader.lines).toEqual(['one', 'two', 'three']);
    expect(reader.position()?.offset).toBe(9);
    expect(handles().filter((path) => path.startsWith(dirname(file)))).toEqual([]);
    write('f');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reader.lines).toEqual(['one', 'two', 'three']);
  });

  it('ends although the writer goes on', async () => {
    write('old');
    const reader = read({ from: 'start' }, () => write('x'.repeat(100_000)));
    await reader.stop();
    expect(reader.lines[0]).toBe('old');
  });

  it('from within an event, and more than once, is the same stop', async () => {
    write('old');
    const stops: Promise<void>[] = [];
    const reader = read({ from: 'start' }, (follower) => stops.push(follower.stop(), follower.stop()));
    await vi.waitFor(() => expect(stops).toHaveLength(2));
    await Promise.all(stops);
    expect(reader.lines).toEqual(['old']);
  });

  it('works while there is no file, and says since when there was none', async () => {
    const reader = read();
    await reader.stop();
    await told(reader, waiting);
    write('one');
    rotate();
    write('two');
    const later = read({ from: reader.position() ?? 'end' });
    await sees(later, 'one', 'two');
    await told(later, { kind: 'opened', from: 0 }, { kind: 'rotated' });
  });
});

describe('a long catch-up', () => {
  it('lets the rest of the program run between two chunks', async () => {
    write(...Array.from({ length: 30 }, () => 'x'.repeat(100_000)));
    let turns = 0;
    let chunks = 0;
    const reader = read({ from: 'start' }, () => {
      chunks++;
      setImmediate(() => turns++);
      expect(turns).toBe(chunks - 1);
    });
    await reader.stop();
    expect(reader.lines).toHaveLength(30);
    expect(chunks).toBeGreaterThan(5);
  });
});
