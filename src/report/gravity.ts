import type { Line } from '../detect/line.ts';
import type { Severity } from '../detect/severity.ts';

/** How grave a line is; undefined for one that only says how fullmon goes on. */
export const gravityOf = (line: Line): Severity | undefined => {
  switch (line.type) {
    case 'incident': return line.incident.severity;
    case 'edge': return line.alert.severity;
    case 'finding': return line.severity ?? 'medium';
    case 'phase': case 'ignore': case 'coverage': case 'heartbeat': case 'relearned': return undefined;
  }
};

const PRIORITY = { critical: 2, high: 3, medium: 4, low: 5 } as const satisfies Record<Severity, number>;

/** The same in syslog's numbers, which the journal shares: 2 (crit) to 5 (notice), 6 (info) for the rest. */
export const priorityOf = (severity: Severity | undefined): number => (severity === undefined ? 6 : PRIORITY[severity]);
