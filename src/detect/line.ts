import type { Ms } from '../audit/units.ts';
import type { LearnedPattern } from '../baseline/baseline.ts';
import type { Alert } from './incidents.ts';

/** What fullmon has to say, in the order in which it happens. `time` is of the audit clock. */
export type Line =
  | { readonly type: 'phase'; readonly time: Ms; readonly phase: 'baseline' | 'normalize' | 'prepare' | 'collect' | 'detect'; readonly facts: Readonly<Record<string, number>> }
  | { readonly type: 'ignore'; readonly time: Ms; readonly pattern: LearnedPattern }
  | { readonly type: 'edge'; readonly time: Ms; readonly alert: Alert }
  /** Something about the log itself that the operator should know. */
  | { readonly type: 'finding'; readonly time: Ms; readonly kind: 'clock'; readonly text: string };
