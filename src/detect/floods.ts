import { hash } from 'node:crypto';
import { openTable } from '../audit/rows.ts';
import type { Rows, Table } from '../audit/rows.ts';
import { bytes, ms } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { ARROW, isFile, parseSubject, printUser } from '../behaviour/edge.ts';
import type { EdgeKind } from '../behaviour/edge.ts';
import { dirName } from '../behaviour/paths.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import { escape } from '../behaviour/text.ts';
import { isHigh } from './severity.ts';
import type { Severity } from './severity.ts';

// Edges are told up to a budget, and counted beyond it; one line says so. Budgets are for one kind of edge each, of one subject in one
// place, of one subject, of one user and of all, so that whoever makes a flood uses up his own first. What is graver has a larger one of
// its own: a flood of what is harmless takes nothing from it. What opens a critical incident, or makes one graver, needs none.

/** Low and medium edges that are told within an hour of one kind, subject and directory, unless told otherwise. */
export const BUDGET = 20;
/** The wider budgets, in multiples of that. */
const SUBJECT = 5;
const USER = 25;
const ALL = 100;
/** Incidents that open within an hour: of one user, of all. */
const INCIDENTS = 5;
const ALL_INCIDENTS = 25;
/** And all of these for what is graver: hundreds that look alike tell no more than the first hundred, and fill the disk. */
const LARGER: Readonly<Record<Severity, number>> = { low: 1, medium: 1, high: 5, critical: 25 };

/** Ms. A budget is for so long; a flood is over when it was quiet for as long. */
export const HOUR = 3_600_000;
/** A flood that goes on is told of again after this. Ms. */
export const REMIND = 86_400_000;
/** Of each flood, and how long each may be. */
const EXAMPLES = 3;
const MAX_EXAMPLE = 200;
/** Longer keys are kept by their digest. */
const MAX_KEY = 200;
/** Budgets kept at a time; beyond that there are only those of a kind. */
const MAX_BUCKETS = 100_000;

/** Something of which there is more than anybody reads; text is printable. */
export interface Flood {
  /** Of what there is too much, in words. */
  readonly of: string;
  /** So much of it is told within an hour. */
  readonly limit: number;
  /** Edges that were counted instead, since it was told of last; of each window each once. Those above medium among them. */
  readonly count: number;
  readonly grave: number;
  readonly examples: readonly string[];
  /** The incident in which they are counted, if it is one. */
  readonly incident: string | undefined;
}

interface Bucket {
  /** When its hour began, and when anything fell into it last. */
  since: Ms;
  last: Ms;
  told: number;
  /** It has held something back since. */
  isFull: boolean;
  incident: string | undefined;
}

/** All that is held back of one kind, of one user or, if it takes many users, of all. */
interface Rising {
  readonly key: string;
  /** The budget that was used up first. */
  readonly limit: number;
  readonly isOfIncidents: boolean;
  /** Of the first edge that was held back: see {@link Origin}. */
  readonly keys: readonly string[];
  readonly words: readonly string[];
  /** Which of them all others share, too. */
  scope: number;
  last: Ms;
  /** When it was told of, in which scope, and whether anything grave was among it. */
  told: { readonly time: Ms; readonly scope: number; readonly isGrave: boolean } | undefined;
  /** Since it was told of last. */
  count: number;
  grave: number;
  examples: string[];
  /** Empty when it is no single one. */
  incident: string | undefined;
}

type BucketRow = readonly [key: string, since: Ms, last: Ms, told: number, isFull: boolean, /** Empty without one. */ incident: string];

export interface FloodsState {
  /** By number: those of the hour before, and of this one. */
  readonly hours: Rows<readonly [turn: number, buckets: Rows<BucketRow>]>;
  readonly rising: Rows<readonly [key: string, flood: Readonly<Rising>]>;
  readonly counted: number;
  /** When this hour began. */
  readonly swept: Ms;
}

/** What the budgets say to an edge. */
export interface Admission {
  readonly isTold: boolean;
  /** Where what is held back is counted, unless its own incident is known. */
  readonly incident: string | undefined;
  /** Says in which incident the edge was told or counted. */
  readonly join: (incident: string | undefined) => void;
}

export interface Floods {
  /**
   * Takes one more edge from its budgets, or counts it where one is used up. `opens`: it would open an incident; `edge`: as printed. A stamp is as old as
   * the call and may be hours old, by choice of whoever makes it: an hour is one of the log's clock, which is at `now`.
   */
  readonly admit: (seen: Sighting, severity: Severity, edge: string, opens: boolean, now: Ms) => Admission;
  /** What has become a flood, has spread or become graver, or goes on as one for a day. */
  readonly report: (now: Ms) => readonly Flood[];
  /** Edges that were counted and not told since this was asked last. */
  readonly counted: () => number;
  /** Another budget counts from now on. */
  readonly change: (budget: number) => void;
  /** All there is, or what has changed since it was saved last. */
  readonly save: (whole?: boolean) => FloodsState;
}

/** Where an edge leads: a flood in one place says nothing about another one. */
const placeOf = (kind: EdgeKind, name: Bytes): string => {
  if (isFile(kind) || kind === 'sock') return dirName(name);
  if (kind === 'exec') return dirName(parseSubject(name)?.exe ?? name);
  return kind === 'connect' ? `port ${name.slice(name.lastIndexOf(':') + 1)}` : '';
};

const short = (text: string): string => (text.length <= MAX_EXAMPLE ? text : `${text.slice(0, MAX_EXAMPLE)}...`);

/** As a key for remembering: names are as long as an attacker likes. */
export const inShort = (text: string): string => (text.length <= MAX_KEY ? text : hash('sha256', text, 'base64'));

const isNear = (a: Ms, b: Ms): boolean => Math.abs(a - b) < HOUR;

/** From where an edge comes, narrowest first: a subject in one place, a subject, a user. */
interface Origin {
  readonly keys: readonly [place: string, subject: string, user: string];
  readonly words: () => readonly string[];
}

const originOf = ({ node, subject, kind, name }: Sighting): Origin => {
  const place = placeOf(kind, name);
  const user = `${subject.container}:${printUser(subject.login, subject.euid)}`;
  return {
    keys: [inShort(`${node} ${place}`), inShort(node), inShort(`user ${user}`)],
    words: () => [` by ${short(node)}${place === '' ? '' : `, ${short(escape(bytes(place)))}`}`, ` by ${short(node)}`, ` by user ${short(escape(bytes(user)))}`],
  };
};

interface Need {
  readonly key: string;
  /** In multiples of the budget. */
  readonly size: number;
}

/** The budgets that an edge takes from: those of edges narrowest first, then those of incidents. */
const needsOf = (kind: EdgeKind, [place, subject, user]: Origin['keys'], severity: Severity, opens: boolean): readonly Need[] => {
  const larger = LARGER[severity];
  const grade = larger === 1 ? '' : `${severity} `;
  return [
    { key: `${grade}${kind} ${place}`, size: larger },
    { key: `${grade}${kind} ${subject}`, size: SUBJECT * larger },
    { key: `${grade}${kind} ${user}`, size: USER * larger },
    { key: `${grade}${kind}`, size: ALL * larger },
    ...(!opens ? [] : [
      { key: `${grade}incidents ${user}`, size: INCIDENTS * larger },
      { key: `${grade}incidents`, size: ALL_INCIDENTS * larger },
    ]),
  ];
};
/** Places in that list. */
const [OF_USER, OF_ALL, INCIDENTS_OF_USER, INCIDENTS_OF_ALL] = [2, 3, 4, 5];

type Buckets = Table<string, Bucket>;

const restored = ({ rows }: Rows<BucketRow>): Buckets =>
  openTable(rows.map(([key, since, last, told, isFull, incident]) => [key, { since, last, told, isFull, incident: incident === '' ? undefined : incident }]));

const TOLD: Admission = { isTold: true, incident: undefined, join: () => undefined };

/** `first`: see {@link BUDGET}; 0 for none at all: everything is told. */
export const watchFloods = (first = BUDGET, saved?: FloodsState): Floods => {
  let budget = first;
  // In two generations: what nobody used for an hour is over, and goes as a whole. One by one, a leap of the clock had a single line look at all of them.
  const hours = openTable<number, Buckets>(saved?.hours.rows.map(([hour, buckets]) => [hour, restored(buckets)]));
  let turn = saved?.hours.rows.at(-1)?.[0] ?? -1;
  const nextHour = (): Buckets => {
    const buckets: Buckets = openTable();
    hours.set(++turn, buckets);
    return buckets;
  };
  let young = hours.map.get(turn) ?? nextHour();
  let old = hours.map.get(turn - 1);
  const rising = openTable<string, Rising>(saved?.rising.rows.map(([key, flood]) => [key, { ...flood, examples: [...flood.examples] }]));
  const waiting = new Set<Rising>([...rising.map.values()].filter(({ count }) => count > 0));
  let swept = saved?.swept ?? ms(0);
  let counted = saved?.counted ?? 0;

  const sweep = (now: Ms): void => {
    if (isNear(swept, now)) return;
    swept = now;
    hours.delete(turn - 1);
    old = young;
    young = nextHour();
  };

  const put = (key: string, bucket: Bucket): void => {
    hours.touch(turn);
    if (young.map.get(key) === bucket) young.touch(key);
    else young.set(key, bucket);
  };

  /** The budget that is at work, and is about to change; one whose hour is over begins anew. */
  const find = (key: string, time: Ms): Bucket | undefined => {
    const bucket = young.map.get(key) ?? old?.map.get(key);
    if (bucket === undefined) return undefined;
    if (!isNear(bucket.since, time)) {
      // A flood that goes on gets no new budget.
      if (!bucket.isFull || !isNear(bucket.last, time)) return undefined;
      bucket.since = time;
    }
    put(key, bucket);
    return bucket;
  };

  const make = (key: string, time: Ms): Bucket => {
    const bucket: Bucket = { since: time, last: time, told: 0, isFull: false, incident: undefined };
    put(key, bucket);
    return bucket;
  };

  /** The flood that an edge is part of; `full`: which of its budgets is used up. */
  const riseBy = (kind: EdgeKind, { keys, words }: Origin, full: number, limit: number, time: Ms): Rising => {
    const isOfAll = full === OF_ALL || full === INCIDENTS_OF_ALL;
    const key = isOfAll ? kind : `${kind} ${keys[OF_USER]}`;
    let flood = rising.map.get(key);
    if (flood === undefined || !isNear(flood.last, time)) {
      if (flood) waiting.delete(flood);
      flood = {
        key, limit, isOfIncidents: full >= INCIDENTS_OF_USER, keys: isOfAll ? [] : keys, words: (isOfAll ? [''] : words()).map((whose) => `edges of kind ${kind}${whose}`), scope: 0,
        last: time, told: undefined, count: 0, grave: 0, examples: [], incident: undefined,
      };
      rising.set(key, flood);
    }
    rising.touch(key);
    flood.last = time;
    const narrowest = Math.min(full, OF_USER);
    if (!isOfAll) while (flood.scope < narrowest || (flood.scope < OF_USER && flood.keys[flood.scope] !== keys[flood.scope])) flood.scope++;
    return flood;
  };

  const hold = (flood: Rising, bucket: Bucket, severity: Severity, edge: string): Admission => {
    counted++;
    flood.count++;
    if (isHigh(severity)) flood.grave++;
    if (flood.examples.length < EXAMPLES) flood.examples.push(short(edge.slice(edge.indexOf(ARROW) + ARROW.length)));
    waiting.add(flood);
    return {
      isTold: false,
      incident: bucket.incident,
      join(incident = '') {
        flood.incident = flood.incident === undefined || flood.incident === incident ? incident : '';
      },
    };
  };

  const isNews = ({ told, scope, grave }: Rising, now: Ms): boolean =>
    told === undefined || scope > told.scope || (grave > 0 && !told.isGrave) || Math.abs(now - told.time) >= REMIND;

  const tell = (flood: Rising, now: Ms): Flood => {
    const { limit, isOfIncidents, words, scope, count, grave, examples, incident, told } = flood;
    waiting.delete(flood);
    rising.touch(flood.key);
    flood.told = { time: now, scope, isGrave: grave > 0 || told?.isGrave === true };
    flood.count = flood.grave = 0;
    flood.examples = [];
    return { of: `${isOfIncidents ? 'incidents of ' : ''}${words[scope] ?? ''}`, limit, count, grave, examples, incident: incident === '' ? undefined : incident };
  };

  return {
    admit(seen, severity, edge, opens, time) {
      if (budget === 0) return TOLD;
      sweep(time);
      const origin = originOf(seen);
      const needs = needsOf(seen.kind, origin.keys, severity, opens);
      for (const [i, { key, size }] of needs.entries()) {
        const bucket = find(key, time);
        if (bucket === undefined || bucket.told < budget * size) continue;
        bucket.last = time;
        bucket.isFull = true;
        return hold(riseBy(seen.kind, origin, i, budget * size, time), bucket, severity, edge);
      }
      const taken = needs.flatMap(({ key }, i) => {
        const bucket = find(key, time) ?? (i === OF_ALL || i === INCIDENTS_OF_ALL || young.map.size < MAX_BUCKETS ? make(key, time) : undefined);
        if (bucket === undefined) return [];
        bucket.told++;
        bucket.last = time;
        // The wider ones are of many incidents.
        return i < 2 ? [bucket] : [];
      });
      return {
        ...TOLD,
        join(incident) {
          for (const bucket of taken) bucket.incident = incident;
        },
      };
    },

    report(now) {
      const floods = [...waiting].filter((flood) => isNews(flood, now)).map((flood) => tell(flood, now));
      for (const [key, flood] of rising.map) {
        if (isNear(flood.last, now)) continue;
        rising.delete(key);
        waiting.delete(flood);
      }
      return floods;
    },

    counted() {
      const count = counted;
      counted = 0;
      return count;
    },

    change(next) {
      budget = next;
    },

    save: (whole = true) => ({
      hours: hours.save(whole, (buckets, hour) => [hour, buckets.save(whole, ({ since, last, told, isFull, incident = '' }, key) => [key, since, last, told, isFull, incident])]),
      rising: rising.save(whole, (flood, key) => [key, { ...flood, examples: [...flood.examples] }]),
      counted, swept,
    }),
  };
};

/** A flood in words. */
export const describeFlood = ({ of, limit, count, grave, examples, incident }: Flood): string =>
  `more than ${limit} new ${of} within an hour: ${count} so far${grave === 0 ? '' : `, ${grave} of them high or critical,`} are counted${incident === undefined ? '' : ` in incident ${incident}`} and not told one by one, such as ${examples.join(', ')}`;
