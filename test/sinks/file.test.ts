import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hear, settings } from '../support/sinks.ts';
import type { Heard } from '../support/sinks.ts';
import { incident, phase } from '../support/told.ts';

let dir = '';
let heard: Heard | undefined;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-file-'))));
afterEach(async () => {
  await heard?.hearers.close();
  heard = undefined;
  rmSync(dir, { recursive: true });
});

const path = (): string => join(dir, 'alerts.json');
const linesIn = (file: string): readonly { readonly id?: string; readonly type?: string }[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)) : []);
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe('a file', () => {
  it('gets every line, closed to others, and goes on in a new one after a rotation', async () => {
    heard = await hear(settings({ type: 'file', path: path() }), dir);
    for (const line of [phase('baseline'), phase('collect'), incident('one', 'low')]) heard.hearers.tell(line);
    await soon(() => expect(linesIn(path()).map(({ type }) => type)).toEqual(['phase', 'phase', 'incident']));
    expect(statSync(path()).mode & 0o777).toBe(0o640);
    renameSync(path(), `${path()}.1`);
    heard.hearers.tell(incident('two', 'low'));
    await soon(() => expect(linesIn(path()).map(({ id }) => id)).toEqual(['two-opened']));
    expect(linesIn(`${path()}.1`)).toHaveLength(3);
  });

  it('may get less of what was seen during a maintenance', async () => {
    heard = await hear(settings({ type: 'file', path: path(), maintenance: 'critical' }, { type: 'file', name: 'none', path: join(dir, 'none.json'), maintenance: 'none' }), dir);
    for (const line of [incident('one', 'high', 'opened', { maintenance: 'new disks' }), incident('two', 'critical', 'opened', { maintenance: 'new disks' }), incident('three', 'low')]) heard.hearers.tell(line);
    await soon(() => expect(linesIn(path()).map(({ id }) => id)).toEqual(['two-opened', 'three-opened']));
    await soon(() => expect(linesIn(join(dir, 'none.json')).map(({ id }) => id)).toEqual(['three-opened']));
  });

  it('that cannot be written gets all of it when it can, and never what a link leads to', async () => {
    symlinkSync(join(dir, 'other'), path());
    heard = await hear(settings({ type: 'file', path: path() }), dir);
    for (let i = 0; i < 300; i++) heard.hearers.tell(incident(`n${i}`, 'low'));
    await soon(() => expect(heard?.findings).toEqual([expect.stringMatching(/^high: sink file: cannot deliver: ELOOP/)]));
    rmSync(path());
    await soon(() => expect(linesIn(path()).length).toBeGreaterThanOrEqual(301));
    expect(linesIn(path()).slice(0, 300).map(({ id }) => id)).toEqual(Array.from({ length: 300 }, (_, i) => `n${i}-opened`));
    expect(existsSync(join(dir, 'other'))).toBe(false);
  });
});
