import { setTimeout as sleep } from 'node:timers/promises';
import { bytes, ms, pid, ses, uid } from './audit/units.ts';
import type { Pid } from './audit/units.ts';
import type { ProcessFact } from './behaviour/processes.ts';
import { createFullmon } from './fullmon.ts';
import { readProcess, readProcesses } from './input/proc.ts';
import { STDIN } from './input/replay.ts';
import type { ProcEntry } from './input/proc.ts';
import type { Loss, TailNotice } from './input/tail.ts';
import { describeLosses, openOutput } from './report/output.ts';
import { readSettings } from './settings.ts';
import type { Options } from './settings.ts';

const factOf = (p: ProcEntry): ProcessFact => ({
  pid: pid(p.pid), ppid: pid(p.ppid), exe: bytes(p.exe), argv: p.argv.map(bytes), cwd: bytes(p.cwd),
  login: uid(p.login), euid: uid(p.euid), ses: ses(p.ses), notty: p.notty,
});

/** Younger processes may be gone before they are asked (seconds). */
const SETTLED = 10;

/**
 * Only processes that have been there for a while: a shell between two pipes leaves no record, and is caught alive now and then. What is
 * known of a parent must not hang on that luck, or its children are new on the day it is caught.
 */
const lookup = (id: Pid): ProcessFact | undefined => {
  const entry = readProcess(id);
  return entry && entry.age >= SETTLED ? factOf(entry) : undefined;
};

const LOSSES: Readonly<Record<Loss, string>> = {
  gone: 'the file last read has been rotated away',
  gap: 'a rotated file is missing',
  unreadable: 'a rotated file cannot be read',
};

/** What befell the log; undefined for a rotation that went well. */
const describe = (notice: TailNotice): string | undefined => {
  switch (notice.kind) {
    case 'waiting': return 'no such file yet, waiting for it';
    case 'opened': return `reading from byte ${notice.from}`;
    case 'rotated': return undefined;
    case 'truncated': return 'has become shorter, reading it from its start; records may be lost';
    case 'lost': return `records may be lost: ${LOSSES[notice.why]}`;
    case 'unreadable': return `cannot be read (${notice.code}), trying again`;
  }
};

/** `fullmon`: follows a growing log until it is told to stop. */
export const runLive = async (options: Options & { readonly auditd: string; readonly wait: number }): Promise<void> => {
  const settings = await readSettings(options);
  const output = openOutput(options.format, { buffered: false });
  const fullmon = createFullmon(settings, output.tell, lookup);
  const { processes, lastPid } = readProcesses();
  fullmon.know(processes.map(factOf), lastPid === undefined ? undefined : pid(lastPid));
  const now = (): void => fullmon.tick(ms(Date.now()));

  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
  if (options.auditd === STDIN) await fromStdin(fullmon.feed, now, options.wait, stop);
  else {
    const { follow } = await import('./input/tail.ts');
    const notice = (n: TailNotice): void => {
      const said = describe(n);
      if (said !== undefined) output.notice(`${options.auditd}: ${said}`);
    };
    const follower = follow(options.auditd, { wait: options.wait, from: 'end' }, { chunk: fullmon.feed, fileEnd: fullmon.endFile, idle: now, notice });
    await stop;
    await follower.stop();
  }
  fullmon.end();
  output.close();
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
