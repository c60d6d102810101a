import { once } from 'node:events';
import { chmodSync, lstatSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createConnection, isIPv4 } from 'node:net';
import { REJECTS } from '../audit/losses.ts';
import { SEVERITIES } from '../detect/severity.ts';
import { FullmonError } from '../input/errors.ts';
import { messageOf, unlink } from '../input/files.ts';
import { troublesOf } from './vitals.ts';
import type { Vitals } from './vitals.ts';

/** Where somebody may ask how the agent stands. */
export type MetricsPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** What a unix socket's path may be long, less what its draft takes. Bytes. */
const MAX_PATH = 96;

/** Reads `unix:PATH` or `ADDRESS:PORT`. Throws a {@link FullmonError} for what others could reach: nobody who asks has to say who he is. */
export const readMetricsPlace = (text: string): MetricsPlace => {
  const wrong = (why: string): FullmonError => new FullmonError(`${why}, got '${text.slice(0, 80)}'`);
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!path.startsWith('/') || Buffer.byteLength(path) > MAX_PATH) throw wrong(`expected unix:PATH from the root on, ${MAX_PATH} bytes at most`);
    return { path };
  }
  const [, bare = '', inner = '', digits = ''] = /^(?:([^[\]]*)|\[([^[\]]*)\]):(\d{1,5})$/.exec(text) ?? [];
  const [host, port] = [bare || inner, Number(digits)];
  if (host === '' || port < 1 || port > 65_535) throw wrong('expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH');
  if (host !== '::1' && !(isIPv4(host) && host.startsWith('127.'))) throw wrong('only an address of the loopback interface or a unix socket is listened on (127.0.0.1:PORT, [::1]:PORT, unix:PATH)');
  return { host, port };
};

type Samples = number | undefined | readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

interface Metric {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  /** Undefined where it is not known. Labels are of closed sets, never of what the log says. */
  readonly read: (vitals: Vitals) => Samples;
}

const stamp = (time: number | undefined): number | undefined => (time === undefined || time === 0 ? undefined : time / 1000);

const METRICS: readonly Metric[] = [
  { kind: 'gauge', name: 'fullmon_healthy', help: 'Whether /healthz says so', read: (v) => (troublesOf(v).length === 0 ? 1 : 0) },
  { kind: 'gauge', name: 'fullmon_learning', help: 'Whether it still learns what is normal', read: (v) => (v.isLearning ? 1 : 0) },
  { kind: 'counter', name: 'fullmon_events_total', help: 'Audit events taken in', read: (v) => v.events },
  { kind: 'counter', name: 'fullmon_records_total', help: 'Lines of the log, since its state began', read: (v) => v.losses.lines },
  { kind: 'counter', name: 'fullmon_rejected_total', help: 'Lines that could not be read, since its state began', read: (v) => REJECTS.map((reason) => [{ reason }, v.losses.rejected.get(reason) ?? 0]) },
  { kind: 'counter', name: 'fullmon_evicted_total', help: 'Events finished early since too many were open, since its state began', read: (v) => v.losses.evicted },
  { kind: 'gauge', name: 'fullmon_known_edges', help: 'Edges that are normal', read: (v) => v.edges },
  { kind: 'gauge', name: 'fullmon_last_record_timestamp_seconds', help: 'Stamp of the latest record', read: (v) => stamp(v.heard) },
  { kind: 'gauge', name: 'fullmon_caught_up_timestamp_seconds', help: 'When the end of the log was reached last', read: (v) => stamp(v.caughtUp) },
  { kind: 'gauge', name: 'fullmon_unread_bytes', help: 'Bytes of the log that are written and not read', read: (v) => v.unread },
  { kind: 'gauge', name: 'fullmon_missing_events', help: 'Numbered events that never came', read: (v) => v.holes },
  { kind: 'counter', name: 'fullmon_kernel_lost_total', help: 'Records that the kernel threw away since the boot', read: (v) => v.audit?.lost },
  { kind: 'gauge', name: 'fullmon_kernel_backlog', help: 'Records that wait in the kernel for auditd', read: (v) => v.audit?.backlog },
  { kind: 'gauge', name: 'fullmon_kernel_backlog_limit', help: 'How many may', read: (v) => v.audit?.backlogLimit },
  { kind: 'counter', name: 'fullmon_cycles_total', help: 'Cycles begun', read: (v) => v.told.cycles },
  { kind: 'counter', name: 'fullmon_alerts_total', help: 'Edges told, and incidents opened or risen', read: ({ told }) => SEVERITIES.flatMap((severity) => [[{ of: 'edge', severity }, told.edges.get(severity) ?? 0], [{ of: 'incident', severity }, told.incidents.get(severity) ?? 0]] as const) },
  { kind: 'counter', name: 'fullmon_findings_total', help: 'Findings told', read: ({ told }) => Object.entries(told.findings).flatMap(([kind, counts]) => [...counts].map(([severity, n]) => [{ kind, severity }, n] as const)) },
  { kind: 'gauge', name: 'fullmon_checkpoint_timestamp_seconds', help: 'When the state was saved last', read: (v) => stamp(v.saved?.at) },
  { kind: 'gauge', name: 'fullmon_checkpoint_duration_seconds', help: 'How long that took', read: (v) => v.saved?.took },
  { kind: 'gauge', name: 'process_start_time_seconds', help: 'When it was started', read: (v) => stamp(v.started) },
  { kind: 'gauge', name: 'process_resident_memory_bytes', help: 'Memory it takes', read: () => process.memoryUsage.rss() },
  { kind: 'counter', name: 'process_cpu_seconds_total', help: 'CPU time it took', read: () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 },
];

/** All of it, in the text format of Prometheus. A registry of its own each time: nothing is counted twice, and nothing is counted until somebody asks. */
const render = async (vitals: Vitals): Promise<readonly [type: string, text: string]> => {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { kind, name, help, read } of METRICS) {
    const samples = read(vitals);
    if (samples === undefined) continue;
    const list = typeof samples === 'number' ? [[{}, samples] as const] : samples;
    const configuration = { name, help, registers: [registry], labelNames: Object.keys(list[0]?.[0] ?? {}) };
    const metric = kind === 'counter' ? new Counter(configuration) : new Gauge(configuration);
    for (const [labels, value] of list) metric.inc(labels, value);
  }
  return [registry.contentType, await registry.metrics()];
};

/** A request is a line or two; who takes longer than that (ms), or comes with more, has nothing to ask. */
const PATIENCE = 10_000;
const MAX_HEADER = 8192;
const MAX_CLIENTS = 16;
/** Who asks more often gets the same answer: a client may not take the time that the log needs. Ms. */
const FRESH = 1000;
/** Ms between two tries to listen. */
const AGAIN = 10_000;

/** Is somebody behind this socket? */
const isAnswered = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(path);
    socket.on('error', () => resolve(false)).on('connect', () => {
      resolve(true);
      socket.destroy();
    });
  });

/** Puts a socket in the place of one that nobody is behind any more. Throws for anything else that is there. */
const put = async (draft: string, path: string): Promise<void> => {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket()) throw new Error('there is something else than a socket');
  if (there !== undefined && (await isAnswered(path))) throw new Error('another program listens there');
  renameSync(draft, path);
};

export interface MetricsServer {
  readonly stop: () => Promise<void>;
}

/**
 * Answers `/metrics` and `/healthz`. Resolves when it was tried for the first time; where it cannot listen (another program may have been first)
 * that is told, and tried again: nobody keeps the agent from its work that way. `patience`: ms that a client may take.
 */
export const serveMetrics = async (place: MetricsPlace, take: () => Vitals, notice: (text: string) => void, patience = PATIENCE): Promise<MetricsServer> => {
  let timer: NodeJS.Timeout | undefined;
  let told = '';
  let inode: bigint | undefined;
  let rendered: { readonly at: number; readonly answer: ReturnType<typeof render> } | undefined;
  const name = 'path' in place ? `unix:${place.path}` : `${place.host}:${place.port}`;
  const tell = (text: string): void => {
    if (text !== told) notice(`metrics on ${name}: ${text}`);
    told = text;
  };

  const answer = async ({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reply = (status: number, type: string, body: string): void =>
      void response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store', connection: 'close' }).end(method === 'HEAD' ? '' : body);
    const words = (status: number, text: string): void => reply(status, 'text/plain; charset=utf-8', `${text}\n`);
    if (method !== 'GET' && method !== 'HEAD') return words(405, 'only GET and HEAD');
    switch (url.split('?', 1)[0]) {
      case '/metrics': {
        const now = performance.now();
        if (rendered === undefined || now - rendered.at > FRESH) rendered = { at: now, answer: render(take()) };
        return reply(200, ...(await rendered.answer));
      }
      case '/healthz': {
        const troubles = troublesOf(take());
        return words(troubles.length === 0 ? 200 : 503, troubles.join('\n') || 'ok');
      }
      case undefined: default: return words(404, 'only /metrics and /healthz');
    }
  };

  const server = createServer({ maxHeaderSize: MAX_HEADER }, (request, response) => void answer(request, response)).unref();
  server.maxConnections = MAX_CLIENTS;
  // Else a thousand that come in one piece are all taken up before the first is answered.
  server.maxRequestsPerSocket = 1;
  server.on('error', () => undefined).on('connection', (socket) => {
    // Whatever it is waiting for: the request, or that the answer is read.
    const end = setTimeout(() => socket.destroy(), patience).unref();
    socket.on('close', () => clearTimeout(end));
  });

  const listen = async (): Promise<void> => {
    const draft = 'path' in place ? `${place.path}.${process.pid}` : '';
    try {
      if (draft !== '') unlink(draft);
      server.listen('path' in place ? { path: draft } : place);
      await once(server, 'listening');
      if ('path' in place) {
        // Nobody gets in by its name before its mode is right.
        chmodSync(draft, 0o660);
        await put(draft, place.path);
        inode = lstatSync(place.path, { bigint: true }).ino;
      }
      tell('answering');
    } catch (error) {
      server.close();
      if (draft !== '') unlink(draft);
      tell(`cannot be had (${messageOf(error)}), trying again`);
      timer = setTimeout(() => void listen(), AGAIN).unref();
    }
  };
  await listen();

  return {
    async stop() {
      clearTimeout(timer);
      if ('path' in place && inode !== undefined && lstatSync(place.path, { bigint: true, throwIfNoEntry: false })?.ino === inode) unlink(place.path);
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
};
