import { isSet, pid } from '../audit/units.ts';
import type { Uid } from '../audit/units.ts';
import type { ChangedFact, DaemonFact } from '../behaviour/health.ts';
import type { Severity } from './severity.ts';

/** What is worth a word about auditing itself. */
export interface AuditFinding {
  readonly severity: Severity;
  readonly text: string;
}

const BLINDS = /^(?:remove_rule|enabled=0|pid=0|failure=|rate_limit=[1-9])/;

/** Does this change of auditing take sight away? Names as in `kernel:audit:NAME`. */
export const isBlinding = (change: string): boolean => BLINDS.test(change);

const by = (auid: Uid): string => (isSet(auid) ? ` by login ${auid}` : '');

const DAEMON = {
  start: (whom: string) => `auditd was started${whom}`,
  end: (whom: string) => `auditd was stopped${whom}: nothing is recorded until it starts again`,
  rotate: (whom: string) => `auditd was told to rotate its log${whom}`,
  abort: () => 'auditd has failed: nothing is recorded until it starts again',
} as const;

/** The service manager, who stops units for anybody: the kernel gives its uid for the login that it does not have. */
export const INIT = pid(1);

/** `times`: how often within one window. */
export const findingOf = (fact: ChangedFact | DaemonFact, times = 1): AuditFinding => {
  switch (fact.kind) {
    case 'daemon': return { severity: fact.what === 'end' || fact.what === 'abort' ? 'critical' : 'low', text: DAEMON[fact.what](fact.pid === INIT ? ' by the service manager' : by(fact.auid)) };
    case 'changed': return { severity: isBlinding(fact.change) ? 'critical' : 'low', text: `auditing was changed${by(fact.auid)}: ${fact.change}${times === 1 ? '' : `, ${times} times`}` };
  }
};
