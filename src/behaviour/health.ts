import { Has } from '../audit/event.ts';
import type { DaemonRecord, Event } from '../audit/event.ts';
import type { Pid, Uid } from '../audit/units.ts';

export interface ChangedFact {
  readonly kind: 'changed';
  readonly change: string;
  readonly auid: Uid;
}

/** What the log tells of auditing itself, where no recorded call tells who did it. */
export type AuditFact = ChangedFact | { readonly kind: 'daemon'; readonly what: DaemonRecord['what']; readonly pid: Pid; readonly auid: Uid };

/** A change that comes with its call is an edge, `kernel:audit:...`, and none of these. */
export const auditFact = ({ has, config, daemon }: Event): AuditFact | undefined =>
  (has & Has.daemon) !== 0 ? { kind: 'daemon', ...daemon }
  : (has & Has.config) !== 0 && (has & Has.syscall) === 0 ? { kind: 'changed', ...config }
  : undefined;
