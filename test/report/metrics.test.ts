import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noLosses, reject } from '../../src/audit/losses.ts';
import type { Line } from '../../src/detect/line.ts';
import { jsonReport } from '../../src/report/json.ts';
import { readMetricsPlace, serveMetrics } from '../../src/report/metrics.ts';
import type { MetricsServer } from '../../src/report/metrics.ts';
import { terminalReport } from '../../src/report/terminal.ts';
import { countTold, heartbeat, troublesOf } from '../../src/report/vitals.ts';
import type { Vitals } from '../../src/report/vitals.ts';
import { ms } from '../../src/audit/units.ts';
import { builtProgram, run, start } from '../support/program.ts';
import { record, syscall } from '../support/log.ts';

const NOW = 1_700_000_000_000;

const vitals = (more: Partial<Vitals> = {}): Vitals => ({
  now: NOW, started: NOW - 7_200_000, isLearning: false, events: 7, edges: 3, holes: 0, losses: noLosses(), heard: NOW - 1000, patience: 600_000,
  caughtUp: NOW, unread: 0, isCutOff: false, audit: undefined, saved: undefined, told: countTold().told, ...more,
});

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

const ask = (where: { readonly socketPath: string } | { readonly port: number; readonly host: string }, path: string, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, fail) => {
    request({ ...where, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], body }));
    }).on('error', fail).end();
  });

/** Samples by name and labels, in the text format 0.0.4: HELP and TYPE before their samples, each sample once. Throws for what is none. */
const parse = (text: string): ReadonlyMap<string, number> => {
  const samples = new Map<string, number>();
  let typed = '';
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const type = /^# TYPE ([a-z_]+) (?:counter|gauge)$/.exec(line)?.[1];
    if (type !== undefined) typed = type;
    if (line.startsWith('#')) {
      expect(line).toMatch(/^# (?:HELP|TYPE) [a-z_]+ /);
      continue;
    }
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? ([0-9.e+-]+)$/.exec(line) ?? [];
    expect(name, line).toBe(typed);
    expect(samples.has(name + labels), line).toBe(false);
    samples.set(name + labels, Number(value));
  }
  return samples;
};

let dir = '';
let servers: MetricsServer[] = [];
const notices: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fullmon-metrics-'));
  [servers, notices.length] = [[], 0];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  rmSync(dir, { recursive: true });
});

const path = (): string => join(dir, 'socket');
const serve = async (take: () => Vitals = vitals, text = `unix:${path()}`, patience?: number): Promise<MetricsServer> => {
  const server = await serveMetrics(readMetricsPlace(text), take, (notice) => void notices.push(notice), patience);
  servers.push(server);
  return server;
};
const connect = async (): Promise<Socket> => {
  const socket = createConnection(path()).on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};
const here = () => ({ socketPath: path() });

describe('where the metrics are had', () => {
  it.each([['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }], ['127.9.9.9:1', { host: '127.9.9.9', port: 1 }], ['[::1]:65535', { host: '::1', port: 65_535 }], ['unix:/run/fullmon/metrics', { path: '/run/fullmon/metrics' }]])('is %s', (text, place) => {
    expect(readMetricsPlace(text)).toEqual(place);
  });

  it.each(['0.0.0.0:9464', '[::]:9464', '192.0.2.1:9464', 'localhost:9464', 'example.test:80', '127.0.0.1.example.test:80', '127.1:80', '[::ffff:192.0.2.1]:80'])('is never %s, which others could reach', (text) => {
    expect(() => readMetricsPlace(text)).toThrow('only an address of the loopback interface or a unix socket');
  });

  it.each(['', '9464', ':9464', '127.0.0.1', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:9464x', 'unix:', 'unix:relative', `unix:/${'x'.repeat(100)}`])("is not '%s'", (text) => {
    expect(() => readMetricsPlace(text)).toThrow('expected');
  });
});

describe('what is answered', () => {
  it('is how the agent stands, in the format of Prometheus', async () => {
    const losses = { ...noLosses(), lines: 90 };
    for (let n = 0; n < 4; n++) reject(losses, 'bad PATH');
    const audit = { enabled: 1, pid: 77, lost: 5, backlog: 6, backlogLimit: 8192, rules: undefined };
    const { count, told } = countTold();
    const finding = (kind: 'gap' | 'audit', severity?: 'high'): Line => ({ type: 'finding', time: ms(NOW), kind, text: 'x', ...(severity === undefined ? {} : { severity }) });
    for (const line of [finding('gap'), finding('gap'), finding('audit', 'high')]) count(line);
    count({ type: 'phase', time: ms(NOW), phase: 'collect', facts: {} });
    await serve(() => vitals({ losses, audit, holes: 2, unread: 300, saved: { at: NOW - 30_000, took: 0.25 }, told }));
    const { status, type, body } = await ask(here(), '/metrics');
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const samples = parse(body);
    expect(Object.fromEntries([...samples].filter(([name, value]) => !name.startsWith('process_') && value !== 0))).toEqual({
      fullmon_healthy: 1, fullmon_events_total: 7, fullmon_records_total: 90, 'fullmon_rejected_total{reason="bad PATH"}': 4, fullmon_known_edges: 3,
      fullmon_last_record_timestamp_seconds: NOW / 1000 - 1, fullmon_caught_up_timestamp_seconds: NOW / 1000, fullmon_unread_bytes: 300, fullmon_missing_events: 2,
      fullmon_kernel_lost_total: 5, fullmon_kernel_backlog: 6, fullmon_kernel_backlog_limit: 8192, fullmon_cycles_total: 1,
      'fullmon_findings_total{kind="gap",severity="medium"}': 2, 'fullmon_findings_total{kind="audit",severity="high"}': 1,
      fullmon_checkpoint_timestamp_seconds: NOW / 1000 - 30, fullmon_checkpoint_duration_seconds: 0.25,
    });
    // Who watches for an increase has to see the zero before it.
    expect(samples.get('fullmon_alerts_total{of="incident",severity="critical"}')).toBe(0);
    expect(samples.get('fullmon_rejected_total{reason="bad header"}')).toBe(0);
    const { PROMTOOL: promtool } = process.env;
    if (promtool === undefined) return;
    const lint = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'inherit', 'inherit'] });
    lint.stdin.end(body);
    expect(await once(lint, 'exit')).toEqual([0, null]);
  });

  it('leaves out what is not known', async () => {
    await serve(() => vitals({ heard: 0, unread: undefined }));
    const names = [...parse((await ask(here(), '/metrics')).body).keys()];
    expect(names.filter((name) => /last_record|unread|kernel|checkpoint/.test(name))).toEqual([]);
  });

  it('of the health is why what happens would not be told', async () => {
    let now = vitals();
    await serve(() => now);
    expect(await ask(here(), '/healthz')).toEqual({ status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' });
    now = vitals({ isCutOff: true, heard: NOW - 700_000, caughtUp: NOW - 90_000 });
    expect(await ask(here(), '/healthz')).toMatchObject({ status: 503, body: 'the log is missing, or cannot be read\nthe agent lags: it has not come to the end of the log for 90 s\nthe log is stale: nothing has been recorded for 700 s\n' });
  });

  it('is nothing for anybody who asks for something else', async () => {
    await serve();
    expect((await ask(here(), '/')).status).toBe(404);
    expect((await ask(here(), '/metrics/../healthz')).status).toBe(404);
    expect((await ask(here(), '/metrics', 'POST')).status).toBe(405);
    expect(await ask(here(), '/metrics', 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await ask(here(), '/metrics?x=1')).status).toBe(200);
  });
});

describe('the health', () => {
  it.each([
    ['is good while the log is read to its end, however old its last stamp is', {}, []],
    ['is good behind a log that is never read to its end, but whose stamps are of now', { caughtUp: NOW - 3_600_000 }, []],
    ['is good in a silence that is usual here', { heard: NOW - 3_000_000, patience: 3_600_000 }, []],
    ['is bad in one that is not', { heard: NOW - 601_000 }, ['the log is stale: nothing has been recorded for 601 s']],
    ['is bad when nothing has come since the start', { heard: 0 }, ['the log is stale: nothing has been recorded for 7200 s']],
    ['is good just after the start', { heard: 0, started: NOW - 5000 }, []],
    ['is bad when the end of the log is out of reach', { heard: NOW - 61_000, caughtUp: NOW - 61_000 }, ['the agent lags: it has not come to the end of the log for 61 s']],
    ['is bad while nothing is recorded', { audit: { enabled: 0, pid: 0, lost: 0, backlog: 0, backlogLimit: 64, rules: undefined } }, ['auditing is switched off in the kernel', 'no audit daemon runs']],
  ])('%s', (_, more, troubles) => {
    expect(troublesOf(vitals(more))).toEqual(troubles);
  });

  it('is told once an hour as a line of JSON, and not at a terminal', () => {
    vi.useFakeTimers();
    try {
      const lines: string[] = [];
      const seen: string[] = [];
      const report = jsonReport({ write: (text) => void lines.push(text) });
      const terminal = terminalReport((text) => void seen.push(text));
      const end = heartbeat(vitals, (line) => {
        report(line);
        terminal(line);
      });
      vi.advanceTimersByTime(2 * 3_600_000 + 1000);
      end();
      vi.advanceTimersByTime(3 * 3_600_000);
      expect(lines.map((line): unknown => JSON.parse(line))).toEqual(Array.from({ length: 2 }, () => ({ level: 30, time: NOW, type: 'heartbeat', healthy: true, events: 7, known: 3, rejected: 0, behind: 0, edges: 0, incidents: 0, findings: 0, msg: 'watching' })));
      expect(seen).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a unix socket', () => {
  it('is open to its group, gone at the end, and nothing of it is left', async () => {
    const server = await serve();
    expect(statSync(path()).mode & 0o777).toBe(0o660);
    await server.stop();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that nobody is behind any more is replaced', async () => {
    // As kill -9 leaves it.
    const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path())}, () => console.log('up'))`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(path())).toBe(true);
    await serve();
    expect((await ask(here(), '/healthz')).status).toBe(200);
  });

  it('that another program answers stays its own', async () => {
    const other = createServer((socket) => socket.on('error', () => undefined).end('other')).listen(path());
    await once(other, 'listening');
    await serve();
    expect(notices).toEqual([`metrics on unix:${path()}: cannot be had (another program listens there), trying again`]);
    const socket = await connect();
    expect(String((await once(socket, 'data'))[0])).toBe('other');
    await once(other.close(), 'close');
  });

  it('is not put in the place of a file', async () => {
    writeFileSync(path(), 'precious');
    await serve();
    expect(notices).toEqual([`metrics on unix:${path()}: cannot be had (there is something else than a socket), trying again`]);
    expect(readdirSync(dir)).toEqual(['socket']);
  });
});

describe('a client', () => {
  it('that is slow, that sends too much, or that does not read is cut off; others are answered', async () => {
    await serve(vitals, undefined, 300);
    const [silent, slow, deaf, long] = [await connect(), await connect(), await connect(), await connect()];
    slow.write('GET /metrics HTTP/1.1\r\n');
    const drip = setInterval(() => slow.write('x: y\r\n'), 20);
    deaf.pause();
    deaf.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1000));
    long.write(`GET /metrics HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`);
    const cut = [silent, slow, deaf, long].map((socket) => new Promise((resolve) => void (socket.destroyed ? resolve(socket) : socket.resume().once('close', resolve))));
    expect((await ask(here(), '/healthz')).status).toBe(200);
    await Promise.all(cut);
    clearInterval(drip);
  });

  it('is one of sixteen at most', async () => {
    await serve();
    const sockets = await Promise.all(Array.from({ length: 40 }, connect));
    await vi.waitFor(() => expect(sockets.filter((socket) => !socket.resume().closed)).toHaveLength(16), 5000);
    for (const socket of sockets) socket.destroy();
  });
});

describe('the running agent', () => {
  it('does not start with a place that others could reach', async () => {
    const { status, stderr } = await run([process.execPath, builtProgram(), '--metrics', '0.0.0.0:9464', '--auditd', join(dir, 'log'), '--state', join(dir, 'state')]);
    expect([status, stderr]).toEqual([2, "fullmon: --metrics: only an address of the loopback interface or a unix socket is listened on (127.0.0.1:PORT, [::1]:PORT, unix:PATH), got '0.0.0.0:9464'\n"]);
    expect(existsSync(join(dir, 'state'))).toBe(false);
  });

  it('tells how it stands, says why it is not well, and waits for a port that is taken', { timeout: 30_000 }, async () => {
    const log = join(dir, 'audit.log');
    writeFileSync(log, '');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const config = join(dir, 'fullmon.yaml');
    writeFileSync(config, `metrics: 127.0.0.1:${port}\n`);
    const agent = start([process.execPath, builtProgram(), '--config', config, '--auditd', log, '--baseline', '0', '--monitor', '0.2', '--wait', '0.02', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--format', 'json'], { timeout: 20_000 });
    try {
      await agent.says('reading from byte');
      await agent.says(`metrics on 127.0.0.1:${port}: cannot be had (EADDRINUSE), trying again`);
      writeFileSync(config, `metrics: unix:${path()}\n`);
      agent.child.kill('SIGHUP');
      await agent.says(`metrics on unix:${path()}: answering`);
      const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:1)`;
      const lines = [
        record('SYSCALL', syscall({ syscall: '257', a0: 'ffffff9c', a2: '241', pid: '4190001', ppid: '4190000', exe: '"/usr/bin/tee"', auid: '4294967295', ses: '4294967295' })),
        record('CWD', 'cwd="/srv"'), record('PATH', `item=0 name=${Buffer.from('/srv/x"} 1').toString('hex').toUpperCase()} inode=9 dev=fe:00 mode=0100644 nametype=CREATE`), record('PROCTITLE', 'proctitle="tee"'),
      ].map((line) => line.replace(/audit\([^)]*\)/, stamp));
      appendFileSync(log, `${lines.join('\n')}\nno record at all\n`);
      await agent.says('"type":"edge"');
      const samples = parse((await ask(here(), '/metrics')).body);
      expect(Object.fromEntries(['fullmon_healthy', 'fullmon_learning', 'fullmon_events_total', 'fullmon_records_total', 'fullmon_rejected_total{reason="no record"}', 'fullmon_unread_bytes'].map((name) => [name, samples.get(name)]))).toEqual({
        fullmon_healthy: 1, fullmon_learning: 0, fullmon_events_total: 1, fullmon_records_total: 5, 'fullmon_rejected_total{reason="no record"}': 1, fullmon_unread_bytes: 0,
      });
      expect(samples.get('fullmon_last_record_timestamp_seconds')).toBe(Number(/\d+\.\d+/.exec(stamp)?.[0]));
      expect([...samples].filter(([name]) => name.startsWith('fullmon_alerts_total{of="edge"')).reduce((sum, [, n]) => sum + n, 0)).toBe(1);
      expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
      rmSync(log);
      await vi.waitFor(async () => expect(await ask(here(), '/healthz')).toMatchObject({ status: 503, body: 'the log is missing, or cannot be read\n' }), { timeout: 10_000, interval: 50 });
      agent.child.kill('SIGTERM');
      expect((await agent.ended).status).toBe(0);
      expect(existsSync(path())).toBe(false);
    } finally {
      agent.child.kill('SIGKILL');
      taken.close();
    }
  });
});
