import { openSeam } from '../audit/seam.ts';
import type { Fullmon } from '../fullmon.ts';
import type { Position } from '../input/tail.ts';
import type { AuditStream } from './auditsocket.ts';
import { inLog, takenSince } from './place.ts';
import type { AuditSocket, Place } from './place.ts';
import { NEVER } from './records.ts';
import type { Records } from './records.ts';

/** What the socket told before it was turned to may be in the log only a moment later, or be told late. Ms. */
const OVERLAP = 60_000;

/** Reads auditd's socket, and its log where that does not speak. `before`: the place where they were left. `notice`: a word for the operator. */
export const fromSocket = (socket: AuditSocket, wait: number, before: Place | undefined, { feed, endFile, resume }: Fullmon, notice: (text: string) => void): Records => {
  const last = before !== undefined && 'taken' in before ? before : undefined;
  const seam = openSeam(feed, endFile, () => resume('lost'), last?.taken);
  let since = last?.since ?? Date.now();
  let stream: AuditStream | undefined;
  /** Where the log is read from at first; until something has been taken, that is the place. */
  let begun: Position | undefined;
  const place = (): Place | undefined => {
    const taken = seam.save();
    return taken.length === 0 ? begun : { since, taken };
  };

  return {
    async begin({ chunk, fileEnd, idle, notice: heed, inOrder }) {
      const { followSocket } = await import('./auditsocket.ts');
      const turn = (to: 'log' | 'socket'): void => {
        const now = Date.now();
        if (to === 'socket') heed({ kind: 'recovered' });
        inOrder(() => {
          if (to === 'socket') since = now - OVERLAP;
          seam.turn(to);
        });
      };
      stream = followSocket(socket, wait, inLog(before) ?? takenSince(before) ?? 'end', () => since, { chunk, turn, missing: seam.missing, fileEnd, heed, idle, notice });
      ({ begun } = stream);
    },
    feed: seam.feed,
    endFile: seam.endFile,
    place: () => place,
    unread: () => undefined,
    ended: NEVER,
    stop: () => stream?.stop() ?? Promise.resolve(),
  };
};
