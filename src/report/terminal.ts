import { styleText } from 'node:util';
import type { Explanation } from '../detect/explain.ts';
import type { Line } from '../detect/line.ts';
import type { Severity } from '../detect/severity.ts';
import { ARROW, printObject } from '../behaviour/edge.ts';
import { describeCoverage } from './coverage.ts';
import { readable, show, showCommand, stamp } from './show.ts';

const COLOUR = { low: 'cyan', medium: 'yellow', high: 'red', critical: 'magenta' } as const satisfies Record<Severity, Parameters<typeof styleText>[0]>;

/** The same lines for a person at a terminal; `write` gets one line at a time, without its newline. */
export const terminalReport = (write: (text: string) => void): ((line: Line) => void) => (line) => {
  const at = styleText('dim', stamp(line.time));
  switch (line.type) {
    case 'phase': {
      if (line.phase === 'collect' || (line.phase === 'detect' && line.facts['unseen'] === 0)) return;
      const facts = Object.entries(line.facts).map(([k, v]) => `${k} ${k === 'until' ? stamp(v) : v}`).join(', ');
      write(`${at}  ${styleText('bold', line.phase)}  ${facts}`);
      return;
    }
    case 'heartbeat':
      return;
    case 'ignore': {
      const { subject, kind, source, names } = line.pattern;
      write(`${at}  +ignore ${show(source)}  ${styleText('dim', `${kind} by ${readable(subject)}, ${names} names`)}`);
      return;
    }
    case 'relearned': {
      const { service, edges } = line;
      write(`${at}  ${styleText('bold', 'relearn')}  ${edges.length} ${edges.length === 1 ? 'edge' : 'edges'} of ${show(service)} ${edges.length === 1 ? 'is' : 'are'} normal now`);
      for (const edge of edges) write(`${INDENT}${readable(edge).replace(ARROW, ' -> ')}`);
      return;
    }
    case 'finding':
      write(`${at}  ${styleText(COLOUR[line.severity ?? 'medium'], line.kind)}  ${line.text}`);
      return;
    case 'coverage':
      write(`${at}  ${styleText('bold', 'coverage')}  ${describeCoverage(line.coverage)}`);
      return;
    case 'incident': {
      const { incident, state } = line;
      const { id, severity, count, repeats, held, techniques, after, maintenance } = incident;
      const what = [`incident ${id} ${state}`, ...(after === undefined ? [] : [`after ${after}`]), ...techniques, ...(maintenance === undefined ? [] : [`maintenance: ${show(maintenance)}`])].join(' · ');
      if (line.state === 'closed') {
        write(`${at}  ${styleText('dim', `${severity.padEnd(8)}  ${what} · ${count} ${count === 1 ? 'edge' : 'edges'}${repeats === 0 ? '' : `, seen ${repeats} times more`}${held === 0 ? '' : `, ${held} of a flood not told one by one`}`)}`);
        return;
      }
      write(`${at}  ${styleText(COLOUR[severity], severity.padEnd(8))}  ${styleText('bold', what)}`);
      for (const [label, text] of explained(line.explanation)) write(`${INDENT}${styleText('dim', label.padEnd(LABEL))} ${text}`);
      write(`${INDENT}${styleText('dim', 'accept'.padEnd(LABEL))} fullmon accept ${id}`);
      return;
    }
    case 'edge': {
      const { seen, severity, reasons, maintenance } = line.alert;
      write(`${INDENT}${styleText(COLOUR[severity], severity.padEnd(8))}  ${readable(seen.node)} ${styleText('dim', '->')} ${styleText('bold', readable(printObject(seen)))}`);
      write(`${INDENT}${' '.repeat(10)}${styleText('dim', `${reasons.join('; ')} · ${seen.count}x · ${maintenance === undefined ? '' : `maintenance: ${show(maintenance)} · `}pid ${seen.actor.pid} · ${showCommand(seen.actor.command)}`)}`);
    }
  }
};

const INDENT = ' '.repeat(21);
const LABEL = 14;

const explained = ({ edge, command, why, nearest, ancestry, session, address }: Explanation): readonly (readonly [label: string, text: string])[] => [
  ['of', readable(edge).replace(ARROW, ' -> ')],
  ['command', showCommand(command)],
  ['why', why],
  ...nearest.map(({ how, subject: known, object, count, last }) => [how === 'other child' ? 'known' : how.replace('other ', 'known '), `${readable(known)} -> ${readable(object)}  ${styleText('dim', `${count}x, last ${stamp(last)}`)}`] as const),
  ['lineage', ancestry.map(show).join(' < ')],
  ...(session === undefined ? [] : [['session', `${session.ses} of login ${session.login} by ${show(session.service) || 'an unknown program'}${session.address === '' ? '' : ` from ${show(session.address)}`}`] as const]),
  ...(address === '' ? [] : [['address', show(address)] as const]),
];
