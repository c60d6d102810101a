import { styleText } from 'node:util';
import type { Line } from '../detect/line.ts';
import type { Severity } from '../detect/severity.ts';
import { printObject } from '../behaviour/edge.ts';
import { readable, show, showCommand } from './show.ts';

const COLOUR = { low: 'cyan', medium: 'yellow', high: 'red', critical: 'magenta' } as const satisfies Record<Severity, Parameters<typeof styleText>[0]>;

const stamp = (time: number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ');

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
    case 'ignore': {
      const { subject, kind, source, names } = line.pattern;
      write(`${at}  +ignore ${show(source)}  ${styleText('dim', `${kind} by ${readable(subject)}, ${names} names`)}`);
      return;
    }
    case 'finding':
      write(`${at}  ${styleText('yellow', line.kind)}  ${line.text}`);
      return;
    case 'edge': {
      const { seen, severity, incident, reasons } = line.alert;
      write(`${at}  ${styleText(COLOUR[severity], severity.padEnd(8))}  ${readable(seen.node)} ${styleText('dim', '->')} ${styleText('bold', readable(printObject(seen)))}`);
      write(`${' '.repeat(31)}${styleText('dim', `${reasons.join('; ')} · ${seen.count}x · pid ${seen.actor.pid} · ${showCommand(seen.actor.command)} · incident ${incident}`)}`);
    }
  }
};
