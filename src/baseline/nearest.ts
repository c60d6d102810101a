import type { Ms } from '../audit/units.ts';
import type { NodeText } from '../behaviour/edge.ts';
export interface Novelty { readonly subjectKnown: boolean; readonly objectKnown: boolean; readonly kindKnown: boolean; readonly portKnown: boolean; readonly directoryKnown: boolean }
export interface Nearest { readonly how: 'other child' | 'other parent' | 'other name' | 'other port' | 'other user'; readonly subject: NodeText; readonly object: NodeText; readonly last: Ms; readonly count: number }
