import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openStore } from '../../src/input/checkpoint.ts';
import type { Found, Store } from '../../src/input/checkpoint.ts';

let root: string;
let directory: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'state-'));
  directory = join(root, 'state');
});
afterEach(() => rmSync(root, { recursive: true }));

const path = (name: string): string => join(directory, name);
const modeOf = (file: string): number => statSync(file).mode & 0o777;

/** Opens the directory for one use. */
const using = <T>(use: (store: Store) => T): T => {
  const store = openStore(directory);
  try {
    return use(store);
  } finally {
    store.close();
  }
};
const write = (...bodies: readonly unknown[]): void => using((store) => bodies.forEach((body) => store.write(JSON.stringify(body))));
const read = (): Found<unknown> => using((store) => store.read((body) => body));
/** The state and its changes. */
const readAll = (): Found<unknown> => using((store) => store.read((body, changes) => [body, ...changes]));

const isRoot = process.geteuid?.() === 0;

describe('a state directory', () => {
  it('is made, closed to others, and so is what is in it', () => {
    write('one', 'two');
    expect([directory, path('state'), path('state.previous')].map(modeOf)).toEqual([0o700, 0o600, 0o600]);
  });

  it('gives back what was written last, and every byte of it', () => {
    fc.assert(fc.property(fc.json(), fc.string({ unit: 'binary' }), (json, text) => {
      const body: unknown = [JSON.parse(json), text];
      write(body);
      expect(read()).toEqual({ kind: 'state', state: JSON.parse(JSON.stringify(body)), trouble: undefined });
    }), { numRuns: 15 });
  });

  it('is empty at first, and after a reset', () => {
    expect(read()).toEqual({ kind: 'nothing' });
    write('one', 'two');
    using((store) => store.reset());
    expect(read()).toEqual({ kind: 'nothing' });
  });

  it('does with its first state all that is done after a restart and a crash, so that this is nothing new on that day', async () => {
    mkdirSync(directory, 0o700);
    const seen = new Set<string>();
    const watcher = watch(directory, (event, name) => event === 'rename' && seen.add(String(name)));
    /** The names that came and went so far. */
    const names = async (mark: string): Promise<readonly string[]> => {
      writeFileSync(path(mark), '');
      await vi.waitFor(() => expect(seen).toContain(mark));
      return [...seen].filter((name) => !name.startsWith('mark')).toSorted();
    };
    write('1');
    const first = await names('mark1');
    symlinkSync('4194304 1 x', path('lock'));
    using((store) => {
      store.write('2');
      store.append('3');
    });
    const all = await names('mark2');
    watcher.close();
    expect(all).toEqual(first);
  });

  it('gives the state before it when one byte of the state is another, or its end is missing', () => {
    write({ n: 1 }, { n: 2 });
    const whole = readFileSync(path('state'));
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
      const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole);
      if (!cut) damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
      writeFileSync(path('state'), damaged);
      expect(read()).toMatchObject({ kind: 'state', state: { n: 1 }, trouble: expect.stringContaining(path('state')) });
    }), { numRuns: 25 });
  });

  it('gives the state before it when the state cannot be used', () => {
    write('old', 'new');
    const found = using((store) => store.read((body) => {
      if (body === 'new') throw new Error('is of no use');
      return body;
    }));
    expect(found).toEqual({ kind: 'state', state: 'old', trouble: `${path('state')} is of no use` });
  });

  it('says what is wrong when both are damaged, and keeps them', () => {
    write('one', 'two');
    writeFileSync(path('state'), '');
    writeFileSync(path('state.previous'), 'fullmon-state 1');
    expect(read()).toEqual({ kind: 'damaged', trouble: `${path('state')} has no header that is known here; ${path('state.previous')} has no header that is known here` });
    expect(readFileSync(path('state.previous'), 'utf8')).toBe('fullmon-state 1');
  });

  it('is whole while a new state is only half written', () => {
    write('one');
    writeFileSync(path('state.new'), 'fullmon-state 1 sha256:');
    expect(read()).toMatchObject({ state: 'one', trouble: undefined });
    write('two');
    expect(read()).toMatchObject({ state: 'two', trouble: undefined });
  });

  it.each([
    ['a link', () => (renameSync(path('state'), join(root, 'elsewhere')), symlinkSync(join(root, 'elsewhere'), path('state')))],
    ['writable by others', () => chmodSync(path('state'), 0o602)],
    ['a directory', () => (rmSync(path('state')), mkdirSync(path('state')))],
    ...(isRoot ? [["another user's", () => chownSync(path('state'), 1, 1)] as const] : []),
  ] as const)('does not believe a state that is %s', (_, change) => {
    write('one', 'two');
    change();
    expect(read()).toMatchObject({ state: 'one', trouble: expect.stringContaining(path('state')) });
  });

  it.each([
    ['a link', () => (mkdirSync(join(root, 'real'), 0o700), symlinkSync(join(root, 'real'), directory)), /is no directory of its own/],
    ['a file', () => writeFileSync(directory, ''), /is no directory of its own/],
    ['open to others', () => (mkdirSync(directory), chmodSync(directory, 0o755)), /chmod 700/],
    ['below something that is missing', () => (directory = join(root, 'no', 'state')), /cannot be made \(ENOENT\)/],
    ...(isRoot ? [["another user's", () => (mkdirSync(directory, 0o700), chownSync(directory, 1, 1)), /another user/] as const] : []),
  ] as const)('is refused when it is %s', (_, make, told) => {
    make();
    expect(() => openStore(directory)).toThrow(told);
  });
});

const change = (...texts: readonly string[]): void => using((store) => {
  store.write('"state"');
  for (const text of texts) store.append(JSON.stringify(text));
});

describe('what has changed since a state was written', () => {
  it('is read after it, oldest first, and is gone with the next state', () => {
    change('one', '\xff\u{1f600}', 'three');
    expect(readAll()).toEqual({ kind: 'state', state: ['state', 'one', '\xff\u{1f600}', 'three'], trouble: undefined });
    write('next');
    expect(readAll()).toMatchObject({ state: ['next'] });
    rmSync(path('state'));
    expect(readAll()).toMatchObject({ state: ['state', 'one', '\xff\u{1f600}', 'three'] });
  });

  it('is left out, and nobody is alarmed, when fullmon was ended while writing it', () => {
    change('one');
    const { length } = readFileSync(path('state'));
    change('one', 'two');
    const whole = readFileSync(path('state'));
    for (let end = length; end < whole.length; end++) {
      writeFileSync(path('state'), whole.subarray(0, end));
      expect(readAll()).toEqual({ kind: 'state', state: ['state', 'one'], trouble: undefined });
    }
  });

  it('is told when it was damaged, and what came before is gone on from', () => {
    change('one');
    const { length } = readFileSync(path('state'));
    change('one', 'two', 'three');
    const whole = readFileSync(path('state'));
    // Its length is a number, which another digit can make larger than the file: then it looks unfinished.
    for (const at of [length, length + 10, whole.indexOf('two')]) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      writeFileSync(path('state'), damaged);
      expect(readAll()).toMatchObject({ kind: 'state', state: ['state', 'one'], trouble: expect.stringMatching(new RegExp(`^${path('state')} from byte ${length} on `)) });
    }
    appendFileSync(path('state'), Buffer.alloc(4096));
    expect(readAll()).toMatchObject({ state: ['state', 'one'] });
  });

  it('goes to no file that was put in the place of ours, or taken away', () => {
    using((store) => {
      expect(store.takesChanges()).toBe(false);
      store.write('"state"');
      expect(store.takesChanges()).toBe(true);
      renameSync(path('state'), path('moved'));
      expect(store.takesChanges()).toBe(false);
      writeFileSync(path('state'), 'x');
      expect(store.takesChanges()).toBe(false);
      store.write('"again"');
      expect(store.takesChanges()).toBe(true);
    });
  });

  it('has its bounds: then the state is written anew', () => {
    using((store) => {
      store.write('"state"');
      const long = JSON.stringify('x'.repeat(2 ** 20));
      let times = 0;
      for (; store.takesChanges(); times++) store.append(long);
      expect(times).toBe(32);
    });
  });
});

/** A state in a file of some format. */
const file = (format: number, body: string): void => {
  write('state');
  writeFileSync(path('state'), `fullmon-state ${format} sha256:${createHash('sha256').update(body).digest('hex')} ${body.length}\n${body}`);
};

describe('the file of another fullmon', () => {
  it('is read when it is older', () => {
    file(1, '"old"');
    expect(readAll()).toEqual({ kind: 'state', state: ['old'], trouble: undefined });
  });

  it('is kept when it is newer, and says what to do', () => {
    file(3, '"new"');
    expect(read()).toEqual({ kind: 'damaged', trouble: expect.stringContaining('state was written by a newer fullmon: install that one again; ') });
  });
});

describe('the lock of a state directory', () => {
  it('keeps a second fullmon out, until the first has ended', () => {
    const store = openStore(directory);
    expect(() => openStore(directory)).toThrow(`another fullmon (pid ${process.pid})`);
    store.close();
    openStore(directory).close();
  });

  it.each([
    ['a process that is gone', '4194304 1 x'],
    ['a process whose pid has gone to another', `${process.pid} 1 x`],
    ['nobody', 'nobody'],
  ])('is taken over from %s', (_, content) => {
    mkdirSync(directory, 0o700);
    symlinkSync(content, path('lock'));
    openStore(directory).close();
  });

  it('is left alone by one that does not hold it any more', () => {
    const store = openStore(directory);
    rmSync(path('lock'));
    symlinkSync('another', path('lock'));
    store.close();
    expect(readlinkSync(path('lock'))).toBe('another');
  });

  it('goes by one name, so that it is nothing new to whoever watches the directory', () => {
    mkdirSync(directory, 0o700);
    const seen = new Set<string>();
    const watcher = watch(directory, (_, name) => seen.add(String(name)));
    openStore(directory).close();
    symlinkSync('4194304 1 x', path('lock'));
    openStore(directory).close();
    return vi.waitFor(() => expect([...seen].toSorted()).toEqual(['lock', 'lock.old'])).finally(() => watcher.close());
  });

  it('is taken over from an older fullmon, which kept it as a file', () => {
    mkdirSync(directory, 0o700);
    writeFileSync(path('lock'), '4194304 1 x');
    openStore(directory).close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('leaves nothing behind', () => {
    openStore(directory).close();
    expect(readdirSync(directory)).toEqual([]);
  });
});
