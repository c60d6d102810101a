import type { Fullmon } from '../fullmon.ts';
import type { Follower } from '../input/tail.ts';
import { inLog, takenSince } from './place.ts';
import type { Place } from './place.ts';
import { NEVER } from './records.ts';
import type { Records } from './records.ts';

/** Follows the log through its rotations. `before`: the place where it was left. */
export const fromLog = (file: string, wait: number, before: Place | undefined, { feed, endFile, resume }: Fullmon): Records => {
  let follower: Follower | undefined;

  return {
    async begin({ chunk, fileEnd, idle, notice }) {
      const { follow } = await import('../input/tail.ts');
      const since = takenSince(before);
      // Nobody knows how much of it the socket has told.
      if (since !== undefined) resume('paused');
      follower = follow(file, { wait, from: inLog(before) ?? since ?? 'end' }, { chunk, fileEnd, idle, notice });
    },
    feed,
    endFile,
    place() {
      const at = follower?.position();
      return () => at;
    },
    unread: () => follower?.unread(),
    ended: NEVER,
    stop: () => follower?.stop() ?? Promise.resolve(),
  };
};
