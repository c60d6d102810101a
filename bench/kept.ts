import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { keep } from '../src/shell/keep.ts';

/** One save: for how long the log waited and what CPU time that took, how many bytes were written, and whether it was of all that is known. */
export interface Save {
  readonly ms: number;
  readonly cpu: number;
  readonly size: number;
  readonly whole: boolean;
}

/** CPU time of this process, ms. */
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Replays a log as the program does, in pieces, and keeps its state; at the end all of it is saved once more. */
export const pauses = (log: string, directory: string, baseline: number): readonly Save[] => {
  const settings = { baseline, monitor: 60, rebase: false, maxEdges: 1_000_000, ignored: () => false };
  const { fullmon, checkpoint, close } = keep(directory, false, settings, { tell: () => undefined, sync: () => undefined });
  const saves: Save[] = [];
  const file = join(directory, 'state');
  let before = { size: 0, ino: 0 };
  const timed = (save: () => void): void => {
    const [begin, used] = [performance.now(), cpu()];
    save();
    const [ms, took] = [performance.now() - begin, cpu() - used];
    const { size, ino } = statSync(file, { throwIfNoEntry: false }) ?? before;
    if (size !== before.size || ino !== before.ino) saves.push({ ms, cpu: took, size: ino === before.ino ? size - before.size : size, whole: ino !== before.ino });
    before = { size, ino };
  };
  const bytes = readFileSync(log);
  for (let at = 0; at < bytes.length; at += 32_768) {
    fullmon.feed(bytes.subarray(at, at + 32_768));
    timed(() => checkpoint(() => undefined));
  }
  close(undefined);
  // Another one that goes on begins with all there is.
  const next = keep(directory, false, settings, { tell: () => undefined, sync: () => undefined });
  timed(() => next.close(undefined));
  return saves;
};
