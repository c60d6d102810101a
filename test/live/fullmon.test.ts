import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { closeSync, copyFileSync, existsSync, linkSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startAudit, whyNot, type LiveAudit, type LiveOptions } from './harness.ts';

/** What these tests read of a line of fullmon's; times in ms. */
interface Line {
  readonly level: number;
  readonly type: string;
  readonly msg: string;
  readonly time: number;
  readonly first: number;
  readonly count: number;
  readonly pid: number;
}

interface Agent {
  readonly lines: () => readonly Line[];
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly send: (signal: NodeJS.Signals) => void;
  /** Exit status, once it has ended. */
  readonly ended: () => Promise<number | null>;
}

const why = whyNot();
const root = fileURLToPath(new URL('../..', import.meta.url));

const read = (path: string): string => readFileSync(path, 'utf8');
const parse = (text: string): readonly Line[] => text.split('\n').slice(0, -1).map((line): Line => JSON.parse(line));
/** The shell that logs in was started unaudited: what is known of it, and so who starts the script, hangs on how soon /proc is asked. */
const LOGIN = /^proc::(\d+\/0):\/usr\/bin\/bash\S*(?: -c@bash)?->proc::\1:\/usr\/bin\/bash -c@bash$/;
const edges = (lines: readonly Line[]): readonly Line[] => lines.filter(({ type, msg }) => type === 'edge' && !LOGIN.test(msg));
const objects = (lines: readonly Line[]): readonly string[] => edges(lines).map(({ msg }) => msg.slice(msg.indexOf('->') + 2)).toSorted();
const count = (lines: readonly Line[], phase: string): number => lines.filter(({ msg }) => msg === phase).length;

/** The files that auditd wrote, oldest first. */
const chain = (log: string): readonly string[] =>
  readdirSync(dirname(log))
    .filter((name) => /^audit\.log(\.\d+)?$/.test(name))
    .toSorted((a, b) => Number(/\d+$/.exec(b)?.[0] ?? 0) - Number(/\d+$/.exec(a)?.[0] ?? 0))
    .map((name) => join(dirname(log), name));

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 100 });

describe.skipIf(why !== undefined)(`fullmon beside a real auditd${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 400_000 }, () => {
  let dir = '';
  let main = '';
  let live: LiveAudit | undefined;
  const agents: ChildProcess[] = [];
  const servers: Server[] = [];

  // As it is installed: the bundle of these sources beside package.json, without libraries.
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'fullmon-built-'));
    main = join(dir, 'dist', 'main.js');
    const { status, stderr } = spawnSync(join(root, 'node_modules/.bin/rolldown'), ['--config', 'rolldown.config.js', '-d', dirname(main)], { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    copyFileSync(join(root, 'package.json'), join(dir, 'package.json'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.kill('SIGKILL');
    for (const server of servers.splice(0)) server.close();
    await live?.stop();
  }, 60_000);

  const start = async (options?: LiveOptions): Promise<LiveAudit> => (live = await startAudit(options));
  const place = (): string => mkdtempSync(join(dir, 'place-'));

  /** A port of this machine that accepts connections. */
  const serve = async (): Promise<number> => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };

  /** Its output goes to files: a slow reader of a pipe would hold it up. */
  const fullmon = (...args: readonly string[]): Agent => {
    const own = place();
    const [out, err] = [join(own, 'stdout'), join(own, 'stderr')];
    const [stdout, stderr] = [openSync(out, 'w'), openSync(err, 'w')];
    const child = spawn(process.execPath, [main, ...args, ...(args[0] === 'replay' ? [] : ['--state', join(own, 'state')]), '--format', 'json'], { stdio: ['ignore', stdout, stderr] });
    for (const fd of [stdout, stderr]) closeSync(fd);
    agents.push(child);
    const exit = once(child, 'exit');
    return {
      lines: () => parse(read(out)), stdout: () => read(out), stderr: () => read(err),
      send: (signal) => child.kill(signal), ended: () => exit.then(() => child.exitCode),
    };
  };

  /** Follows the log, from its present end. */
  const watch = async (log: string, baseline: number): Promise<Agent> => {
    const agent = fullmon('--auditd', log, '--baseline', `${baseline}`, '--monitor', '5', '--flood', '0');
    await until(() => expect(agent.stderr()).toMatch(/reading from byte [1-9]/));
    return agent;
  };

  it('learns ordinary work, keeps silent about it, and tells what is new when its cycle closes', async () => {
    const audit = await start();
    const [known, unknown] = [await serve(), await serve()];
    const here = place();
    const agent = await watch(audit.log, 20);

    const work = audit.run(
      `for ((i = 0; ; i++)); do
         [ ! -e ${here}/enough ] || exit 0
         sum=$(md5sum <<< $i); name=${here}/sess_\${sum%% *}
         date > $name; exec 3<>/dev/tcp/127.0.0.1/${known}; exec 3>&-; rm $name
         sleep 0.3
       done`,
      300_000,
    );
    await until(() => expect(count(agent.lines(), 'collect')).toBe(1));
    expect(agent.lines().filter(({ type, msg }) => type === 'phase' && !msg.startsWith('+ignore')).map(({ msg }) => msg)).toEqual(['baseline', 'normalize', 'prepare', 'collect']);
    expect(agent.lines().filter(({ msg }) => msg === `+ignore ^${here}/sess_[0-9a-f]{32}$`)).toHaveLength(2);

    await until(() => expect(count(agent.lines(), 'collect')).toBeGreaterThan(2));
    expect(edges(agent.lines())).toEqual([]);

    await audit.run(`id; echo > ${here}/implant; exec 3<>/dev/tcp/127.0.0.1/${unknown}`);
    const shell = `proc::${audit.auid}/0:/usr/bin/bash -c@bash`;
    const news = [`${shell}->file:CREATE:${here}/implant`, `${shell}->host:127.0.0.1:${unknown}`, `${shell}->proc::${audit.auid}/0:/usr/bin/id@bash`];
    await until(() => expect(edges(agent.lines()).map(({ msg }) => msg).toSorted()).toEqual(news));
    for (const { level, time, first } of edges(agent.lines())) {
      expect(level).toBe(40);
      expect(time).toBeGreaterThanOrEqual(first);
      expect(time - first).toBeLessThanOrEqual(5000);
    }

    await audit.run('uname');
    agent.send('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(edges(agent.lines()).at(-1)?.msg).toBe(`${shell}->proc::${audit.auid}/0:/usr/bin/uname@bash`);
    expect(edges(agent.lines())).toHaveLength(4);
    writeFileSync(join(here, 'enough'), '');
    expect(await work).toMatchObject({ status: 0 });
  });

  it('tells live, through dozens of rotations, what a replay of the same files tells', async () => {
    const audit = await start({ logs: 99 });
    const here = place();
    const agent = await watch(audit.log, 0);
    // Two at a time, so that records interleave; every name is used once.
    const load = (round: number): Promise<unknown> =>
      Promise.all(
        [1, 2].map((n) =>
          audit.run(
            `mkdir ${here}/${n}; cd ${here}/${n}
             for i in {1..4000}; do
               : > made-${round}-$i
               (( i % 4 )) || : 2> /dev/null > /dev/udp/127.${n}.$((i / 200)).$((i % 200))/1${round}
               (( i % 80 )) || { cp /usr/bin/true true-${round}-$i; ./true-${round}-$i; }
             done
             rm -r ${here}/${n}`,
            240_000,
          ),
        ),
      );
    await load(1);
    // Far behind, it finds a dozen files waiting.
    agent.send('SIGSTOP');
    await load(2);
    agent.send('SIGCONT');
    await until(() => expect(agent.stdout().includes('/made-2-4000')).toBe(true));
    await load(3);
    agent.send('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(agent.stderr()).not.toContain('lost');

    const files = chain(audit.log);
    expect(files.length).toBeGreaterThan(20);
    const replay = fullmon('replay', ...files, '--baseline', '0', '--monitor', '5', '--flood', '0');
    expect(await replay.ended()).toBe(0);
    // Cycles begin with the first event that was read, which is not the same; so an edge that comes again may be told again by one alone.
    const told = (lines: readonly Line[]): readonly string[] => [...new Map(edges(lines).toReversed().map(({ msg, first, pid }) => [msg, `${msg} ${pid} ${first}`])).values()].toSorted();
    const lived = agent.lines();
    expect(told(lived)).toEqual(told(replay.lines()));

    const made = edges(lived).filter(({ msg }) => /->file:(?:CREATE|DELETE):.*\/made-\d-\d+$|->host:127/.test(msg));
    expect(made).toHaveLength(3 * 2 * (4000 + 4000 + 1000));
    expect(made.filter(({ count }) => count !== 1)).toEqual([]);
  });

  it('says that records may be lost when auditd has deleted what it had not read, and goes on', async () => {
    const audit = await start({ logs: 3 });
    const here = place();
    const agent = await watch(audit.log, 0);
    agent.send('SIGSTOP');
    await audit.run(`cd ${here}; for i in {1..6000}; do : > made-$i; done`);
    agent.send('SIGCONT');
    await until(() => expect(agent.stdout()).toContain('records may be lost'));
    await audit.run('uname');
    agent.send('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(objects(agent.lines())).toContain(`proc::${audit.auid}/0:/usr/bin/uname@bash`);
    expect(objects(agent.lines())).toContain(`file:CREATE:${here}/made-6000`);
  });

  it('reads what auditd hands to it as its plugin, and ends with it', async () => {
    const here = place();
    const plugin = join(here, 'plugin');
    const args = `--auditd - --baseline 0 --monitor 3600 --format json --state ${here}/state`;
    writeFileSync(plugin, `#!/bin/sh\n${process.execPath} ${main} ${args} > ${here}/out 2> ${here}/err\necho $? > ${here}/status\n`, { mode: 0o750 });
    const audit = await start({ plugin });
    await audit.run(`echo > ${here}/made; uname`);
    await audit.stop();
    await until(() => expect(existsSync(join(here, 'status'))).toBe(true));
    expect(read(join(here, 'status'))).toBe('0\n');
    expect(read(join(here, 'err'))).toBe('');
    expect(objects(parse(read(join(here, 'out'))))).toEqual(expect.arrayContaining([`file:CREATE:${here}/made`, `proc::${audit.auid}/0:/usr/bin/uname@bash`]));
  });

  it('waits for a log that is not there yet, and reads it from its first byte', async () => {
    const audit = await start();
    const here = place();
    const agent = fullmon('--auditd', join(here, 'audit.log'), '--baseline', '0', '--monitor', '5');
    await until(() => expect(agent.stderr()).toContain('no such file yet'));
    await audit.run(`echo > ${here}/before`);
    linkSync(audit.log, join(here, 'audit.log'));
    await until(() => expect(agent.stderr()).toContain('reading from byte 0'));
    await audit.run(`echo > ${here}/after`);
    agent.send('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(objects(agent.lines())).toEqual(expect.arrayContaining([`file:CREATE:${here}/before`, `file:CREATE:${here}/after`]));
  });

  it.skipIf(spawnSync('dnsmasq', ['--version']).error !== undefined)('calls a host by the name that a real dnsmasq was asked for', async () => {
    const audit = await start();
    const log = join(place(), 'dnsmasq.log');
    const port = 20_000 + (process.pid % 10_000);
    agents.push(
      spawn('dnsmasq', [
        '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root', '--pid-file', '--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`,
        '--log-queries=extra', `--log-facility=${log}`, '--address=/api.example.test/198.51.100.7',
      ], { stdio: 'ignore' }),
    );
    const agent = fullmon('--auditd', audit.log, '--dns', log, '--baseline', '0', '--monitor', '5');
    await until(() => expect(agent.stderr()).toContain('reading from byte'));
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${port}`]);
    await vi.waitFor(async () => expect(await resolver.resolve4('api.example.test')).toEqual(['198.51.100.7']), 10_000);
    // Nothing leaves this machine: the addresses are those of a loopback of their own.
    const connects = ['198.51.100.7', '198.51.100.8'].map((address) => `ip addr add ${address}/32 dev lo; (exec 3<>/dev/tcp/${address}/80)`);
    await audit.run(`unshare -n bash -c 'ip link set lo up; ${connects.join('; ')}'`);
    agent.send('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(objects(agent.lines()).filter((object) => object.startsWith('host:'))).toEqual(['host:198.51.100.8:80', 'host:api.example.test:80']);
  });
});
