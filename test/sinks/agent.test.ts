import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serveMail } from '../support/mail.ts';
import type { MailServer } from '../support/mail.ts';
import { builtProgram, run, start } from '../support/program.ts';
import type { Running } from '../support/program.ts';
import { ipv4, openScene } from '../support/scene.ts';
import { freePort, receive } from '../support/sinks.ts';
import type { Receiver } from '../support/sinks.ts';

let main = '';
let dir = '';
let agents: Running[] = [];
let mail: MailServer | undefined;
let receiver: Receiver | undefined;
beforeAll(() => {
  main = builtProgram();
}, 120_000);
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'fullmon-heard-'));
  mail = await serveMail();
});
afterEach(async () => {
  for (const { child, ended } of agents) {
    child.kill('SIGKILL');
    await ended;
  }
  await mail?.stop();
  await receiver?.close();
  agents = [];
  receiver = undefined;
  rmSync(dir, { recursive: true });
});

const log = (): string => join(dir, 'audit.log');
const alerts = (): string => join(dir, 'alerts.json');
const config = (port: number, more = ''): string => {
  const file = join(dir, 'fullmon.yaml');
  writeFileSync(file, `
auditd: ${log()}
baseline: 0
monitor: 0
wait: 0.02
state: ${join(dir, 'state')}
accepted: ${join(dir, 'accepted.jsonl')}
sinks:
  - type: file
    path: ${alerts()}
    format: ecs
  - type: mail
    port: ${mail?.port}
    host: 127.0.0.1
    from: fullmon@example.test
    to: [ops@example.test]
    threshold: low
    hourly: 1
  - type: webhook
    url: http://127.0.0.1:${port}/
    threshold: low
${more}`, { mode: 0o600 });
  return file;
};
const agent = (file: string): Running => {
  const one = start([process.execPath, main, '--config', file]);
  agents.push(one);
  return one;
};
interface Line {
  readonly type: string;
  readonly state?: string;
  readonly incident?: string;
}
const incidentsOf = ({ stdout }: Running): readonly string[] => stdout().split('\n').filter((line) => line !== '').map((line): Line => JSON.parse(line)).filter(({ type, state }) => type === 'incident' && state === 'opened').map(({ incident }) => `${incident}-opened`);
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 15_000, interval: 10 });

describe('an agent that is to be heard', { timeout: 30_000 }, () => {
  it('tells everybody what it tells, also what it told before it was killed while nobody listened', async () => {
    const port = await freePort();
    const file = config(port);
    const scene = openScene();
    const happens = (pid: number): void => {
      const before = scene.lines.length;
      scene.wait(1_000_000).connect({ pid, exe: `/usr/bin/tool${pid}` }, ipv4('203.0.113.66', pid));
      appendFileSync(log(), scene.lines.slice(before).map((line) => `${line}\n`).join(''));
    };
    happens(1);
    const first = agent(file);
    await soon(() => expect(existsSync(join(dir, 'state/state'))).toBe(true));
    happens(2);
    await soon(() => expect(incidentsOf(first)).toHaveLength(1));
    await soon(() => expect(mail?.mails).toHaveLength(1));
    first.child.kill('SIGKILL');
    await first.ended;
    receiver = await receive(port);
    const second = agent(file);
    await soon(() => expect(receiver?.posted.length).toBeGreaterThan(0));
    // Who is told can change while it runs.
    config(port, `  - type: file\n    name: late\n    path: ${join(dir, 'late.json')}\n`);
    second.child.kill('SIGHUP');
    await second.says('the configuration was changed: sinks');
    happens(3);
    await soon(() => expect(existsSync(join(dir, 'late.json')) && readFileSync(join(dir, 'late.json'), 'utf8')).toContain('tool3'));
    const all = [...incidentsOf(first), ...incidentsOf(second)];
    await soon(() => expect(receiver?.posted.map(({ headers }) => headers['x-fullmon-id'])).toEqual(expect.arrayContaining(all)));
    second.child.kill('SIGTERM');
    expect(await second.ended).toMatchObject({ status: 0, signal: null });
    const written = readFileSync(alerts(), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(written.map((line) => line.event.id)).toEqual(expect.arrayContaining(all));
    expect(written.find((line) => line.event.dataset === 'fullmon.edge')).toMatchObject({ '@timestamp': expect.any(String), ecs: { version: '8.11.0' }, process: { executable: '/usr/bin/tool2' }, destination: { ip: '203.0.113.66', port: 2 } });
    // One an hour, and it was killed in between.
    expect(mail?.mails).toHaveLength(1);
  });

  it('says by test-alert who takes what it tells, and fails when one does not', async () => {
    receiver = await receive();
    const file = config(Number(new URL(receiver.url).port), `  - type: syslog\n    to: unix:${join(dir, 'none')}\n`);
    const all = await run([process.execPath, main, 'test-alert', '--config', file]);
    expect([all.status, all.stdout.split('\n')]).toEqual([1, ['file: delivered', 'mail: delivered', 'webhook: delivered', expect.stringMatching(/^syslog: failed: \/usr\/bin\/logger ends with status 1: .*No such file/), '']]);
    expect(mail?.mails[0]?.text).toContain('a test of what hears of alerts: nothing has happened');
    expect(JSON.parse(receiver.posted[0]?.body ?? '')).toMatchObject({ incident: expect.stringMatching(/^test-/), severity: 'critical' });
    const none = await run([process.execPath, main, 'test-alert', '--sink', 'pager', '--config', file]);
    expect([none.status, none.stderr]).toEqual([2, "fullmon: test-alert: there is no sink 'pager', only file, mail, webhook, syslog\n"]);
  });

  it('puts a priority in front of each line for the journal, and only for that', async () => {
    appendFileSync(log(), openScene().exec({ pid: 7, exe: '/tmp/x' }, ['/tmp/x']).connect({ pid: 7, exe: '/tmp/x' }, ipv4('203.0.113.66', 4444)).lines.map((line) => `${line}\n`).join(''));
    const replay = `'${process.execPath}' '${main}' replay '${log()}' --baseline 0`;
    const { stdout } = await run(['/bin/sh', '-c', `JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1) exec ${replay}`]);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^<[2-6]>\{/);
    const priorities = lines.map((line) => [line[1], JSON.parse(line.slice(3))] as const);
    expect(priorities.filter(([, { severity }]) => severity === 'critical' || severity === 'high').map(([priority]) => priority)).toContainEqual(expect.stringMatching(/^[23]$/));
    expect(priorities.filter(([, { type }]) => type === 'phase').every(([priority]) => priority === '6')).toBe(true);
    const elsewhere = await run(['/bin/sh', '-c', `JOURNAL_STREAM=1:2 exec ${replay}`]);
    expect(elsewhere.stdout).toBe(stdout.replaceAll(/^<\d>/gm, ''));
  });
});
