import { styleText } from 'node:util';
import { newBaseline } from '../baseline/baseline.ts';
import type { Schedule } from '../baseline/coverage.ts';
import { ARROW, printObject } from '../behaviour/edge.ts';
import { readAccepted } from '../input/accepted.ts';
import { readState } from '../input/checkpoint.ts';
import { FullmonError } from '../input/errors.ts';
import { readJobs } from '../input/schedules.ts';
import { incidentsOf, readCheckpoint } from '../shell/keep.ts';
import type { Checkpoint } from '../shell/keep.ts';
import { describeCoverage } from '../report/coverage.ts';
import { readable, show, stamp } from '../report/show.ts';

export interface ShowOptions {
  readonly subject: 'incidents' | 'baseline' | 'patterns' | 'accepted' | 'coverage';
  readonly state: string;
  readonly accepted: string;
  readonly format: 'json' | 'text' | undefined;
}

/** One thing to show: as data, and as lines for people. */
interface Shown {
  readonly data: object;
  readonly text: readonly string[];
}

const times = (first: number, last: number, count: number): string => styleText('dim', `${stamp(first)} to ${stamp(last)}, ${count}x`);

const arrow = (edge: string): string => readable(edge).replace(/ *-> */, ` ${ARROW} `);

const incidents = (checkpoint: Checkpoint): readonly Shown[] =>
  incidentsOf(checkpoint).map((incident) => {
    const { id, first, last, severity, count, repeats, techniques, open, edges } = incident;
    const facts = [`${count} ${count === 1 ? 'edge' : 'edges'}${repeats === 0 ? '' : `, ${repeats} times more`}`, ...techniques, open ? 'open' : 'closed'].join(' · ');
    return {
      data: incident,
      text: [`${severity.padEnd(8)}  ${styleText('bold', id)}  ${stamp(first)} to ${stamp(last)} · ${facts}`, ...edges.map((edge) => `          ${arrow(edge)}`)],
    };
  });

const baseline = ({ snapshot: { baseline: { groups } } }: Checkpoint): readonly Shown[] =>
  groups.rows.flatMap(([, { node, kind, names }]) =>
    names.rows.map(([name, , first, age, count]) => {
      const last = first + age;
      const edge = node + ARROW + printObject({ kind, name });
      return { data: { edge, kind, first, last, count }, text: [`${arrow(edge)}  ${times(first, last, count)}`] };
    }));

const patterns = ({ snapshot: { baseline: { groups } } }: Checkpoint): readonly Shown[] =>
  groups.rows.flatMap(([, { node, kind, patterns: all }]) =>
    all.rows.map(([source, witness, first, age, count]) => {
      const last = first + age;
      return {
        data: { subject: node, action: kind.toUpperCase(), pattern: show(source), witness: show(witness), first, last, count },
        text: [`${kind.toUpperCase().padEnd(7)} ${show(source)}  ${readable(node)}, such as ${show(witness)}  ${times(first, last, count)}`],
      };
    }));

const coverage = ({ snapshot: { clock, baseline: saved } }: Checkpoint, schedules: readonly Schedule[]): readonly Shown[] => {
  const { phase, time, learnUntil } = clock;
  const found = newBaseline(saved.units.length, saved).coverage(schedules);
  return [{
    data: { phase, time, learnUntil, ...found },
    text: [
      `${phase}, as of ${stamp(time)}; ${phase === 'learning' ? 'learns' : 'learned'} until ${stamp(learnUntil)}`,
      describeCoverage(found),
      ...Object.entries(found.byKind).map(([kind, of]) => `  ${kind.padEnd(8)} ${String(of.edges).padStart(6)} edges, ${(of.coverage * 100).toFixed(1).padStart(5)} % seen, ${of.expectedPerDay.toFixed(1)} new a day`),
      ...found.regimes.map(({ name, seen }) => `  ${seen ? 'seen    ' : 'not seen'} ${show(name)}`),
    ],
  }];
};

const accepted = (file: string): readonly Shown[] =>
  readAccepted(file).entries.map((entry) => {
    const { edge, glob, expires, comment, at, by } = entry;
    const until = expires === undefined ? [] : [`${Date.parse(expires) > Date.now() ? 'until' : 'expired'} ${expires}`];
    return { data: { ...entry }, text: [`${arrow(edge ?? show(glob ?? ''))}  ${styleText('dim', [`by ${show(by)} at ${show(at)}`, ...until, ...(comment === undefined ? [] : [show(comment)])].join(' · '))}`] };
  });

const VIEWS = { incidents, baseline, patterns, coverage } as const;

const checkpointOf = (directory: string): Checkpoint => {
  const found = readState(directory, readCheckpoint);
  if (found.kind === 'nothing') throw new FullmonError(`${directory}: there is no state: has fullmon run, and may you read it? Else name another with --state`);
  if (found.kind === 'damaged') throw new FullmonError(`${found.trouble}: nothing can be shown`);
  if (found.trouble !== undefined) process.stderr.write(`fullmon: ${found.trouble}: showing the state before it\n`);
  return found.state;
};

/** `fullmon show`: what the state and the accepted edges hold, one JSON object a line or for people. Changes nothing. */
export const runShow = async ({ subject, state, accepted: file, format }: ShowOptions): Promise<void> => {
  const all = subject === 'accepted' ? accepted(file) : VIEWS[subject](checkpointOf(state), subject === 'coverage' ? await readJobs() : []);
  const text = (format ?? (process.stdout.isTTY ? 'text' : 'json')) === 'text';
  // Whoever closed the pipe has read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  for (const shown of all) process.stdout.write(text ? `${shown.text.join('\n')}\n` : `${JSON.stringify(shown.data)}\n`);
};
