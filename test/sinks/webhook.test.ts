import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort, hear, portOf, receive, settings } from '../support/sinks.ts';
import type { Heard, Receiver } from '../support/sinks.ts';
import { finding, incident, phase } from '../support/told.ts';

let dir = '';
let heard: Heard | undefined;
let receivers: Receiver[] = [];
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-webhook-'))));
afterEach(async () => {
  await heard?.hearers.close();
  for (const receiver of receivers) await receiver.close();
  heard = undefined;
  receivers = [];
  rmSync(dir, { recursive: true });
});

const listen = async (...how: Parameters<typeof receive>): Promise<Receiver> => {
  const receiver = await receive(...how);
  receivers.push(receiver);
  return receiver;
};
const open = async (...sinks: readonly object[]): Promise<Heard> => (heard = await hear(settings(...sinks), dir));
const hook = (url: string, more: object = {}): object => ({ type: 'webhook', url, ...more });
const idsOf = ({ posted }: Receiver): readonly unknown[] => posted.map(({ headers }) => headers['x-fullmon-id']);
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe('a webhook', () => {
  it('gets each incident and finding from its threshold on, signed, with an id of its own and where it comes from', async () => {
    const receiver = await listen();
    writeFileSync(join(dir, 'secret'), 'shared\n', { mode: 0o600 });
    writeFileSync(join(dir, 'headers'), 'Authorization: Bearer abc\nX-Tenant: 7\n', { mode: 0o600 });
    const { hearers } = await open(hook(receiver.url, { threshold: 'high', 'secret-file': join(dir, 'secret'), 'headers-file': join(dir, 'headers') }));
    for (const line of [phase('baseline'), phase('collect'), incident('aaa', 'medium'), incident('aaa', 'critical', 'risen'), finding('auditd has stopped'), finding('it is back', 'low'), incident('aaa', 'critical', 'closed')]) hearers.tell(line);
    await soon(() => expect(receiver.posted).toHaveLength(4));
    expect(idsOf(receiver)).toEqual([expect.any(String), 'aaa-risen-critical', expect.any(String), 'aaa-closed']);
    const [, risen] = receiver.posted;
    expect(risen?.headers).toMatchObject({ authorization: 'Bearer abc', 'x-tenant': '7', 'content-type': 'application/json', 'x-fullmon-signature': `sha256=${createHmac('sha256', 'shared').update(risen?.body ?? '').digest('hex')}` });
    expect(JSON.parse(risen?.body ?? '')).toMatchObject({ id: 'aaa-risen-critical', host: expect.any(String), type: 'incident', state: 'risen', incident: 'aaa', severity: 'critical' });
  });

  it('that is down gets all of it later, once and in order, and both are told once', async () => {
    const port = await freePort();
    const { hearers, findings } = await open(hook(`http://127.0.0.1:${port}/`), { type: 'file', path: join(dir, 'log') });
    const wanted = Array.from({ length: 30 }, (_, i) => `n${i}`);
    for (const id of wanted) hearers.tell(incident(id, 'high'));
    await soon(() => expect(findings).toHaveLength(1));
    const receiver = await listen(port);
    await soon(() => expect(findings).toHaveLength(2));
    await soon(() => expect(idsOf(receiver).length).toBeGreaterThanOrEqual(31));
    expect(idsOf(receiver).slice(0, 30)).toEqual(wanted.map((id) => `${id}-opened`));
    // It hears of its own outage, too; that it is over is too little for it.
    expect(receiver.posted.slice(30).map(({ body }) => JSON.parse(body).msg)).toEqual([expect.stringContaining('sink webhook: cannot deliver')]);
    expect(findings).toEqual([
      expect.stringMatching(/^high: sink webhook: cannot deliver: connect ECONNREFUSED 127\.0\.0\.1:\d+; what is told waits until it can$/),
      expect.stringMatching(/^low: sink webhook: delivers again, after \d s; \d+ lines still wait$/),
    ]);
  });

  it('that is down gets what waited after a kill of fullmon', async () => {
    const port = await freePort();
    const killed = await hear(settings(hook(`http://127.0.0.1:${port}/`)), dir, { base: 60_000, longest: 60_000, timeout: 60_000 });
    for (const id of ['one', 'two']) killed.hearers.tell(incident(id, 'high'));
    const receiver = await listen();
    const { hearers } = await open(hook(receiver.url));
    // Told again, as it was killed before it could save that it was told.
    hearers.tell(incident('two', 'high'));
    hearers.tell(incident('three', 'high'));
    await soon(() => expect(idsOf(receiver)).toHaveLength(3));
    expect(idsOf(receiver)).toEqual(['one-opened', 'two-opened', 'three-opened']);
  });

  it('that refuses some does not keep the others back; what was set aside is told once', async () => {
    const receiver = await listen(0, ({ body }) => (/"incident":"bad/.test(body) ? 400 : 204));
    const { hearers, findings } = await open(hook(receiver.url));
    for (const id of ['one', 'bad1', 'bad2', 'bad3', 'two', 'three', 'four', 'five']) hearers.tell(incident(id, 'high'));
    await soon(() => expect(findings.filter((text) => text.includes('not delivered'))).toHaveLength(1));
    await soon(() => expect(idsOf(receiver)).toEqual(expect.arrayContaining(['one-opened', 'two-opened', 'three-opened', 'four-opened', 'five-opened'])));
    expect(findings).toContainEqual(expect.stringMatching(/^high: sink webhook: bad1-opened is not delivered, others are: it answers 400$/));
  });

  it('that never answers is given up in time, and nobody else waits for it', async () => {
    const receiver = await listen();
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    heard = await hear(settings(hook(`http://127.0.0.1:${portOf(silent)}/`, { name: 'silent' }), hook(receiver.url)), dir, { base: 1, longest: 1, timeout: 100 });
    heard.hearers.tell(incident('one', 'high'));
    await soon(() => expect(idsOf(receiver)).toContain('one-opened'));
    await soon(() => expect(heard?.findings).toEqual(['high: sink silent: cannot deliver: not done within 0.1 s; what is told waits until it can']));
    silent.close();
  });

  it('follows nobody elsewhere', async () => {
    const other = await listen();
    const receiver = await listen(0, () => 307);
    const { hearers, findings } = await open(hook(receiver.url));
    hearers.tell(incident('one', 'high'));
    await soon(() => expect(findings).toEqual([expect.stringContaining('it answers 307')]));
    expect(other.posted).toEqual([]);
  });

  it('of another address gets what waits as soon as the settings are read again', async () => {
    const receiver = await listen();
    const { hearers } = await open(hook(`http://127.0.0.1:${await freePort()}/`));
    hearers.tell(incident('one', 'high'));
    await hearers.reopen(settings(hook(receiver.url), { type: 'file', path: join(dir, 'log') }));
    hearers.tell(incident('two', 'high'));
    await soon(() => expect(idsOf(receiver)).toEqual(['one-opened', 'two-opened']));
  });

  it('is not told with secrets that others may write, and is once they may not', async () => {
    const receiver = await listen();
    writeFileSync(join(dir, 'secret'), 'shared');
    chmodSync(join(dir, 'secret'), 0o666);
    const { hearers, findings } = await open(hook(receiver.url, { 'secret-file': join(dir, 'secret') }));
    hearers.tell(incident('one', 'high'));
    await soon(() => expect(findings).toEqual([expect.stringMatching(/^high: sink webhook: cannot deliver: \/.*\/secret: may be written by others: it must be a plain file of root's/)]));
    chmodSync(join(dir, 'secret'), 0o600);
    await soon(() => expect(idsOf(receiver)[0]).toBe('one-opened'));
  });
});
