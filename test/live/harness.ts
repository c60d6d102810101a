import { execFile, spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** `format`: RAW (default) or ENRICHED. `logs`: files auditd keeps, each of 1 MB, the one it writes to included (5). */
export interface LiveOptions {
  readonly format?: 'RAW' | 'ENRICHED';
  readonly logs?: number;
  /** As Debian's auditd.conf has it: five files of 8 MB, written through now and then; `format` and `logs` do not count. */
  readonly packaged?: boolean;
  /** A program that auditd starts and hands all records to. */
  readonly plugin?: string;
  /** Where auditd's plugin af_unix makes the socket that gives all records away. */
  readonly socket?: string;
  /** Scripts run in a throw-away copy of this machine that has a network of its own, loopback only (see room.sh). */
  readonly room?: boolean;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LiveAudit {
  /** The file that auditd writes; the rotated ones are beside it with .1 and so on. Gone after stop. */
  readonly log: string;
  /** The login uid that the rules are limited to: all that `run` starts has it, daemons included. */
  readonly auid: number;
  /**
   * Runs a bash script and resolves once all it caused until it ended is in the log. Several may run at a time.
   * Rejects after `timeout` ms (60000), having killed the script's process group.
   */
  readonly run: (script: string, timeout?: number) => Promise<Ran>;
  /** Command and arguments that start a program, unaudited, in the network that the scripts have. */
  readonly beside: readonly string[];
  /** Ends what the scripts left running and auditd, deletes the rules, switches auditing off. May be called twice. */
  readonly stop: () => Promise<void>;
}

const CLEAN = ['env', '-i', 'HOME=/root', `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`];

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Why there can be no live audit here, or undefined. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  const { status, error, stderr } = spawnSync('auditctl', ['-s'], { encoding: 'utf8' });
  if (error) return 'auditd is not installed';
  if (status !== 0) return `the kernel refuses audit: ${stderr.trim()}`;
  return undefined;
}

/**
 * Starts a real auditd on this kernel with this project's audit.rules, every rule limited to one login uid of our own.
 * Waits while another live test runs. Rejects where `whyNot` speaks, and where an audit daemon or rules are at work.
 */
export async function startAudit({ format = 'RAW', logs = 5, plugin, socket, room = false, packaged = false }: LiveOptions = {}): Promise<LiveAudit> {
  const why = whyNot();
  if (why !== undefined) throw new Error(`no live audit: ${why}`);
  const dir = mkdtempSync(join(tmpdir(), 'fullmon-live-'));
  const log = join(dir, 'audit.log');
  const auid = 1_000_000 + process.pid;
  mkdirSync(join(dir, 'plugins'));
  const attached = { active: 'yes', direction: 'out', path: plugin, type: 'always', format: 'string' };
  if (plugin !== undefined) writeFileSync(join(dir, 'plugins', 'plugin.conf'), lines(attached), { mode: 0o640 });
  const builtin = { active: 'yes', direction: 'out', path: 'builtin_af_unix', type: 'builtin', args: `0660 ${socket}`, format: 'string' };
  if (socket !== undefined) writeFileSync(join(dir, 'plugins', 'af_unix.conf'), lines(builtin), { mode: 0o640 });
  writeFileSync(join(dir, 'auditd.conf'), configuration(dir, log, packaged ? { log_format: 'ENRICHED', flush: 'INCREMENTAL_ASYNC', freq: 50, max_log_file: 8, num_logs: 5 } : { log_format: format, flush: 'none', max_log_file: 1, num_logs: logs }), { mode: 0o640 });

  const holder = room ? spawn(file('room.sh'), [dir, String(auid)], { stdio: ['pipe', 'pipe', 'inherit'] }) : undefined;
  const furnished = holder && (await firstLine(holder, 'room.sh'));
  const first = /^ready (\d+)$/.exec(furnished ?? '')?.[1];
  if (furnished !== undefined && first === undefined) {
    rmSync(dir, { recursive: true, force: true });
    throw new Error(furnished);
  }
  const inside = first === undefined ? [] : ['nsenter', '--target', first, '--mount', '--net', '--ipc', '--uts', '--pid', '--', ...CLEAN];
  const beside = first === undefined ? [] : ['nsenter', '--target', first, '--net', '--'];
  const rules = readFileSync(file('../../audit.rules'), 'utf8');
  writeFileSync(join(dir, 'scoped.rules'), scoped(rules, auid, first === undefined ? '/' : `/proc/${first}/root`), { mode: 0o640 });

  const guard = spawn(file('guard.sh'), [dir, String(auid), ...(first === undefined ? [] : [first])], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const gone = once(guard, 'exit');
  const stop = async (): Promise<void> => {
    guard.stdin.end();
    await gone;
    holder?.stdin.end();
  };
  const answer = await firstLine(guard, 'guard.sh');
  if (answer !== 'ready') {
    await stop();
    throw new Error(`no live audit: ${answer}`);
  }
  const run = async (script: string, timeout = 60_000): Promise<Ran> => {
    const ran = await runAs(auid, dir, inside, script, timeout);
    await written(log);
    return ran;
  };
  return { log, auid, run, beside, stop };
}

const firstLine = async (child: ChildProcessByStdio<Writable, Readable, null>, name: string): Promise<string> => {
  const said = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), once(child, 'exit').then(() => [`${name} ended`])]);
  return String(said[0]).trim();
};

const lines = (settings: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');

/** A configuration that rotates and never suspends or halts anything, however full the disk. */
const configuration = (dir: string, log: string, writing: Readonly<Record<string, string | number>>): string =>
  lines({
    ...writing,
    log_file: log,
    max_log_file_action: 'rotate',
    plugin_dir: join(dir, 'plugins'),
    space_left: 2,
    admin_space_left: 1,
    space_left_action: 'ignore',
    admin_space_left_action: 'ignore',
    disk_full_action: 'ignore',
    disk_error_action: 'ignore',
  });

/**
 * The rules with a login uid added to each; the kernel's waiting time for a slow auditd stays its own.
 * Without -i, so that every line has to load; one about a directory that this machine lacks cannot.
 */
const scoped = (rules: string, auid: number, root: string): string =>
  rules
    .split('\n')
    .filter((line) => /^-(a|D|b|f)\b/.test(line) && existsSync(join(root, / dir=(\S+)| path=(\S+)\/[^/]+ /.exec(line)?.slice(1).join('') ?? '/')))
    .map((line) => (line.startsWith('-a') ? `${line} -F auid=${auid}\n` : `${line}\n`))
    .join('');

/** Output goes through files: a daemon that the script leaves behind may keep them open. */
async function runAs(auid: number, dir: string, inside: readonly string[], script: string, timeout: number): Promise<Ran> {
  const own = mkdtempSync(join(dir, 'run-'));
  const out = join(own, 'stdout');
  const err = join(own, 'stderr');
  const [stdout, stderr] = [openSync(out, 'w'), openSync(err, 'w')];
  const login = 'echo "$1" > /proc/self/loginuid && exec bash -c "$2"';
  const [command = 'bash', ...args] = [...inside, 'bash', '-c', login, 'bash', String(auid), script];
  const child = spawn(command, args, { stdio: ['ignore', stdout, stderr], detached: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, timeout);
  await once(child, 'exit');
  clearTimeout(timer);
  for (const fd of [stdout, stderr]) closeSync(fd);
  if (late) throw new Error(`still running after ${timeout} ms: ${script}`);
  return { status: child.exitCode, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8') };
}

/** Waits until auditd has written a message sent now: the kernel keeps the order, so all before it is written too. */
async function written(log: string): Promise<void> {
  const mark = `fullmon-live-${process.hrtime.bigint()}`;
  await promisify(execFile)('auditctl', ['-m', mark]);
  for (let tries = 0; tries < 1500; tries++) {
    // It may be moved on several times before it is looked for, where the machine is slow.
    for (const path of [log, ...(tries < 100 ? [1] : [1, 2, 3, 4]).map((n) => `${log}.${n}`)]) if (existsSync(path) && readFileSync(path).includes(mark)) return;
    await sleep(20);
  }
  throw new Error('auditd has been silent for 30 s');
}
