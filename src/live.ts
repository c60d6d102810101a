import { setTimeout as sleep } from 'node:timers/promises';
import { parseMounts } from './audit/mounts.ts';
import { openSeam } from './audit/seam.ts';
import { parseStatus } from './audit/status.ts';
import type { AuditStatus } from './audit/status.ts';
import { bytes, ms, pid, ses, uid } from './audit/units.ts';
import type { Schedule } from './baseline/coverage.ts';
import { LATE } from './behaviour/hostnames.ts';
import type { Lookup, ProcessFact } from './behaviour/processes.ts';
import type { Line } from './detect/line.ts';
import { createFullmon } from './fullmon.ts';
import type { Settings } from './fullmon.ts';
import { strangers } from './config/environment.ts';
import { reloading } from './config/reload.ts';
import { FullmonError, inside } from './input/errors.ts';
import { ACCEPTED_FILE } from './input/accepted.ts';
import { AUDITD_LOG, pollAudit } from './input/auditstatus.ts';
import { readContainer, readMounts, readProcess, readProcesses } from './input/proc.ts';
import { STDIN } from './input/replay.ts';
import type { ProcEntry } from './input/proc.ts';
import type { Follower, Position, TailNotice } from './input/tail.ts';
import type { Options } from './config/resolve.ts';
import type { Kept } from './shell/keep.ts';
import { hearing } from './shell/hearing.ts';
import type { Hearing } from './shell/hearing.ts';
import { watchFile } from './shell/logwatch.ts';
import { tellManager } from './shell/manager.ts';
import type { Prepared } from './shell/prepare.ts';
import { checkMetrics, metricsOf } from './shell/metrics.ts';
import { inLog, readAuditSocket, writtenSince } from './shell/place.ts';
import type { Place } from './shell/place.ts';
import { describeLosses, openOutput } from './report/output.ts';
import { countTold, heartbeat } from './report/vitals.ts';
import type { Vitals } from './report/vitals.ts';
import { accepting, ignoring } from './shell/rules.ts';
import type { Trouble } from './shell/rules.ts';

const factOf = (p: ProcEntry): ProcessFact => ({
  pid: pid(p.pid), ppid: pid(p.ppid), exe: bytes(p.exe), argv: p.argv.map(bytes), cwd: bytes(p.cwd),
  login: uid(p.login), euid: uid(p.euid), ses: ses(p.ses), notty: p.notty, unit: bytes(p.unit), container: bytes(p.container),
});

/** Younger processes may be gone before they are asked (seconds). */
const SETTLED = 10;

/**
 * Only processes that have been there for a while: a shell between two pipes leaves no record, and is caught alive now and then. What is
 * known of a parent must not hang on that luck, or its children are new on the day it is caught.
 */
const lookupWith = (seen: Prepared['links'] | undefined): Lookup => ({
  process: (id) => {
    const entry = readProcess(id, seen);
    return entry && entry.age >= SETTLED ? factOf(entry) : undefined;
  },
  container: (id) => bytes(readContainer(id)),
});

/** What root looked at before the agent started. Without that, or a part of it, the agent only learns it from the log. */
const prepared = async (directory: string | undefined, notice: (text: string) => void): Promise<Prepared | undefined> => {
  if (directory === undefined) return undefined;
  const found = (await import('./shell/prepare.ts')).readPrepared(directory);
  if (typeof found !== 'string') return found;
  notice(`${found}: what ran before is learned from the log, as it shows up there`);
  return undefined;
};

/** The agent's state, in the directory it was given; without one, where that can be: who tries fullmon without being root has nothing to keep. */
const openState = async (options: LiveOptions, settings: Settings, output: Hearing, lookup: Lookup): Promise<Kept> => {
  const { keep, STATE_DIRECTORY, unkept } = await import('./shell/keep.ts');
  const directory = options.state ?? STATE_DIRECTORY;
  const distrust = options.publicKey === undefined ? undefined : (await import('./shell/trust.ts')).distrusting(directory, options.publicKey);
  if (distrust && options.reset) throw new FullmonError('--public-key: nothing is learned beside what was signed: leave --reset out');
  try {
    return keep(directory, options.reset, settings, output, lookup, distrust);
  } catch (error) {
    if (!(error instanceof FullmonError) || options.state !== undefined || distrust || process.geteuid?.() === 0) throw error;
    output.notice(`no state is kept, the next start learns again (${error.message})`);
    return unkept(createFullmon(settings, output.tell, lookup));
  }
};

type LiveOptions = Options & {
  /** Begin anew, whatever the state says. */
  readonly reset: boolean;
  /** Directory of `fullmon prepare`. */
  readonly prepared: string | undefined;
};

/** Seconds between two looks at what is mounted. */
const MOUNTS = 30;

/** What the socket told before it was turned to may be in the log only a moment later, or be told late. Ms. */
const OVERLAP = 60_000;

/** Nothing is learned beside what was signed; who asks for it is told so, once. */
const refusing = ({ relearns }: Settings, tell: (text: string) => void): NonNullable<Settings['relearns']> => {
  let isTold = false;
  return (...seen) => {
    if (!isTold && relearns?.(...seen) !== undefined) {
      isTold = true;
      tell('relearn: nothing is learned beside what was signed: sign and import another baseline instead');
    }
    return undefined;
  };
};

/** A hangup of the terminal is an end; a daemon has none, and is told to look at its settings again. */
const isAtTerminal = (): boolean => process.stdin.isTTY || process.stdout.isTTY;

/** `fullmon`: follows a growing log until it is told to stop. `read`: the options as they are now, with each hangup signal. */
export const runLive = async (options: LiveOptions, read: () => Promise<Options>): Promise<void> => {
  const socket = inside('--auditd', () => readAuditSocket(options.auditd));
  await checkMetrics(options);
  const { count, told } = countTold();
  const printed = openOutput(options.format, { buffered: false, lasting: true });
  const output = hearing({
    ...printed,
    tell(line) {
      count(line);
      printed.tell(line);
    },
  });
  const configured: Trouble = (text, severity = 'medium') => output.tell({ type: 'finding', time: ms(Date.now()), kind: 'config', severity, text });
  const reload = reloading(options, read, configured);
  if (!isAtTerminal()) process.on('SIGHUP', () => void reload.reload());
  for (const text of await strangers(process.env)) output.notice(text);
  let ignored = await ignoring(options.ignore, configured);
  const manager = tellManager();
  const root = await prepared(options.prepared, output.notice);
  // What runs by the clock is asked for the list of what has not come yet, when learning ends: the log does not wait for systemd's answer.
  const schedules: Schedule[] = [];
  const { settings: asked, refresh } = await accepting({ ...options, ignored: (...edge) => ignored(...edge), schedules }, options.accepted ?? ACCEPTED_FILE, configured);
  const settings = options.publicKey === undefined ? asked : { ...asked, relearns: refusing(asked, configured) };
  let isBlind = false;
  const tell = (line: Line): void => {
    if (line.type === 'finding' && line.kind === 'gap') isBlind = true;
    output.tell(line);
  };
  const { directory, fullmon, resumed, checkpoint: save, saved, close } = await openState(options, settings, { ...output, tell }, lookupWith(root?.links));
  await output.open(options.sinks, directory);
  const asking = new AbortController();
  void import('./input/schedules.ts').then(async ({ readJobs }) => schedules.push(...(await readJobs(root?.jobs, asking.signal))));
  reload.add({
    async change(changed) {
      ignored = await ignoring(changed.ignore, configured);
      fullmon.change(changed);
    },
  });
  reload.add({ change: ({ sinks }) => output.reopen(sinks) });
  const lookAround = (): void => {
    const { processes, lastPid } = readProcesses(root?.links);
    fullmon.know(processes.map(factOf), lastPid === undefined ? undefined : pid(lastPid));
    isBlind = false;
  };
  // When it goes on, the log itself tells who has been started since it was left.
  if (resumed?.position === undefined) lookAround();
  const log = watchFile(options.auditd, resumed !== undefined, tell, output.notice, fullmon.pause);
  let follower: Follower | undefined;
  const before = resumed?.position;
  let since = before !== undefined && 'since' in before ? before.since : Date.now();
  const seam = socket && openSeam(fullmon.feed, fullmon.endFile, () => fullmon.resume('lost'), before !== undefined && 'taken' in before ? before.taken : []);
  /** Where the log is read from at first; until something has been taken, that is the place. */
  let begun: Position | undefined;
  const position = (): Place | undefined => {
    if (seam === undefined) return follower?.position();
    const taken = seam.save();
    return taken.length === 0 ? begun : { since, taken };
  };
  /** Of the last byte read: what is held back leaves the log behind, but not what was taken in. */
  const here = (): (() => Place | undefined) => {
    if (held === undefined || seam !== undefined) return position;
    const at = position();
    return () => at;
  };
  const names = options.dns.length === 0 ? undefined : await (await import('./shell/sources.ts')).followNames(options.dns, options.auditd, fullmon.hostnames, options.wait, output.notice);
  // Answers come by another way, and may come later than the connection that was made with them.
  const held = names && (await import('./input/holdback.ts')).holdBack(LATE);
  const inOrder = (act: () => void): void => (held === undefined ? act() : held.add(act));
  const started = Date.now();
  let caughtUp = started;
  let status: AuditStatus | undefined;
  const vitals = (): Vitals => {
    const { phase, events, edges, holes, heard, patience } = fullmon.state();
    return {
      now: Date.now(), started, isLearning: phase !== 'monitoring', events, edges, holes, losses: fullmon.losses, heard, patience,
      caughtUp, unread: follower?.unread(), isCutOff: log.standsStill(), audit: status, saved: saved(), told,
    };
  };
  const idle = (): void => {
    manager.alive();
    const now = ms(Date.now());
    const at = here();
    inOrder(() => {
      caughtUp = now;
      refresh();
      // Who was started in a gap is only known to /proc, but what is in the log already comes first.
      if (isBlind) lookAround();
      if (!log.standsStill()) fullmon.tick(now);
      save(at);
    });
  };
  const take = (bytes: Buffer, at: () => Place | undefined): void => {
    log.fed();
    (seam ?? fullmon).feed(bytes);
    save(at);
  };
  const chunk = (bytes: Buffer): void => {
    manager.alive();
    if (held === undefined) return take(bytes, position);
    const copy = Buffer.from(bytes);
    const at = here();
    held.add(() => take(copy, at), copy.length);
  };

  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', ...(isAtTerminal() ? ['SIGHUP'] as const : [])] as const) process.on(signal, () => resolve());
  });
  await names?.ready;
  const metrics = metricsOf(vitals, output.notice);
  await metrics.change(options);
  reload.add(metrics);
  await reload.begin();
  const unasked = pollAudit(
    options.auditd === STDIN ? undefined : socket?.log ?? options.auditd,
    {
      heard(said, rules) {
        status = parseStatus(said, rules);
        if (status !== undefined) fullmon.audit(status, ms(Date.now()));
      },
      unheard(isUnheard) {
        if (isUnheard) status = undefined;
        output.tell({
          type: 'finding', time: ms(Date.now()), kind: 'audit', severity: isUnheard ? 'medium' : 'low',
          text: isUnheard ? 'how auditing stands is not known any more: nobody answers (fullmon-audit.timer, auditctl -s)' : 'how auditing stands is known again',
        });
      },
    },
    root && options.prepared !== undefined ? { answer: (await import('./shell/prepare.ts')).answerIn(options.prepared), log: root.log } : undefined,
  );
  const mounts = setInterval(() => {
    const all = parseMounts(readMounts());
    // Those of the machine that writes the log.
    const isLocal = socket !== undefined || options.auditd === AUDITD_LOG || status !== undefined;
    if (isLocal && all.length > 0) fullmon.mounted(all, ms(Date.now()));
  }, MOUNTS * 1000).unref();
  const quiet = heartbeat(vitals, output.tell);
  if (options.auditd === STDIN) {
    if (resumed) fullmon.resume('paused');
    manager.ready('reading records from stdin');
    await fromStdin(chunk, idle, options.wait, stop);
  } else {
    let lost = false;
    const heed = (n: TailNotice): void => {
      if (n.kind === 'lost') lost = true;
      // The file that was being read is still read to its end before that.
      if (n.kind === 'truncated' || (lost && (n.kind === 'opened' || n.kind === 'rotated'))) {
        fullmon.resume('lost');
        lost = false;
      }
      log.heed(n);
    };
    const notice = (n: TailNotice): void => {
      inOrder(() => heed(n));
      // Whether or not there is a log: one that is missing is waited for, and told.
      manager.ready(n.kind === 'opened' ? `following ${options.auditd}` : `${options.auditd}: ${n.kind}`);
    };
    if (resumed !== undefined && before === undefined) fullmon.resume('paused');
    const taken = before !== undefined && 'taken' in before && before.taken.length > 0 ? writtenSince(before.since) : undefined;
    const from = inLog(before) ?? taken ?? 'end';
    /** Before anything is said of the log: whoever is killed from then on goes on from there. */
    const begin = (): void => save(position);
    if (seam === undefined || socket === undefined) {
      // Nobody knows how much of it the socket has told.
      if (taken !== undefined) fullmon.resume('paused');
      follower = (await import('./input/tail.ts')).follow(options.auditd, { wait: options.wait, from }, { chunk, fileEnd: () => inOrder(fullmon.endFile), idle, notice });
      begin();
      await stop;
      await follower.stop();
    } else {
      const turn = (to: 'log' | 'socket'): void => {
        const now = Date.now();
        inOrder(() => {
          if (to === 'socket') {
            since = now - OVERLAP;
            log.heed({ kind: 'recovered' });
          }
          seam.turn(to);
        });
      };
      const stream = (await import('./shell/auditsocket.ts')).followSocket(socket, options.wait, from, () => since, { chunk, turn, missing: seam.missing, fileEnd: () => inOrder(seam.endFile), heed: notice, idle, notice: output.notice });
      ({ begun } = stream);
      begin();
      await stop;
      await stream.stop();
    }
  }
  unasked();
  asking.abort();
  manager.stop();
  clearInterval(mounts);
  quiet();
  await metrics.stop();
  log.stop();
  await names?.stop();
  held?.flush();
  close(position());
  await output.end();
  const lost = describeLosses(fullmon.losses);
  if (lost !== undefined) output.notice(lost);
};

/** Records as auditd hands them to a plugin; the end of input ends the agent. */
const fromStdin = async (feed: (chunk: Buffer) => void, idle: () => void, wait: number, stop: Promise<void>): Promise<void> => {
  let quiet = true;
  const timer = setInterval(() => {
    if (quiet) idle();
    quiet = true;
  }, wait * 1000);
  process.stdin.on('data', (chunk: Buffer) => {
    quiet = false;
    feed(chunk);
  });
  const end = new Promise<void>((resolve, reject) => {
    process.stdin.on('end', resolve).on('error', reject);
  });
  // What is in the pipe already is still read.
  await Promise.race([end, stop.then(() => sleep(wait * 1000))]);
  clearInterval(timer);
  process.stdin.destroy();
};
