import pino from 'pino';
import type { DestinationStream } from 'pino';
import { ARROW } from '../behaviour/edge.ts';
import type { Explanation } from '../detect/explain.ts';
import type { Line } from '../detect/line.ts';
import { isHigh } from '../detect/severity.ts';
import { describeCoverage } from './coverage.ts';
import { showCommand, show } from './show.ts';

const explained = ({ edge, command, why, nearest, ancestry, session, address }: Explanation) => ({
  edge, command: showCommand(command), why,
  nearest: nearest.map(({ how, subject, object, last, count }) => ({ how, edge: `${subject}${ARROW}${object}`, last, count })),
  ancestry: ancestry.map(show),
  ...(session === undefined ? {} : { session: { ...session, service: show(session.service), address: show(session.address) } }),
  ...(address === '' ? {} : { address: show(address) }),
});

/** Edges that are listed of those that were learned. */
const EXAMPLES = 100;

/** What has become normal, and how much of it. */
export const relearned = ({ service, edges }: Extract<Line, { readonly type: 'relearned' }>) => ({ service: show(service), count: edges.length, edges: edges.slice(0, EXAMPLES) });

/** Why it was expected. */
export const marked = (maintenance: string | undefined) => (maintenance === undefined ? {} : { maintenance: show(maintenance) });

const round = (n: number): number => Math.round(n * 1000) / 1000;

/** One JSON object a line: `level`, `time` (ms of the audit clock), `type`, `msg` and the fields of the type. */
export const jsonReport = (destination: DestinationStream): ((line: Line) => void) => {
  // Time is the log's own, so that a replay prints what the live run printed.
  const log = pino({ base: null, timestamp: false, formatters: { level: (_, level) => ({ level }) } }, destination);

  return (line) => {
    const { time, type } = line;
    switch (type) {
      case 'phase':
        log.info({ time, type, ...line.facts }, line.phase);
        return;
      case 'heartbeat':
        log.info({ time, type, ...line.facts }, line.text);
        return;
      case 'ignore': {
        const { subject, kind, source, witnesses, names } = line.pattern;
        // Only edges have an arrow; in an expression `>` means nothing special.
        log.info({ time, type: 'phase', subject, action: kind.toUpperCase(), names, witnesses: witnesses.map(show) }, `+ignore ${show(source).replaceAll('>', '%3E')}`);
        return;
      }
      case 'relearned':
        log.info({ time, type: 'phase', ...relearned(line) }, 'relearn');
        return;
      case 'finding': {
        // It may name a rule.
        const text = line.text.replaceAll(ARROW, '-%3E');
        if (line.severity !== undefined && isHigh(line.severity)) log.error({ time, type, kind: line.kind, severity: line.severity, ...line.facts }, text);
        else log.warn({ time, type, kind: line.kind, severity: line.severity, ...line.facts }, text);
        return;
      }
      case 'coverage': {
        const { coverage, expectedPerDay, regimes, byKind, ...facts } = line.coverage;
        const missing = regimes.filter(({ seen }) => !seen).map(({ name }) => name);
        log.info({ time, type, ...facts, coverage: round(coverage), expectedPerDay: round(expectedPerDay), missing, byKind: Object.fromEntries(Object.entries(byKind).map(([kind, of]) => [kind, { ...of, coverage: round(of.coverage), expectedPerDay: round(of.expectedPerDay) }])) }, describeCoverage(line.coverage));
        return;
      }
      case 'incident': {
        const { incident, state } = line;
        const { id, first, last, severity, score, count, repeats, held, tactics, techniques, after, maintenance } = incident;
        const facts = {
          time, type, state, incident: id, severity, score, first, last, edges: count, repeats, ...(held === 0 ? {} : { held }), tactics, techniques, ...(after === undefined ? {} : { after }), ...marked(maintenance),
        };
        const heading = `${state} ${severity} incident ${id}: ${count} ${count === 1 ? 'edge' : 'edges'}`;
        if (line.state === 'closed') log.warn(facts, heading);
        else if (isHigh(severity)) log.error({ ...facts, ...explained(line.explanation) }, heading);
        else log.warn({ ...facts, ...explained(line.explanation) }, heading);
        return;
      }
      case 'edge': {
        const { edge, seen, incident, severity, score, reasons, technique, maintenance } = line.alert;
        log.warn(
          {
            time, type, kind: seen.kind, first: seen.first, last: seen.last, count: seen.count, incident, severity, score, reasons, ...(technique === undefined ? {} : { technique }), ...marked(maintenance),
            pid: seen.actor.pid, ppid: seen.actor.ppid, command: showCommand(seen.actor.command), ...(seen.from === '' ? {} : { from: show(seen.from) }), ...(seen.address === '' ? {} : { address: show(seen.address) }),
          },
          edge,
        );
      }
    }
  };
};
