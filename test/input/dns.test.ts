import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { followVarlink, pollProgram, watchFile } from '../../src/input/dns.ts';
import { holdBack } from '../../src/input/holdback.ts';

let dir = '';
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'fullmon-names-'))));
afterAll(() => rmSync(dir, { recursive: true }));

describe('the monitor of systemd-resolved', () => {
  it('is asked once, read message by message, and waited for when it goes away', async () => {
    const path = join(dir, 'monitor');
    const peers: Socket[] = [];
    const server = createServer((socket) => void peers.push(socket)).listen(path);
    await once(server, 'listening');
    const messages: string[] = [];
    const notices: string[] = [];
    const { stop } = followVarlink('subscribe\0', (text) => void messages.push(text), { notice: (text) => void notices.push(text) }, path);
    await vi.waitFor(() => expect(peers).toHaveLength(1));
    const asked: unknown = (await once(peers[0]?.setEncoding('utf8') ?? server, 'data'))[0];
    expect(asked).toBe('subscribe\0');
    peers[0]?.write('{"a":1}\0{"b"');
    await vi.waitFor(() => expect(messages).toEqual(['{"a":1}']));
    peers[0]?.write(':2}\0');
    await vi.waitFor(() => expect(messages).toEqual(['{"a":1}', '{"b":2}']));
    expect(notices).toEqual([]);
    // Of what is cut off nothing is taken.
    peers[0]?.end('{"c"');
    await vi.waitFor(() => expect(notices).toHaveLength(1));
    expect(messages).toHaveLength(2);
    stop();
    server.close();
  });

  it('that is not there is told once', async () => {
    const notices: string[] = [];
    const { stop } = followVarlink('', () => undefined, { notice: (text) => void notices.push(text) }, join(dir, 'none'));
    await vi.waitFor(() => expect(notices).toEqual([expect.stringContaining('ENOENT')]));
    stop();
  });
});

describe('a program that is asked', () => {
  it('is asked again', async () => {
    const said: string[] = [];
    const { stop } = pollProgram(['echo', 'names; not a shell $HOME'], (text) => void said.push(text), { notice: (text) => void said.push(text) });
    await vi.waitFor(() => expect(said.length).toBeGreaterThan(1), 10_000);
    stop();
    expect(new Set(said)).toEqual(new Set(['names; not a shell $HOME\n']));
  });

  it('that is not there is told once', async () => {
    const notices: string[] = [];
    const { stop } = pollProgram([join(dir, 'none')], () => undefined, { notice: (text) => void notices.push(text) });
    await vi.waitFor(() => expect(notices).toEqual([expect.stringContaining('ENOENT')]));
    stop();
  });
});

describe('a file that people edit', () => {
  it('is read at once, and again when it is another', async () => {
    const path = join(dir, 'hosts');
    writeFileSync(path, 'one');
    const read: string[] = [];
    const { stop } = watchFile(path, (text) => void read.push(text));
    expect(read).toEqual(['one']);
    writeFileSync(`${path}.new`, 'two');
    renameSync(`${path}.new`, path);
    await vi.waitFor(() => expect(read).toEqual(['one', 'two']), 10_000);
    stop();
  });

  it('has to be there at first', () => expect(() => watchFile(join(dir, 'none'), () => undefined)).toThrow('no such file'));
});

describe('what is held back', () => {
  it('is done in its order, and not before its time', async () => {
    const done: number[] = [];
    const held = holdBack(100);
    held.add(() => void done.push(1));
    held.add(() => void done.push(2), 10);
    expect(done).toEqual([]);
    await vi.waitFor(() => expect(done).toEqual([1, 2]), 10_000);
  });

  it('is done at once when it is too much, or the end', () => {
    const done: number[] = [];
    const held = holdBack(1e6);
    held.add(() => void done.push(1), 3_000_000);
    held.add(() => void done.push(2), 3_000_000);
    expect(done).toEqual([1]);
    held.flush();
    expect(done).toEqual([1, 2]);
  });
});
