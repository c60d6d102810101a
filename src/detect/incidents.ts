import { hash } from 'node:crypto';
import { newestOf } from '../audit/oldest.ts';
import { openTable } from '../audit/rows.ts';
import type { Rows, Table } from '../audit/rows.ts';
import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import { ARROW, isFile, NONE, parseSubject, printObject } from '../behaviour/edge.ts';
import { baseName } from '../behaviour/paths.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import type { InRow } from './company.ts';
import { inShort, REMIND } from './floods.ts';
import type { Floods } from './floods.ts';
import type { Rating, Severity } from './severity.ts';
import { isHigh, MEDIUM, SEVERITIES, severityOf } from './severity.ts';
import type { Tactic } from './tactics.ts';
import { asksAround } from './tools.ts';

/** An unseen edge as it is told. */
export interface Alert extends Rating {
  readonly edge: string;
  readonly seen: Sighting;
  readonly incident: string;
  /** Why it was expected: it was seen during a maintenance. */
  readonly maintenance?: string | undefined;
}

/** Unseen edges that belong together, as they stand. */
export interface Incident {
  readonly id: string;
  readonly first: Ms;
  readonly last: Ms;
  readonly severity: Severity;
  readonly score: number;
  /** Distinct edges told in it, and how often any of them came again since. */
  readonly count: number;
  readonly repeats: number;
  /** Edges of floods that were counted and not told, of each cycle each once. */
  readonly held: number;
  readonly tactics: readonly Tactic[];
  readonly techniques: readonly string[];
  /** Id of the incident whose file or peer it uses. */
  readonly after: string | undefined;
  /** The maintenance during which all of it was seen. */
  readonly maintenance?: string | undefined;
}

/** For a look back: whether it is still open, and its edges, the first {@link MAX_EDGES}. */
export interface KeptIncident extends Incident {
  readonly open: boolean;
  readonly edges: readonly string[];
  readonly inRow: InRow;
}

/** What one cycle changed about an incident; `alerts` are those of this cycle, the gravest says most. */
export interface Change {
  readonly state: 'opened' | 'risen' | 'continued' | 'closed';
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
}

export type Rate = (seen: Sighting, after: string | undefined, inRow: InRow) => Rating;

export interface Incidents {
  /** Sorts the unseen edges of one cycle into incidents; each edge is told once in one. In order of opening. */
  readonly add: (unseen: readonly Sighting[], rate: Rate, now: Ms, maintenance?: (time: Ms) => string | undefined) => readonly Change[];
  /** How an edge would be rated now; grave is also what comes in an incident that is high. */
  readonly judge: (seen: Sighting, rate: Rate) => { readonly isGrave: boolean; readonly lowered: boolean };
  /** Closes what has been idle; `Infinity` closes all. */
  readonly close: (now: Ms) => readonly Change[];
  /** Those that are remembered, as they stand. */
  readonly kept: () => readonly KeptIncident[];
  /** How many were closed early since the start, for there were too many. */
  readonly crowded: () => number;
  readonly save: (whole?: boolean) => IncidentsState;
}

export interface IncidentsState {
  readonly incidents: Rows<readonly [id: string, incident: KeptIncident]>;
  readonly lineages: Rows<readonly [lineage: number, incident: string]>;
  readonly told: Rows<readonly [edge: string, last: Ms, incident: string]>;
  readonly handed: Rows<readonly [thing: string, incident: string]>;
}

/** An incident without news for this long is over. Ms. */
export const IDLE = 300_000;
/** Told edges, lineages and handed-over things remembered: more than anybody reads in a day. The oldest go first. */
const MAX_REMEMBERED = 32_768;
/** More incidents than these are closed early, those first that opened first. */
const MAX_OPEN = 2048;
/** Closed incidents kept for a look back, edges listed of each, and the length of all these lists, bytes. */
const MAX_CLOSED = 200;
const MAX_EDGES = 500;
const MAX_LISTED = 8 * 2 ** 20;

/** Remembers the latest. */
const memoryOf = <K, V>(table: Table<K, V>): ((key: K, value: V) => void) => {
  const trim = newestOf(table, MAX_REMEMBERED);
  return (key, value) => {
    table.delete(key);
    table.set(key, value);
    trim();
  };
};

const lengthOf = (edges: readonly string[]): number => edges.reduce((sum, edge) => sum + edge.length, 0);

/** Stable across restarts and replays: the first edge and the event that showed it. */
const idOf = (edge: string, { first, serial }: Sighting): string =>
  hash('sha256', `${edge}\0${first}:${serial}`).slice(0, 12);

/** What was told during a maintenance, when few may have looked, has not been told for the time after it. */
const keyOf = (edge: string, maintenance: string | undefined): string => (maintenance === undefined ? inShort(edge) : `maintenance ${inShort(edge)}`);

/** What one incident leaves behind for another process to pick up: a file, or a peer. */
const leaves = ({ kind, name, address }: Sighting): readonly string[] =>
  isFile(kind) && kind !== 'delete' && kind !== 'read' ? [name] : kind === 'connect' && !/^(?:127\.|::1:|localhost:)/.test(address || name) ? [hostOf(address || name)] : [];

const hostOf = (peer: string): string => `host ${peer.slice(0, peer.lastIndexOf(':'))}`;

/** What a process uses of what others may have left: the program or script it becomes, the file it touches, the peer it talks to. */
const uses = (seen: Sighting): readonly string[] => {
  if (seen.kind !== 'exec') return leaves(seen);
  const target = parseSubject(seen.name);
  return target === undefined ? [] : [target.exe, target.script];
};

// Cron and init run later what was written into their directories now; the job's own shell, not what it goes on to do.
const CLOCKWORK = /^\/etc\/cron|^\/var\/spool\/(?:cron|at)\/|\/systemd\/(?:system|user)\//;
const BY_CLOCKWORK = 'by the clock';

const CLOCKS = new Set(['cron', 'crond', 'atd', 'anacron']);

const isClockwork = ({ kind, subject: { exe, script, service } }: Sighting): boolean =>
  kind === 'exec' && (exe.endsWith('/systemd/systemd') || (CLOCKS.has(service) && (script === '-c' || CLOCKS.has(baseName(exe)))));

type Growing = { -readonly [K in keyof Incident]: Incident[K] } & { readonly edges: string[]; inRow: InRow };

const NONE_IN_ROW: InRow = { connects: 0, asked: 0 };

const newIncident = (id: string, { first, last }: Sighting, after: string | undefined, maintenance: string | undefined): Growing => ({
  id, first, last, severity: 'low', score: 0, count: 0, edges: [], inRow: NONE_IN_ROW, repeats: 0, held: 0, tactics: [], techniques: [], after, maintenance,
});

const withNext = ({ connects, asked }: InRow, { kind, name }: Sighting): InRow => ({
  connects: connects + (kind === 'connect' ? 1 : 0),
  asked: asked + (kind === 'exec' && asksAround(parseSubject(name)?.exe ?? NONE) ? 1 : 0),
});

/** As it stands now: what is told must not change afterwards. */
const snapshot = (incident: Growing): Incident => ({ ...incident });

const including = <T>(list: readonly T[], item: T | undefined): readonly T[] => (item === undefined || list.includes(item) ? list : [...list, item]);

const rankOf = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** What the incident is like with one more edge. */
const withEdge = (incident: Incident, { score, tactic, technique }: Rating): Pick<Incident, 'tactics' | 'techniques' | 'score'> => {
  const tactics = score >= MEDIUM ? including(incident.tactics, tactic) : incident.tactics;
  const techniques = score >= MEDIUM ? including(incident.techniques, technique) : incident.techniques;
  // Each further step of an intrusion makes the whole graver than its gravest edge.
  return { tactics, techniques, score: Math.max(incident.score, Math.min(100, score + 10 * Math.max(0, tactics.length - 2))) };
};

/** No flood may hide it: it opens a critical incident, or makes its incident graver. */
const mustBeTold = (incident: Incident | undefined, rating: Rating): boolean =>
  incident === undefined ? rating.severity === 'critical' : rankOf(severityOf(withEdge(incident, rating).score)) > rankOf(incident.severity);

/**
 * Unseen edges are one incident when they share a process lineage (a session, a daemon) or when one uses what the other left: a file that
 * was written here is run or read there, a job is written here and run by cron there. An incident is over once it has been idle for
 * {@link IDLE}; what uses its files or its peer later opens another one that names it.
 */
export const trackIncidents = (floods: Floods, saved?: IncidentsState): Incidents => {
  const open = new Map<string, Growing>();
  const closed = new Map<string, Growing>();
  /** Both, the closed ones as they were closed, the open ones as they were opened. */
  const all = openTable<string, Growing>();
  const byLineage = openTable<number, string>(saved?.lineages.rows);
  const told = openTable<string, { readonly last: Ms; readonly incident: string }>(saved?.told.rows.map(([edge, last, incident]) => [edge, { last, incident }]));
  const handed = openTable<string, string>(saved?.handed.rows);
  const rememberLineage = memoryOf(byLineage);
  const rememberTold = memoryOf(told);
  const rememberHanded = memoryOf(handed);
  /** Closed since there were too many, and not told yet. */
  const crowdedOut: Growing[] = [];
  let crowded = 0;
  let listed = 0;
  /** No open incident has been idle since before; so not all are looked at each time. */
  let idle = ms(Infinity);

  const openAt = (id: string | undefined, time: Ms): Growing | undefined => {
    const incident = id === undefined ? undefined : open.get(id);
    return incident !== undefined && time - incident.last <= IDLE ? incident : undefined;
  };

  /** The incident that left behind what is used here. */
  const sourceOf = (seen: Sighting): string | undefined => {
    for (const thing of isClockwork(seen) ? [...uses(seen), BY_CLOCKWORK] : uses(seen)) {
      const id = handed.map.get(inShort(thing));
      if (id !== undefined) return id;
    }
    return undefined;
  };

  /** What uses what a grave incident left is graver than by itself. */
  const rateIn = (incident: Growing | undefined, seen: Sighting, after: string | undefined, rate: Rate): Rating => {
    const grave = after !== undefined && isHigh((open.get(after) ?? closed.get(after))?.severity ?? 'low') && (seen.kind === 'exec' || seen.kind === 'connect');
    return rate(seen, grave ? after : undefined, incident?.inRow ?? NONE_IN_ROW);
  };

  const keptOf = ({ edges, ...facts }: Growing): KeptIncident => ({ ...facts, edges: [...edges], open: open.has(facts.id) });
  const kept = (): readonly KeptIncident[] => [...closed.values(), ...open.values()].map(keptOf);

  const forget = (incident: Growing): void => {
    closed.delete(incident.id);
    all.delete(incident.id);
    listed -= lengthOf(incident.edges);
  };

  const close = (incident: Growing): void => {
    open.delete(incident.id);
    closed.set(incident.id, incident);
    all.delete(incident.id);
    all.set(incident.id, incident);
    for (const oldest of closed.values()) {
      if (closed.size <= MAX_CLOSED && listed <= MAX_LISTED / 2) return;
      forget(oldest);
    }
  };

  const begin = (incident: Growing): Growing => {
    if (open.size >= MAX_OPEN) {
      for (const oldest of open.values()) {
        close(oldest);
        crowdedOut.push(oldest);
        crowded++;
        break;
      }
    }
    open.set(incident.id, incident);
    all.set(incident.id, incident);
    if (incident.last < idle) idle = incident.last;
    return incident;
  };

  const remains = (incident: Growing, seen: Sighting, score: number): void => {
    for (const thing of leaves(seen)) rememberHanded(inShort(thing), incident.id);
    if (isFile(seen.kind) && seen.kind !== 'delete' && seen.kind !== 'attr' && score >= MEDIUM && CLOCKWORK.test(seen.name)) rememberHanded(BY_CLOCKWORK, incident.id);
  };

  const grow = (incident: Growing, alert: Alert): void => {
    const { edge, seen } = alert;
    all.touch(incident.id);
    incident.count++;
    if (incident.edges.length < MAX_EDGES && listed + edge.length <= MAX_LISTED) {
      incident.edges.push(edge);
      listed += edge.length;
    }
    if (seen.last > incident.last) incident.last = seen.last;
    incident.inRow = withNext(incident.inRow, seen);
    Object.assign(incident, withEdge(incident, alert));
    if (rankOf(severityOf(incident.score)) > rankOf(incident.severity)) incident.severity = severityOf(incident.score);
    rememberTold(keyOf(edge, incident.maintenance), { last: seen.last, incident: incident.id });
    remains(incident, seen, alert.score);
  };

  for (const [id, { open: isOpen, edges, ...facts }] of saved?.incidents.rows ?? []) {
    const incident = { ...facts, edges: [...edges] };
    (isOpen ? open : closed).set(id, incident);
    all.set(id, incident);
  }
  for (const { edges, last, open: isOpen } of kept()) {
    listed += lengthOf(edges);
    if (isOpen && last < idle) idle = last;
  }

  return {
    add(unseen, rate, now, maintenance) {
      const before = new Map<Growing, Severity | undefined>();
      const alerts = new Map<Growing, Alert[]>();
      for (const seen of unseen) {
        const edge = seen.node + ARROW + printObject(seen);
        const source = sourceOf(seen);
        const { lineage } = seen.actor;
        // A peer alone joins nothing: two services may be attacked from one address.
        const mark = maintenance?.(seen.last);
        // An incident is of one maintenance or of none, so that a mark never hides what goes on afterwards.
        const alike = (incident: Growing | undefined): Growing | undefined => (incident?.maintenance === mark ? incident : undefined);
        const cause = seen.kind === 'connect' ? undefined : alike(openAt(source, seen.first));
        const lately = openAt(byLineage.map.get(lineage), seen.first);
        const own = alike(lately);
        // What runs a file that was handed over belongs to who wrote it, whatever else its service has been up to.
        let incident = seen.kind === 'exec' ? (cause ?? own) : (own ?? cause);
        const earlier = told.map.get(inShort(edge)) ?? told.map.get(keyOf(edge, mark));
        // What has been told before opens no incident of its own until it is time for a reminder.
        if (earlier !== undefined && seen.last - earlier.last < REMIND && (incident === undefined || earlier.incident === incident.id)) {
          const again = incident ?? open.get(earlier.incident) ?? closed.get(earlier.incident);
          if (again !== undefined) {
            all.touch(again.id);
            again.repeats += seen.count;
          }
          if (incident !== undefined && seen.last > incident.last) {
            all.touch(incident.id);
            incident.last = seen.last;
          }
          continue;
        }
        const after = source !== undefined && source !== incident?.id ? source : undefined;
        const rating = rateIn(incident, seen, after, rate);
        const admission = mustBeTold(incident, rating) ? undefined : floods.admit(seen, rating.severity, edge, incident === undefined, now);
        if (admission?.isTold === false) {
          const among = incident ?? openAt(admission.incident, seen.first);
          admission.join(among?.id);
          if (among === undefined) continue;
          all.touch(among.id);
          among.held++;
          // It makes nothing graver by itself, but the next one might.
          if (incident !== undefined) {
            all.touch(incident.id);
            Object.assign(incident, withEdge(incident, rating), { inRow: withNext(incident.inRow, seen) });
          }
          if (seen.last > among.last) among.last = seen.last;
          // What is in the flood may be run elsewhere; it may not push out what others left.
          if (handed.map.size < MAX_REMEMBERED) remains(among, seen, rating.score);
          continue;
        }
        incident ??= begin(newIncident(idOf(edge, seen), seen, after ?? lately?.id, mark));
        if (!before.has(incident)) before.set(incident, incident.count === 0 ? undefined : incident.severity);
        rememberLineage(lineage, incident.id);
        const alert: Alert = { edge, seen, incident: incident.id, ...(mark === undefined ? {} : { maintenance: mark }), ...rating };
        grow(incident, alert);
        admission?.join(incident.id);
        const some = alerts.get(incident);
        if (some) some.push(alert);
        else alerts.set(incident, [alert]);
      }
      return [...alerts].map(([incident, of]) => {
        const was = before.get(incident);
        return { state: was === undefined ? 'opened' : was === incident.severity ? 'continued' : 'risen', incident: snapshot(incident), alerts: of };
      });
    },

    judge(seen, rate) {
      const incident = openAt(byLineage.map.get(seen.actor.lineage), seen.first);
      const source = sourceOf(seen);
      const { severity, lowered } = rateIn(incident, seen, source === incident?.id ? undefined : source, rate);
      return { isGrave: isHigh(severity) || (incident !== undefined && isHigh(incident.severity)), lowered };
    },

    close(now) {
      if (now - idle <= IDLE && crowdedOut.length === 0) return [];
      const over = [...open.values()].filter(({ last }) => now - last > IDLE);
      for (const incident of over) close(incident);
      idle = ms(Infinity);
      for (const { last } of open.values()) if (last < idle) idle = last;
      return [...crowdedOut.splice(0), ...over].map((incident) => ({ state: 'closed', incident: snapshot(incident), alerts: [] }));
    },

    kept,

    crowded: () => crowded,

    save: (whole = true) => ({
      incidents: all.save(whole, (incident, id) => [id, keptOf(incident)]),
      lineages: byLineage.save(whole, (id, lineage) => [lineage, id]),
      told: told.save(whole, ({ last, incident }, edge) => [edge, last, incident]),
      handed: handed.save(whole, (id, thing) => [thing, id]),
    }),
  };
};
