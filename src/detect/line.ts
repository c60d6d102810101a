import type { Ms } from '../audit/units.ts';
import type { LearnedPattern } from '../baseline/baseline.ts';
import type { Coverage } from '../baseline/coverage.ts';
import type { Explanation } from './explain.ts';
import type { Alert, Incident } from './incidents.ts';
import type { Severity } from './severity.ts';

export type FindingKind = 'clock' | 'gap' | 'log' | 'state' | 'audit' | 'flood' | 'config' | 'sink';

/** What fullmon has to say, in the order in which it happens. `time` is of the audit clock. */
export type Line =
  | { readonly type: 'phase'; readonly time: Ms; readonly phase: 'baseline' | 'normalize' | 'prepare' | 'collect' | 'detect'; readonly facts: Readonly<Record<string, number>> }
  | { readonly type: 'ignore'; readonly time: Ms; readonly pattern: LearnedPattern }
  /** How much of normal was learned; when learning ends. */
  | { readonly type: 'coverage'; readonly time: Ms; readonly coverage: Coverage }
  | { readonly type: 'edge'; readonly time: Ms; readonly alert: Alert }
  /** What of a service has become normal because a person asked for it. */
  | { readonly type: 'relearned'; readonly time: Ms; readonly service: string; readonly edges: readonly string[] }
  /** An incident opens, becomes graver (explained by the edge that made it so), or has been idle and closes. */
  | { readonly type: 'incident'; readonly time: Ms; readonly state: 'opened' | 'risen'; readonly incident: Incident; readonly explanation: Explanation }
  | { readonly type: 'incident'; readonly time: Ms; readonly state: 'closed'; readonly incident: Incident }
  /** Now and then, so that silence is no news: what goes on, or what is amiss. */
  | { readonly type: 'heartbeat'; readonly time: Ms; readonly text: string; readonly facts: Readonly<Record<string, number | boolean>> }
  /** Something about the log itself that the operator should know. */
  | { readonly type: 'finding'; readonly time: Ms; readonly kind: FindingKind; readonly severity?: Severity; readonly text: string; readonly facts?: Readonly<Record<string, string | number | readonly string[]>> };
