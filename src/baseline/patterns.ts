import type { Bytes } from '../audit/units.ts';
import { withWords } from './generalise.ts';
import type { EdgeFacts } from './group.ts';

/** A pattern at work. */
export interface Compiled {
  /** Anchored regular expression over raw names. */
  readonly source: string;
  readonly regex: RegExp;
  /** The same for names that did not last, see `withWords`. */
  readonly loose: RegExp;
  readonly facts: EdgeFacts;
  /** One of the names behind it. */
  readonly witness: Bytes;
}

/** The patterns of one group. */
export interface Patterns extends Iterable<Compiled> {
  readonly add: (source: string, facts: EdgeFacts, witness: Bytes) => void;
  readonly get: (source: string) => Compiled | undefined;
  /** The first that could be of this name and that `accepts`. */
  readonly find: (name: Bytes, accepts: (pattern: Compiled) => boolean) => Compiled | undefined;
  readonly size: () => number;
}

/** More than these are not all asked: a mail server has some for each of its users. */
const FEW = 8;

/** The directory in which all names of a pattern lie, with its slash: what stands before the first thing that varies. */
export const placeOf = (source: string): string => {
  const head = /^\^((?:[^\\[(]|\\.)*)/s.exec(source)?.[1]?.replace(/\\(.)/gs, '$1') ?? '';
  return head.slice(0, head.lastIndexOf('/') + 1);
};

export const newPatterns = (): Patterns => {
  const bySource = new Map<string, Compiled>();
  const byPlace = new Map<string, Compiled[]>();
  return {
    add(source, facts, witness) {
      const loose = withWords(source);
      const regex = new RegExp(source);
      const pattern = { source, regex, loose: loose === source ? regex : new RegExp(loose), facts, witness };
      bySource.set(source, pattern);
      const place = placeOf(source);
      const there = byPlace.get(place);
      if (there) there.push(pattern);
      else byPlace.set(place, [pattern]);
    },
    get: (source) => bySource.get(source),
    find(name, accepts) {
      if (bySource.size <= FEW) {
        for (const pattern of bySource.values()) if (accepts(pattern)) return pattern;
        return undefined;
      }
      for (let end = name.lastIndexOf('/'); ; end = end > 0 ? name.lastIndexOf('/', end - 1) : -1) {
        const found = byPlace.get(name.slice(0, end + 1))?.find(accepts);
        if (found !== undefined || end < 0) return found;
      }
    },
    size: () => bySource.size,
    [Symbol.iterator]: () => bySource.values(),
  };
};
