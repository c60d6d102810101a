import type { Ms } from '../audit/units.ts';
import { HOUR, REMIND } from './floods.ts';
import type { Severity } from './severity.ts';

// All that is kept has a bound. That one is reached is told once, and again after a day if it goes on: never silence, and never a line for
// each thing that has to go.

/** How often something had to go for want of room. */
export interface Gone {
  /** Events finished before they were whole. */
  readonly events: number;
  /** How often all processes made room for others, and all sessions; generations of directories known by their inode. */
  readonly processes: number;
  readonly sessions: number;
  readonly directories: number;
  /** What was answered about names of hosts. */
  readonly answers: number;
  /** Edges that were not learned. */
  readonly edges: number;
  /** Incidents closed early. */
  readonly incidents: number;
}

/** What else is worth a word. */
export interface Room {
  readonly maxEdges: number;
  /** Of the first that were not learned, in words. */
  readonly refused: string;
}

interface Bound {
  readonly of: keyof Gone;
  /** As much goes within an hour without a word: what is older than that may go. */
  readonly spare: number;
  readonly severity: Severity;
  /** `gone`: since it was told of last. */
  readonly words: (gone: number, room: Room) => string;
}

const BOUNDS: readonly Bound[] = [
  { of: 'events', spare: 0, severity: 'high', words: (gone) => `too many events were open at a time: ${gone} so far were taken for whole before all their records had come` },
  { of: 'processes', spare: 1, severity: 'medium', words: () => 'more processes within an hour than there is room for: who was not heard of meanwhile is forgotten, and told as ? or without the service it is of' },
  { of: 'sessions', spare: 1, severity: 'medium', words: () => 'more sessions within an hour than there is room for: the service of older ones is told as ?' },
  { of: 'directories', spare: 2, severity: 'medium', words: () => 'more directories within an hour than there is room for: what is named by a descriptor of an older one is told below {device:inode}' },
  { of: 'answers', spare: 0, severity: 'medium', words: (gone) => `more names of hosts than there is room for: the ${gone} oldest so far are forgotten, their hosts are told by address` },
  { of: 'edges', spare: 0, severity: 'medium', words: (gone, { maxEdges, refused }) => `the graph is full (${maxEdges} edges): ${gone} new edges so far were not learned, first those of ${refused}; they stay new` },
  { of: 'incidents', spare: 0, severity: 'high', words: (gone) => `too many incidents are open at a time: the ${gone} oldest so far were closed early` },
];

interface Watched {
  /** When its hour began, what had gone by then, and when this was judged last. */
  readonly since: Ms;
  readonly before: number;
  readonly gone: number;
  /** When it was told of, and what had gone by then. */
  readonly told: { readonly time: Ms; readonly gone: number } | undefined;
}

export type BoundsState = readonly { readonly of: keyof Gone; readonly gone: number; readonly watched: Watched | undefined }[];

export interface Bounds {
  /** Which bounds have been reached, and have not been told. */
  readonly judge: (now: Ms, room: Room) => readonly { readonly severity: Severity; readonly text: string }[];
  readonly save: () => BoundsState;
}

/** `count`: what has gone since the start, or since any time before. */
export const watchBounds = (count: () => Gone, saved: BoundsState = []): Bounds => {
  const watched = new Map(saved.map(({ of, watched: before }) => [of, before]));
  const first = count();
  const earlier = new Map(saved.map(({ of, gone }) => [of, gone]));
  const goneOf = (of: keyof Gone, all: Gone): number => (earlier.get(of) ?? 0) + all[of] - first[of];

  return {
    judge(now, room) {
      const all = count();
      return BOUNDS.flatMap(({ of, spare, severity, words }) => {
        const gone = goneOf(of, all);
        const was = watched.get(of);
        if (gone === (was?.gone ?? 0)) return [];
        const isSameHour = was !== undefined && Math.abs(now - was.since) < HOUR;
        const since = isSameHour ? was.since : now;
        const before = isSameHour ? was.before : (was?.gone ?? 0);
        const isTold = gone - before > spare && (was?.told === undefined || Math.abs(now - was.told.time) >= REMIND);
        watched.set(of, { since, before, gone, told: isTold ? { time: now, gone } : was?.told });
        return isTold ? [{ severity, text: words(gone - (was?.told?.gone ?? 0), room) }] : [];
      });
    },
    save() {
      const all = count();
      return BOUNDS.flatMap(({ of }) => (goneOf(of, all) === 0 ? [] : [{ of, gone: goneOf(of, all), watched: watched.get(of) }]));
    },
  };
};
