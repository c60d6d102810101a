import pino from 'pino';
import type { DestinationStream } from 'pino';
import type { Line } from '../detect/line.ts';
import { showCommand, show } from './show.ts';

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
      case 'ignore': {
        const { subject, kind, source, witnesses, names } = line.pattern;
        // Only edges have an arrow; in an expression `>` means nothing special.
        log.info({ time, type: 'phase', subject, action: kind.toUpperCase(), names, witnesses: witnesses.map(show) }, `+ignore ${show(source).replaceAll('>', '%3E')}`);
        return;
      }
      case 'finding':
        log.warn({ time, type, kind: line.kind }, line.text);
        return;
      case 'edge': {
        const { edge, seen, incident, severity, score, reasons } = line.alert;
        log.warn(
          {
            time, type, kind: seen.kind, first: seen.first, last: seen.last, count: seen.count, incident, severity, score, reasons,
            pid: seen.actor.pid, ppid: seen.actor.ppid, command: showCommand(seen.actor.command), ...(seen.from === '' ? {} : { from: show(seen.from) }),
          },
          edge,
        );
      }
    }
  };
};
