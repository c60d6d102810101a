import { statSync } from 'node:fs';
import type { Options } from './config/resolve.ts';
import { SEVERITIES } from './detect/severity.ts';
import type { Severity } from './detect/severity.ts';
import { createFullmon } from './fullmon.ts';
import type { Settings } from './fullmon.ts';
import { FullmonError } from './input/errors.ts';
import { replayFiles, STDIN } from './input/replay.ts';
import type { Replayed } from './input/replay.ts';
import type { Position } from './input/tail.ts';
import type { Kept } from './shell/keep.ts';
import { inLog } from './shell/place.ts';
import { describeLosses, openOutput } from './report/output.ts';
import type { Output } from './report/output.ts';
import { accepting, ignoring } from './shell/rules.ts';

type ReplayOptions = Options & {
  /** Begin anew, whatever the state says. */
  readonly reset: boolean;
  /** So grave a find makes the replay fail. */
  readonly failOn: Severity | undefined;
};

/** Bytes taken in before the state may be saved: when that is soon after a cycle was over there is little of the next one to be saved. */
const PIECE = 32_768;

/** Behind a line: half a line is dear, it is put together by itself and saved. */
const endOfPiece = (bytes: Buffer, begin: number): number => {
  if (bytes.length - begin <= PIECE) return bytes.length;
  const newline = bytes.lastIndexOf(10, begin + PIECE - 1);
  return newline < begin ? begin + PIECE : newline + 1;
};

const openState = async ({ state, reset }: Pick<ReplayOptions, 'state' | 'reset'>, settings: Settings, output: Output): Promise<Kept | undefined> => {
  if (state === undefined && reset) throw new FullmonError('--reset: name the state with --state, a replay keeps none by itself');
  return state === undefined ? undefined : (await import('./shell/keep.ts')).keep(state, reset, settings, output);
};

/** The beginning of a stored file; undefined where there is nothing to come back to. */
const startOf = (file: string): Position | undefined => {
  const stat = file === STDIN ? undefined : statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat?.isFile() === true ? { dev: `${stat.dev}`, ino: `${stat.ino}`, born: `${stat.birthtimeNs}`, offset: 0 } : undefined;
};

const sameFile = (a: Position | undefined, b: Position | undefined): boolean => a !== undefined && a.dev === b?.dev && a.ino === b.ino && a.born === b.born;

/** Replays the files, but for what the state has taken in before. */
const replayKept = async ({ fullmon, resumed, checkpoint, close }: Kept, files: readonly string[], { progress, before }: Pick<Replayed, 'progress' | 'before'>, stopped: () => boolean): Promise<void> => {
  const left = inLog(resumed?.position);
  const first = files.findIndex((file) => sameFile(startOf(file), left));
  if (resumed !== undefined && first < 0) fullmon.resume('paused');
  let file = left;
  let offset = left?.offset ?? 0;
  let begun = false;
  const here = (): Position | undefined => file && { ...file, offset };
  await replayFiles(first < 0 ? files : files.slice(first), {
    fileStart(name) {
      if (begun) fullmon.endFile();
      if (begun || first < 0) {
        file = startOf(name);
        offset = 0;
      }
      begun = true;
    },
    chunk(bytes) {
      for (let begin = 0; begin < bytes.length; ) {
        const end = endOfPiece(bytes, begin);
        fullmon.feed(bytes.subarray(begin, end));
        offset += end - begin;
        begin = end;
        checkpoint(here);
      }
    },
    // It may have grown when it is read on.
    fileEnd: () => undefined,
    progress,
    ...(before && { before }),
  }, stopped, first < 0 ? 0 : left?.offset);
  close(here());
};

/** The exit status is 1 once something so grave is told. */
const failingOn = (least: Severity | undefined, output: Output): Output =>
  least === undefined ? output : {
    ...output,
    tell(line) {
      const severity = line.type === 'incident' ? line.incident.severity : line.type === 'finding' ? line.severity : undefined;
      if (severity !== undefined && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least)) process.exitCode = 1;
      output.tell(line);
    },
  };

/** `fullmon replay`: stored logs on their own clock. Reads no state and writes none unless it is told to. */
export const runReplay = async (options: ReplayOptions & { readonly files: readonly string[] }): Promise<void> => {
  const output = failingOn(options.failOn, openOutput(options.format, { buffered: true }));
  const own: Settings = { ...options, ignored: await ignoring(options.ignore, output.notice) };
  const settings = options.accepted === undefined ? own : (await accepting(own, options.accepted, output.notice)).settings;
  const kept = await openState(options, settings, output);
  const fullmon = kept?.fullmon ?? createFullmon(settings, output.tell);
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopped = true));

  const around = {
    progress: output.progress,
    ...(options.dns.length > 0 && { before: (await import('./shell/sources.ts')).replayNames(options.dns, options.files, fullmon.hostnames, output.notice) }),
  };
  if (kept === undefined) {
    await replayFiles(options.files, { chunk: fullmon.feed, fileEnd: fullmon.endFile, ...around }, () => stopped);
    fullmon.end();
  } else await replayKept(kept, options.files, around, () => stopped);
  output.close();

  const { phase, time, learnUntil } = fullmon.state();
  const lost = describeLosses(fullmon.losses);
  if (lost !== undefined) output.notice(lost);
  if (phase === 'waiting') output.notice('no audit event in this log');
  else if (phase === 'learning' && settings.baseline > 0 && kept !== undefined) output.notice(`nothing was compared yet: ${Math.ceil((learnUntil - time) / 1000)} s of log are still to be learned`);
  else if (phase === 'learning' && settings.baseline > 0) {
    const short = Math.ceil((learnUntil - time) / 1000);
    output.notice(`the log ends ${short} s before the baseline is learned: nothing was compared; try --baseline ${Math.max(0, Math.floor((settings.baseline - short) / 2))}`);
  }
};
