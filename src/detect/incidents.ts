import { createHash } from 'node:crypto';
import type { Ms } from '../audit/units.ts';
import { ARROW, printObject } from '../behaviour/edge.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import type { Severity } from './severity.ts';
import { rate } from './severity.ts';

/** An unseen edge as it is told. */
export interface Alert {
  readonly edge: string;
  readonly seen: Sighting;
  readonly incident: string;
  readonly severity: Severity;
  readonly score: number;
  readonly reasons: readonly string[];
}

export interface Incidents {
  /** Sorts the unseen edges of one cycle into incidents; returns those worth telling, each once per incident. */
  readonly open: (unseen: readonly Sighting[]) => readonly Alert[];
  readonly save: () => IncidentsState;
}

export interface IncidentsState {
  readonly byLineage: readonly { readonly lineage: number; readonly id: string; readonly edges: readonly string[]; readonly last: Ms }[];
  readonly told: readonly (readonly [edge: string, last: Ms])[];
}

/** An incident without news for this long is over. Ms. */
export const IDLE = 300_000;
/** An edge that keeps coming back is told again after this. Ms. */
export const REMIND = 86_400_000;
/** Incidents and told edges remembered; the oldest go first. */
const MAX_REMEMBERED = 100_000;

interface Incident {
  readonly id: string;
  readonly edges: Set<string>;
  last: Ms;
}

const dropOldest = <K>(map: Map<K, unknown>): void => {
  if (map.size <= MAX_REMEMBERED) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
};

/** Stable across restarts and replays: the first edge and the event that showed it. */
const idOf = (edge: string, { first, serial }: Sighting): string =>
  createHash('sha256').update(`${edge}\0${first}:${serial}`).digest('hex').slice(0, 12);

/** Unseen edges that share a process lineage are one incident until it has been idle for {@link IDLE}. */
export const trackIncidents = (saved?: IncidentsState): Incidents => {
  const byLineage = new Map<number, Incident>(saved?.byLineage.map(({ lineage, id, edges, last }) => [lineage, { id, edges: new Set(edges), last }]));
  const told = new Map<string, Ms>(saved?.told);

  return {
    open(unseen) {
      const alerts: Alert[] = [];
      const lineages = new Map<number, Sighting[]>();
      for (const seen of unseen) {
        const some = lineages.get(seen.actor.lineage);
        if (some) some.push(seen);
        else lineages.set(seen.actor.lineage, [seen]);
      }
      for (const [lineage, edges] of lineages) {
        let incident = byLineage.get(lineage);
        const start = edges[0]?.first ?? 0;
        if (incident && start - incident.last > IDLE) incident = undefined;
        for (const seen of edges) {
          const edge = seen.node + ARROW + printObject(seen);
          const before = told.get(edge);
          // What has been told before opens no incident of its own until it is time for a reminder.
          if (before !== undefined && seen.last - before < REMIND && (incident === undefined || incident.edges.has(edge))) continue;
          if (incident === undefined) {
            incident = { id: idOf(edge, seen), edges: new Set(), last: seen.last };
            byLineage.delete(lineage);
            byLineage.set(lineage, incident);
            dropOldest(byLineage);
          }
          incident.edges.add(edge);
          if (seen.last > incident.last) incident.last = seen.last;
          told.delete(edge);
          told.set(edge, seen.last);
          dropOldest(told);
          alerts.push({ edge, seen, incident: incident.id, ...rate(seen) });
        }
      }
      return alerts;
    },
    save: () => ({ byLineage: [...byLineage].map(([lineage, { id, edges, last }]) => ({ lineage, id, edges: [...edges], last })), told: [...told] }),
  };
};
