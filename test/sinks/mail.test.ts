import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytes } from '../../src/audit/units.ts';
import { deliver } from '../../src/report/sinks/deliver.ts';
import type { Channel } from '../../src/report/sinks/deliver.ts';
import { idOf } from '../../src/report/sinks/format.ts';
import { openMail } from '../../src/report/sinks/mail.ts';
import { entryOf } from '../../src/report/sinks/open.ts';
import { openSpool } from '../../src/report/sinks/spool.ts';
import { serveMail, unquote } from '../support/mail.ts';
import type { Mail, MailServer } from '../support/mail.ts';
import { freePort, hear, QUICK, settings } from '../support/sinks.ts';
import type { Heard } from '../support/sinks.ts';
import { finding, incident } from '../support/told.ts';

let dir = '';
let now = 0;
let heard: Heard | undefined;
let channel: Channel | undefined;
let server: MailServer | undefined;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-mail-'))));
afterEach(async () => {
  await heard?.hearers.close();
  await channel?.close();
  await server?.stop();
  heard = channel = server = undefined;
  rmSync(dir, { recursive: true });
});

const serve = async (...how: Parameters<typeof serveMail>): Promise<MailServer> => (server = await serveMail(...how));

const mail = (port: number, more: object = {}): object => ({ type: 'mail', host: '127.0.0.1', port, from: 'fullmon@example.test', to: ['ops@example.test', 'root@localhost'], ...more });
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

/** One mail sink, on a clock that only the test moves. */
const within = (port: number, hourly: number): Channel => {
  const [options] = settings(mail(port, { hourly }));
  if (options?.type !== 'mail') throw new Error('no mail');
  const sink = openMail(options, dir, () => now);
  const opened = deliver('mail', sink, openSpool(join(dir, 'queue')), () => undefined, QUICK);
  return { ...opened, add: (entry) => opened.add({ ...entry, body: sink.render(incident(entry.id, entry.severity ?? 'low'), entry.id) }) };
};
const told = (id: string, severity: 'medium' | 'critical' = 'medium') => ({ id, severity, body: '' });
const idsIn = ({ text }: Mail): readonly string[] => [...text.matchAll(/incident (\w+) opened/g)].map(([, id = '']) => id);

describe('mail', () => {
  it('says what happened, to all who shall know, with a subject of ours', async () => {
    const { port, mails } = await serve();
    heard = await hear(settings(mail(port)), dir);
    heard.hearers.tell(incident('62741c7a611c', 'critical'));
    await soon(() => expect(mails).toHaveLength(1));
    expect(mails[0]).toMatchObject({ from: 'fullmon@example.test', to: ['ops@example.test', 'root@localhost'], subject: expect.stringMatching(/^\[fullmon\] \S+: critical incident 62741c7a611c opened$/) });
    expect(mails[0]?.headers).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    for (const text of ['critical', 'proc::33:/usr/bin/dash -c@nginx -> host:203.0.113.66:4444', 'this program never connected anywhere', 'session        274 of login 0 by sshd from 198.51.100.1', 'fullmon accept 62741c7a611c']) expect(mails[0]?.text).toContain(text);
  });

  it('cannot be given a header, an end or a terminal to drive by who chooses names', async () => {
    const { port, mails } = await serve();
    heard = await hear(settings(mail(port)), dir);
    const evil = 'x\r\n.\r\nMAIL FROM:<a@b>\r\nBcc: evil@example.test\r\n\x1b[2J\u202e';
    heard.hearers.tell(incident('aaa', 'high', 'opened', { command: bytes(evil), origin: evil }));
    heard.hearers.tell(incident('bbb', 'high', 'opened', { edge: 'proc::33:/usr/bin/x->file:CREATE:/tmp/a%0D%0ABcc: b' }));
    await soon(() => expect(mails.flatMap(idsIn)).toEqual(['aaa', 'bbb']));
    for (const { headers, to, text } of mails) {
      expect(headers).not.toMatch(/bcc|evil/i);
      expect(to).toEqual(['ops@example.test', 'root@localhost']);
      expect(text.replaceAll('\r\n', '')).not.toMatch(/\p{Cc}/u);
      expect(text).not.toMatch(/^(?:\.|Bcc|MAIL)/m);
    }
  });

  it.each([
    [1, [0, 12, 24]],
    [3, [0, 1, 12, 13, 24, 25]],
  ])('comes at most %d times in an hour, what waits as one digest, nothing lost', async (hourly, when) => {
    const { port, mails } = await serve();
    channel = within(port, hourly);
    // Every five minutes.
    for (let i = 0; i <= 26; i++, now += 300_000) {
      channel.add(told(`n${i}`));
      const due = when.filter((step) => step <= i);
      await soon(() => expect(mails.map(idsIn).map((ids) => ids.at(-1))).toEqual(due.map((step) => `n${step}`)));
    }
    expect(mails.flatMap(idsIn)).toEqual(Array.from({ length: (when.at(-1) ?? 0) + 1 }, (_, i) => `n${i}`));
    expect(mails.at(hourly === 1 ? -1 : -2)?.subject).toMatch(/: \d+ alerts: \d+ medium$/);
  });

  it('keeps the last of several an hour for what is high or critical, which takes the rest along', async () => {
    const { port, mails } = await serve();
    channel = within(port, 2);
    channel.add(told('one'));
    await soon(() => expect(mails).toHaveLength(1));
    channel.add(told('two'));
    channel.add(told('three'));
    channel.add(told('grave', 'critical'));
    await soon(() => expect(mails).toHaveLength(2));
    channel.add(told('later', 'critical'));
    now += 3_600_001;
    channel.add(told('last'));
    await soon(() => expect(mails).toHaveLength(3));
    expect(mails.map(idsIn)).toEqual([['one'], ['two', 'three', 'grave'], ['later', 'last']]);
    expect(mails[1]?.subject).toMatch(/: 3 alerts: 1 critical, 2 medium$/);
  });

  it('is counted through a restart', async () => {
    const { port, mails } = await serve();
    channel = within(port, 1);
    channel.add(told('one'));
    await soon(() => expect(mails).toHaveLength(1));
    await channel.close();
    channel = within(port, 1);
    channel.add(told('two', 'critical'));
    now += 3_600_001;
    channel.add(told('three'));
    await soon(() => expect(mails.map(idsIn)).toEqual([['one'], ['two', 'three']]));
  });

  it('waits for a server that is down, and comes as a digest; tries that failed are not counted', async () => {
    const port = await freePort();
    heard = await hear(settings(mail(port, { hourly: 1 })), dir);
    for (const id of ['one', 'two', 'three']) heard.hearers.tell(incident(id, 'high'));
    await soon(() => expect(heard?.findings).toHaveLength(1));
    const { mails } = await serve(port);
    await soon(() => expect(mails).toHaveLength(1));
    expect(heard.findings[0]).toMatch(/^high: sink mail: cannot deliver: connect ECONNREFUSED/);
  });

  it('goes through when the server refuses one of them for what it says', async () => {
    const { port, mails } = await serve(0, {
      onData(stream, _, done) {
        const take = async (): Promise<void> => {
          const text = (await buffer(stream)).toString('latin1');
          const refused = text.includes('incident bad opened');
          if (!refused) mails.push({ from: '', to: [], headers: '', subject: '', text: unquote(text), user: undefined });
          done(refused ? Object.assign(new Error('content rejected'), { responseCode: 550 }) : undefined);
        };
        void take();
      },
    });
    heard = await hear(settings(mail(port, { hourly: 1000 })), dir);
    for (const id of ['one', 'bad', 'two', 'three']) heard.hearers.tell(incident(id, 'high'));
    await soon(() => expect(mails.flatMap(idsIn)).toEqual(expect.arrayContaining(['one', 'two', 'three'])));
    await soon(() => expect(heard?.findings).toContainEqual(expect.stringMatching(/^high: sink mail: bad-opened is not delivered, others are: .*550 content rejected/)));
  });

  it('logs in with the password in the file, and not without a cipher unless told to', async () => {
    const { port, mails } = await serve(0, { allowInsecureAuth: true, onAuth: ({ username, password }, _, done) => done(null, password === 'pa ss' ? { user: username } : undefined) });
    writeFileSync(join(dir, 'password'), 'pa ss\n', { mode: 0o600 });
    const login = { user: 'fullmon', 'password-file': join(dir, 'password') };
    heard = await hear(settings(mail(port, login), mail(port, { ...login, name: 'safe', tls: 'starttls' })), dir);
    heard.hearers.tell(finding('auditd has stopped'));
    await soon(() => expect(mails.map(({ user }) => user)).toEqual(['fullmon']));
    await soon(() => expect(heard?.findings[0]).toMatch(/^high: sink safe: cannot deliver: .*STARTTLS/i));
    expect(readFileSync(join(dir, 'spool/mail.safe/queue'), 'latin1')).not.toContain('pa ss');
  });

  it('of a mail has an id that is the same when it is told again', () => {
    expect(idOf(incident('aaa', 'high'))).toBe('aaa-opened');
    const [options] = settings(mail(25));
    if (options?.type !== 'mail') throw new Error('no mail');
    const sink = openMail(options, undefined);
    const line = finding('auditd has stopped');
    expect(entryOf(sink, line, idOf(line))).toEqual(entryOf(sink, finding('auditd has stopped'), idOf(finding('auditd has stopped'))));
    expect(idOf(finding('auditd is back'))).not.toBe(idOf(line));
  });
});
