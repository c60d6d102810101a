import { createFullmon } from './fullmon.ts';
import { replayFiles } from './input/replay.ts';
import { describeLosses, openOutput } from './report/output.ts';
import { readSettings } from './settings.ts';
import type { Options } from './settings.ts';

/** `fullmon replay`: stored logs on their own clock. Reads no state and writes none. */
export const runReplay = async (options: Options & { readonly files: readonly string[] }): Promise<void> => {
  const settings = await readSettings(options);
  const output = openOutput(options.format, { buffered: true });
  const fullmon = createFullmon(settings, output.tell);
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopped = true));

  await replayFiles(options.files, { chunk: fullmon.feed, fileEnd: fullmon.endFile, progress: output.progress }, () => stopped);
  fullmon.end();
  output.close();

  const { phase, time, learnUntil } = fullmon.state();
  const lost = describeLosses(fullmon.losses);
  if (lost !== undefined) output.notice(lost);
  if (phase === 'waiting') output.notice('no audit event in this log');
  else if (phase === 'learning' && settings.baseline > 0) {
    const short = Math.ceil((learnUntil - time) / 1000);
    output.notice(`the log ends ${short} s before the baseline is learned: nothing was compared; try --baseline ${Math.max(0, Math.floor((settings.baseline - short) / 2))}`);
  }
};
