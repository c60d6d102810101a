import { ms } from './audit/units.ts';
import type { Schedule } from './baseline/coverage.ts';
import { LATE } from './behaviour/hostnames.ts';
import type { Lookup } from './behaviour/processes.ts';
import { strangers } from './config/environment.ts';
import { reloading } from './config/reload.ts';
import type { Options } from './config/resolve.ts';
import type { Line } from './detect/line.ts';
import { createFullmon } from './fullmon.ts';
import type { Fullmon, Settings } from './fullmon.ts';
import { ACCEPTED_FILE } from './input/accepted.ts';
import { AUDITD_LOG } from './input/auditstatus.ts';
import { FullmonError, inside } from './input/errors.ts';
import { STDIN } from './input/replay.ts';
import { describeLosses, openOutput } from './report/output.ts';
import { countTold, heartbeat } from './report/vitals.ts';
import type { Vitals } from './report/vitals.ts';
import { hearing } from './shell/hearing.ts';
import type { Hearing } from './shell/hearing.ts';
import type { Kept } from './shell/keep.ts';
import { askKernel } from './shell/kernel.ts';
import { watchFile } from './shell/logwatch.ts';
import { tellManager } from './shell/manager.ts';
import { checkMetrics, metricsOf } from './shell/metrics.ts';
import { readAuditSocket } from './shell/place.ts';
import type { AuditSocket, Place } from './shell/place.ts';
import type { Prepared } from './shell/prepare.ts';
import type { Records } from './shell/records.ts';
import { accepting, ignoring } from './shell/rules.ts';
import type { Trouble } from './shell/rules.ts';
import { knowAll, lookupWith } from './shell/running.ts';

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

/** `before`: the place where they were left. */
const recordsOf = async ({ auditd, wait }: Options, socket: AuditSocket | undefined, before: Place | undefined, fullmon: Fullmon, notice: (text: string) => void): Promise<Records> => {
  if (auditd === STDIN) return (await import('./shell/fromstdin.ts')).fromStdin(fullmon, wait);
  if (socket === undefined) return (await import('./shell/fromlog.ts')).fromLog(auditd, wait, before, fullmon);
  return (await import('./shell/fromsocket.ts')).fromSocket(socket, wait, before, fullmon, notice);
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
    knowAll(fullmon, root?.links);
    isBlind = false;
  };
  // When it goes on, the log itself tells who has been started since it was left.
  if (resumed?.position === undefined) lookAround();
  const log = watchFile(options.auditd, resumed !== undefined, tell, output.notice, fullmon);
  const names = options.dns.length === 0 ? undefined : await (await import('./shell/sources.ts')).followNames(options.dns, options.auditd, fullmon.hostnames, options.wait, output.notice);
  // Answers come by another way, and may come later than the connection that was made with them.
  const held = names && (await import('./input/holdback.ts')).holdBack(LATE);
  const isPiped = options.auditd === STDIN;
  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', ...(isAtTerminal() ? ['SIGHUP'] as const : [])] as const) process.on(signal, () => resolve());
  });
  const records = await recordsOf(options, socket, resumed?.position, fullmon, output.notice);
  await names?.ready;
  const kernel = askKernel(
    isPiped ? undefined : socket?.log ?? options.auditd, socket !== undefined || options.auditd === AUDITD_LOG, fullmon, output.tell,
    root && options.prepared !== undefined ? { answer: (await import('./shell/prepare.ts')).answerIn(options.prepared), log: root.log } : undefined,
  );
  const started = Date.now();
  let caughtUp = started;
  const vitals = (): Vitals => {
    const { phase, events, edges, holes, heard, patience } = fullmon.state();
    return {
      now: Date.now(), started, isLearning: phase !== 'monitoring', events, edges, holes, losses: fullmon.losses, heard, patience,
      caughtUp, unread: records.unread(), isCutOff: log.standsStill(), audit: kernel.status(), saved: saved(), told,
    };
  };
  const metrics = metricsOf(vitals, output.notice);
  await metrics.change(options);
  reload.add(metrics);
  await reload.begin();
  const quiet = heartbeat(vitals, output.tell);

  const inOrder = (act: () => void, size?: number): void => (held === undefined ? act() : held.add(act, size));
  // It is not known how what comes now goes on.
  if (resumed !== undefined && (isPiped || resumed.position === undefined)) fullmon.resume('paused');
  await records.begin({
    chunk(bytes) {
      manager.alive();
      const copy = held === undefined ? bytes : Buffer.from(bytes);
      const at = records.place();
      inOrder(() => {
        log.fed();
        records.feed(copy);
        save(at);
      }, copy.length);
    },
    idle() {
      manager.alive();
      const now = ms(Date.now());
      const at = records.place();
      inOrder(() => {
        caughtUp = now;
        refresh();
        // Who was started in a gap is only known to /proc, but what is in the log already comes first.
        if (isBlind) lookAround();
        if (!log.standsStill()) fullmon.tick(now);
        save(at);
      });
    },
    fileEnd: () => inOrder(records.endFile),
    notice(n) {
      inOrder(() => log.heed(n));
      // Whether or not there is a log: one that is missing is waited for, and told.
      manager.ready(n.kind === 'opened' ? `following ${options.auditd}` : `${options.auditd}: ${n.kind}`);
    },
    inOrder,
    ready: manager.ready,
  });
  // Before anything is said of the log: whoever is killed from then on goes on from there.
  save(records.place());
  await Promise.race([records.ended, stop]);
  await records.stop();

  kernel.stop();
  asking.abort();
  manager.stop();
  quiet();
  await metrics.stop();
  log.stop();
  await names?.stop();
  held?.flush();
  close(records.place()());
  await output.end();
  const lost = describeLosses(fullmon.losses);
  if (lost !== undefined) output.notice(lost);
};
