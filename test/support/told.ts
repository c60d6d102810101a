import { bytes, ms } from '../../src/audit/units.ts';
import type { Line } from '../../src/detect/line.ts';
import type { Severity } from '../../src/detect/severity.ts';
import type { Bytes } from '../../src/audit/units.ts';
import { parseEdge, printSubject } from '../../src/behaviour/edge.ts';

const AT = ms(Date.UTC(2026, 10, 21, 16, 38, 19));

export const finding = (text: string, severity: Severity = 'high'): Line => ({ type: 'finding', time: AT, kind: 'audit', severity, text });

export const phase = (name: 'baseline' | 'collect'): Line => ({ type: 'phase', time: AT, phase: name, facts: { seconds: 60 } });

export interface Deed {
  readonly edge?: string;
  readonly command?: Bytes;
  readonly origin?: string;
  readonly maintenance?: string;
}

/** An incident that opens, rises or closes. */
export const incident = (id: string, severity: Severity, state: 'opened' | 'risen' | 'closed' = 'opened', { edge = 'proc::33:/usr/bin/dash -c@nginx->host:203.0.113.66:4444', command = bytes('sh -c nc'), origin = '198.51.100.1', maintenance }: Deed = {}): Line => {
  const parsed = parseEdge(edge);
  if (parsed === undefined) throw new Error(`${edge} is no edge`);
  const common = { type: 'incident', time: AT, incident: { id, first: AT, last: AT, severity, score: 75, count: 1, repeats: 0, held: 0, tactics: ['command and control'], techniques: ['T1071'], after: undefined, maintenance } } as const;
  if (state === 'closed') return { ...common, state };
  return {
    ...common, state,
    explanation: {
      edge, subject: printSubject(parsed.subject), command, why: 'this program never connected anywhere', nearest: [], ancestry: [bytes('/usr/bin/dash'), bytes('/usr/sbin/nginx')],
      session: { login: 0, ses: 274, service: bytes('sshd'), address: bytes(origin) }, address: bytes(''), first: AT,
    },
  };
};
