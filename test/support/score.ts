import type { Alert } from '../../src/detect/incidents.ts';

/** What happened on a recorded server, and when: seconds of the audit clock. */
export interface Labels {
  /** Length of the learning window. */
  readonly baseline: number;
  /** What is scored: alerts of edges first seen in [from, to]. */
  readonly from: number;
  readonly to: number;
  readonly attacks: readonly Label[];
}

/**
 * `attack`; `benign`, something new that a person meant; `aftermath`, what an attack left behind; `expected`, what is new
 * in ordinary work all the time, and told as low or medium at most: of these two only edges that match are their own.
 */
export interface Label {
  readonly kind: 'attack' | 'benign' | 'aftermath' | 'expected';
  readonly id: string;
  readonly start: number;
  readonly end: number;
  /** Regular expressions for its edges. */
  readonly match: readonly string[];
}

export interface Score {
  readonly id: string;
  readonly kind: Label['kind'];
  /** First seen while it went on; of these, those that match. */
  readonly alerts: readonly Alert[];
  readonly hits: readonly Alert[];
}

/** An event is stamped when its call began, and what was started may take a while to show. Seconds. */
const BEFORE = 1;
const AFTER = 5;

export const isHigh = ({ severity }: Alert): boolean => severity === 'high' || severity === 'critical';

export const incidentsOf = (alerts: readonly Alert[]): number => new Set(alerts.map(({ incident }) => incident)).size;

/** What was told of each label, and what was told of nothing that happened. */
export const score = ({ from, to, attacks }: Labels, alerts: readonly Alert[]): { readonly all: readonly Alert[]; readonly scores: readonly Score[]; readonly strays: readonly Alert[] } => {
  const all = alerts.filter(({ seen }) => seen.first >= from * 1000 && seen.first <= to * 1000);
  const scores = attacks.map(({ id, kind, start, end, match }) => {
    const expected = match.map((source) => new RegExp(source));
    const within = all.filter(({ seen }) => seen.first >= (start - BEFORE) * 1000 && seen.first <= (end + AFTER) * 1000);
    const hits = within.filter(({ edge }) => expected.some((one) => one.test(edge)));
    return { id, kind, alerts: kind === 'aftermath' || kind === 'expected' ? hits : within, hits };
  });
  // What goes on of an attack is no fault of an honest novelty.
  const left = new Set(scores.filter(({ kind }) => kind === 'aftermath').flatMap(({ alerts }) => alerts));
  const told = new Set(scores.flatMap(({ alerts }) => alerts));
  return {
    all,
    scores: scores.map((one) => (one.kind === 'benign' ? { ...one, alerts: one.alerts.filter((alert) => !left.has(alert)) } : one)),
    strays: all.filter((alert) => !told.has(alert)),
  };
};
