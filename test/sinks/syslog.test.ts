import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytes } from '../../src/audit/units.ts';
import { freePort, hear, portOf, settings } from '../support/sinks.ts';
import type { Heard } from '../support/sinks.ts';
import { incident, phase } from '../support/told.ts';

const RSYSLOGD = '/usr/sbin/rsyslogd';
const isThere = existsSync(RSYSLOGD);

let dir = '';
let heard: Heard | undefined;
let daemon: ChildProcess | undefined;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-syslog-'))));
afterEach(async () => {
  await heard?.hearers.close();
  await kill();
  heard = undefined;
  rmSync(dir, { recursive: true });
});

const kill = async (): Promise<void> => {
  const child = daemon;
  daemon = undefined;
  if (child?.kill('SIGKILL') === true) await once(child, 'close');
};

/** A daemon of our own, on a port of loopback and a socket in our directory, that writes down what it understood. */
const start = async (port: number): Promise<void> => {
  writeFileSync(join(dir, 'rsyslog.conf'), `
    global(workDirectory="${dir}" maxMessageSize="8k")
    module(load="imudp") module(load="imtcp") module(load="imuxsock" SysSock.Use="off")
    input(type="imudp" address="127.0.0.1" port="${port}")
    input(type="imtcp" address="127.0.0.1" port="${port}")
    input(type="imuxsock" socket="${join(dir, 'log')}")
    template(name="seen" type="string" string="%syslogfacility-text%.%syslogseverity-text% %hostname% %app-name% %msgid% %msg%\\n")
    action(type="omfile" file="${join(dir, 'seen')}" template="seen")
  `);
  daemon = spawn(RSYSLOGD, ['-n', '-f', join(dir, 'rsyslog.conf'), '-i', join(dir, 'pid')], { stdio: 'ignore' });
  await vi.waitFor(() => expect(existsSync(join(dir, 'pid')) && existsSync(join(dir, 'log'))).toBe(true), { timeout: 5000, interval: 5 });
};

const seen = (): readonly string[] => (existsSync(join(dir, 'seen')) ? readFileSync(join(dir, 'seen'), 'latin1').trimEnd().split('\n') : []);
const messagesOf = (lines: readonly string[]): readonly { readonly id: string }[] => lines.map((line) => JSON.parse(line.slice(line.indexOf('{'))));
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 10 });

describe.skipIf(!isThere)('rsyslog', () => {
  it.each(['udp', 'tcp', 'unix'])('over %s understands facility, severity, host, name and all of the line', async (way) => {
    const port = await freePort();
    await start(port);
    heard = await hear(settings({ type: 'syslog', to: way === 'unix' ? `unix:${join(dir, 'log')}` : `${way}:127.0.0.1:${port}`, facility: 'local3' }), dir);
    heard.hearers.tell(phase('collect'));
    heard.hearers.tell(incident('one', 'critical'));
    heard.hearers.tell(incident('two', 'medium', 'opened', { command: bytes('\n<0>1 - forged\x1b[2J\x00') }));
    heard.hearers.tell(incident('long', 'low', 'opened', { command: bytes('x'.repeat(100_000)) }));
    await soon(() => expect(seen()).toHaveLength(4));
    expect(seen().map((line) => line.split(' ', 1)[0])).toEqual(['local3.info', 'local3.crit', 'local3.warning', 'local3.notice']);
    for (const line of seen()) expect(line).toMatch(/^\S+ \S+ fullmon \S+  ?\{[\x20-\x7e]*\}$/);
    expect(messagesOf(seen()).slice(1).map(({ id }) => id)).toEqual(['one-opened', 'two-opened', 'long-opened']);
  });

  it('that is killed and started again gets all of it over tcp', async () => {
    const port = await freePort();
    await start(port);
    heard = await hear(settings({ type: 'syslog', to: `tcp:127.0.0.1:${port}` }), dir);
    const wanted = Array.from({ length: 200 }, (_, i) => `n${i}`);
    for (const id of wanted.slice(0, 50)) heard.hearers.tell(incident(id, 'high'));
    await soon(() => expect(seen().length).toBeGreaterThan(0));
    await kill();
    for (const id of wanted.slice(50)) heard.hearers.tell(incident(id, 'high'));
    await soon(() => expect(heard?.findings).toEqual([expect.stringContaining('sink syslog: cannot deliver')]));
    await start(port);
    await soon(() => expect(heard?.findings[1]).toContain('sink syslog: delivers again'));
    await soon(() => expect(messagesOf(seen()).filter(({ id }) => id === 'n199-opened')).toHaveLength(1));
    // What it had taken and not written down when it was killed is its own loss.
    expect(new Set(messagesOf(seen()).map(({ id }) => id)).size).toBeGreaterThan(150);
    expect(messagesOf(seen()).filter(({ id }) => /^n(?:[5-9]\d|1\d\d)-opened$/.test(id)).map(({ id }) => id)).toEqual(wanted.slice(50).map((id) => `${id}-opened`));
  });

  it('that is not there is known over udp and the socket, too', async () => {
    const port = await freePort();
    heard = await hear(settings({ type: 'syslog', name: 'udp', to: `udp:127.0.0.1:${port}` }, { type: 'syslog', name: 'unix', to: `unix:${join(dir, 'none')}` }), dir);
    heard.hearers.tell(incident('one', 'high'));
    await soon(() => expect(heard?.findings.filter((text) => text.includes('cannot deliver')).toSorted()).toEqual([expect.stringContaining('sink udp: cannot deliver'), expect.stringContaining('sink unix: cannot deliver')]));
  });
});

describe('a syslog daemon', () => {
  it('that dies over a message has not taken it', async () => {
    let broken = 3;
    const taken: Buffer[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (broken > 0) socket.resetAndDestroy();
      });
      socket.on('end', () => {
        taken.push(...chunks);
        socket.end();
      });
      broken--;
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    heard = await hear(settings({ type: 'syslog', to: `tcp:127.0.0.1:${portOf(server)}` }), dir);
    for (const id of ['one', 'two']) heard.hearers.tell(incident(id, 'high'));
    await soon(() => expect(Buffer.concat(taken).toString()).toMatch(/^\d+ <27>1 \S+ \S+ fullmon \d+ one-opened - \{.*\}\d+ <27>1 \S+ \S+ fullmon \d+ two-opened - \{/));
    server.close();
  });
});
