import { createHash } from 'node:crypto';
import { bytes, ms } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { ARROW, isFile, parseSubject, printUser } from '../behaviour/edge.ts';
import type { EdgeKind } from '../behaviour/edge.ts';
import { dirName } from '../behaviour/paths.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { escape } from '../behaviour/text.ts';

// What is not grave is told up to a budget, and counted beyond it; one line says so. Budgets are for one kind of edge each, of one subject
// in one place, of one subject, of one user and of all, so that whoever makes a flood uses up his own first. What is grave needs no budget.

/** Low and medium edges that are told within an hour of one kind, subject and directory, unless told otherwise. */
export const BUDGET = 20;
/** The wider budgets, in multiples of that. */
const SUBJECT = 5;
const USER = 25;
const ALL = 100;
/** Incidents that open within an hour by what is not grave: of one user, of all. */
const INCIDENTS = 5;
const ALL_INCIDENTS = 25;

/** Ms. A budget is for so long; a flood is over when it was quiet for as long. */
const HOUR = 3_600_000;
/** A flood that goes on is told of again after this. Ms. */
const REMIND = 86_400_000;
/** Of each flood, and how long each may be. */
const EXAMPLES = 3;
const MAX_EXAMPLE = 200;
/** Longer keys are kept by their digest. */
const MAX_KEY = 200;

/** Something of which there is more than anybody reads; text is printable. */
export interface Flood {
  /** Of what there is too much, in words. */
  readonly of: string;
  /** So much of it is told within an hour. */
  readonly limit: number;
  /** Edges that were counted instead, since it was told of last; of each window each once. */
  readonly count: number;
  readonly examples: readonly string[];
  /** The incident in which they are counted, if it is one. */
  readonly incident: string | undefined;
  readonly over: boolean;
}

interface Bucket {
  readonly key: string;
  readonly of: string;
  limit: number;
  /** When its hour began, and when anything fell into it last. */
  since: Ms;
  last: Ms;
  told: number;
  /** Since it was told of last. */
  held: number;
  /** When it was told of; undefined while there was no need. */
  reported: Ms | undefined;
  examples: string[];
  incident: string | undefined;
}

export interface FloodsState {
  /** Those of this hour, and of the one before. */
  readonly buckets: readonly Readonly<Bucket>[];
  readonly old?: readonly Readonly<Bucket>[];
  /** When this hour began. */
  readonly swept: Ms;
}

/** What the budgets say to an edge. */
export interface Admission {
  readonly isTold: boolean;
  /** Where what is held back is counted. */
  readonly incident: string | undefined;
  /** Says in which incident the edge was told. */
  readonly join: (incident: string) => void;
}

export interface Floods {
  /**
   * Takes one more edge that is not grave from its budgets, or counts it where one is used up. `opens`: it would open an incident; `edge`: as printed. A stamp
   * is as old as the call and may be hours old, by choice of whoever makes it: an hour is one of the log's clock, which is at `now`.
   */
  readonly admit: (seen: Sighting, edge: string, opens: boolean, now: Ms) => Admission;
  /** What has become a flood, goes on as one for a day, or is over, and has not been told; `Infinity` ends them all. */
  readonly report: (now: Ms) => readonly Flood[];
  /** Another budget counts from now on. */
  readonly change: (budget: number) => void;
  readonly save: () => FloodsState;
}

/** Where an edge leads: a flood in one place says nothing about another one. */
const placeOf = (kind: EdgeKind, name: Bytes): string => {
  if (isFile(kind) || kind === 'sock') return dirName(name);
  if (kind === 'exec') return dirName(parseSubject(name)?.exe ?? name);
  return kind === 'connect' ? `port ${name.slice(name.lastIndexOf(':') + 1)}` : '';
};

const short = (text: string): string => (text.length <= MAX_EXAMPLE ? text : `${text.slice(0, MAX_EXAMPLE)}...`);

/** As a key for remembering: names are as long as an attacker likes. */
export const inShort = (text: string): string => (text.length <= MAX_KEY ? text : createHash('sha256').update(text).digest('base64'));

const isNear = (a: Ms, b: Ms): boolean => Math.abs(a - b) < HOUR;

const isFlood = ({ held, reported }: Bucket): boolean => held > 0 || reported !== undefined;

interface Need {
  readonly key: string;
  readonly of: () => string;
  /** In multiples of the budget. */
  readonly size: number;
}

/** The budgets that an edge takes from, narrowest first. */
const needsOf = ({ node, subject, kind, name }: Sighting, opens: boolean): readonly Need[] => {
  const place = placeOf(kind, name);
  const user = bytes(`${subject.container}:${printUser(subject.login, subject.euid)}`);
  const edges = `edges of kind ${kind}`;
  return [
    { key: inShort(`${kind} ${node} ${place}`), of: () => `${edges} by ${short(node)}${place === '' ? '' : `, ${short(escape(bytes(place)))}`}`, size: 1 },
    { key: inShort(`${kind} ${node}`), of: () => `${edges} by ${short(node)}`, size: SUBJECT },
    { key: inShort(`${kind} of ${user}`), of: () => `${edges} by user ${short(escape(user))}`, size: USER },
    { key: kind, of: () => edges, size: ALL },
    ...(!opens ? [] : [
      { key: inShort(`incidents of ${user}`), of: () => `incidents by user ${short(escape(user))}`, size: INCIDENTS },
      { key: 'incidents', of: () => 'incidents', size: ALL_INCIDENTS },
    ]),
  ];
};

const copy = ({ key, of, limit, since, last, told, held, reported, examples, incident }: Readonly<Bucket>): Bucket => ({
  key, of, limit, since, last, told, held, reported, examples: [...examples], incident,
});

const byKey = (list: readonly Readonly<Bucket>[] = []): Map<string, Bucket> => new Map(list.map((bucket) => [bucket.key, copy(bucket)]));

/** What there is to tell of it now; from now on it is counted anew. */
const tell = (bucket: Bucket, over: boolean): Flood => {
  const { of, limit, held, examples, incident } = bucket;
  bucket.held = 0;
  bucket.examples = [];
  return { of, limit, count: held, examples, incident, over };
};

const TOLD: Admission = { isTold: true, incident: undefined, join: () => undefined };

/** `first`: see {@link BUDGET}; 0 for none at all: everything is told. */
export const watchFloods = (first = BUDGET, saved?: FloodsState): Floods => {
  let budget = first;
  // In two generations: what nobody used for an hour is over, and goes as a whole. One by one, a leap of the clock had a single line look at all of them.
  let young = byKey(saved?.buckets);
  let old = byKey(saved?.old);
  let swept = saved?.swept ?? ms(0);
  /** What there is, or may be, something to tell about. */
  const floods = new Set([...old.values(), ...young.values()].filter(isFlood));

  const sweep = (now: Ms): void => {
    if (isNear(swept, now)) return;
    swept = now;
    old = young;
    young = new Map();
  };

  /** The budget that is at work; one whose hour is over begins anew. */
  const find = (key: string, time: Ms): Bucket | undefined => {
    const bucket = young.get(key) ?? old.get(key);
    if (bucket === undefined) return undefined;
    if (!isNear(bucket.since, time)) {
      // A flood that goes on gets no new budget.
      if (!isFlood(bucket) || !isNear(bucket.last, time)) return undefined;
      bucket.since = time;
    }
    young.set(key, bucket);
    return bucket;
  };

  const make = ({ key, of, size }: Need, time: Ms): Bucket => {
    const bucket: Bucket = { key, of: of(), limit: budget * size, since: time, last: time, told: 0, held: 0, reported: undefined, examples: [], incident: undefined };
    young.set(key, bucket);
    return bucket;
  };

  const hold = (bucket: Bucket, edge: string): Admission => {
    bucket.held++;
    if (bucket.examples.length < EXAMPLES) bucket.examples.push(short(edge.slice(edge.indexOf(ARROW) + ARROW.length)));
    floods.add(bucket);
    return { isTold: false, incident: bucket.incident, join: () => undefined };
  };

  return {
    admit(seen, edge, opens, time) {
      if (budget === 0) return TOLD;
      sweep(time);
      const needs = needsOf(seen, opens);
      for (const { key, size } of needs) {
        const bucket = find(key, time);
        if (bucket === undefined) continue;
        bucket.limit = budget * size;
        if (bucket.told < bucket.limit) continue;
        bucket.last = time;
        return hold(bucket, edge);
      }
      const taken = needs.map((need) => {
        const bucket = find(need.key, time) ?? make(need, time);
        bucket.told++;
        bucket.last = time;
        return bucket;
      });
      return {
        ...TOLD,
        join(incident) {
          // Those of one subject; the wider ones are of many incidents.
          for (const bucket of taken.slice(0, 2)) bucket.incident = incident;
        },
      };
    },

    report(now) {
      const told: Flood[] = [];
      for (const bucket of floods) {
        const isOver = !isNear(bucket.last, now);
        if (bucket.held > 0 && (bucket.reported === undefined || (!isOver && Math.abs(now - bucket.reported) >= REMIND))) {
          bucket.reported = now;
          told.push(tell(bucket, false));
        // Of the others their incident tells how many they were.
        } else if (bucket.held > 0 && isOver && bucket.incident === undefined) told.push(tell(bucket, true));
        if (!isOver) continue;
        floods.delete(bucket);
        bucket.held = 0;
        bucket.reported = undefined;
      }
      return told;
    },

    change(next) {
      budget = next;
    },

    save: () => ({ buckets: [...young.values()].map(copy), old: [...old.values()].filter(({ key }) => !young.has(key)).map(copy), swept }),
  };
};

/** A flood in words. */
export const describeFlood = ({ of, limit, count, examples, incident, over }: Flood): string =>
  over ? `no more ${of} for an hour: ${count} were counted since this was told` :
  `more than ${limit} new ${of} within an hour: ${count} of them low or medium, counted${incident === undefined ? '' : ` in incident ${incident}`} and not told one by one, such as ${examples.join(', ')}`;
