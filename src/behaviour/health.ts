import { Has } from '../audit/event.ts';
import type { DaemonRecord, Event } from '../audit/event.ts';
import type { Pid, Uid } from '../audit/units.ts';

export interface ChangedFact {
  readonly kind: 'changed';
  readonly change: string;
  readonly auid: Uid;
}

export interface DaemonFact {
  readonly kind: 'daemon';
  readonly what: DaemonRecord['what'];
  readonly pid: Pid;
  readonly auid: Uid;
}

/** What the log tells of auditing itself, where no recorded call tells who did it; and that the machine goes down, which ends it. */
export type AuditFact = ChangedFact | DaemonFact | { readonly kind: 'shutdown' };

/** A change that comes with its call is an edge, `kernel:audit:...`, and none of these. */
export const auditFact = ({ node, has, config, daemon }: Event): AuditFact | undefined =>
  (has & Has.daemon) !== 0 ? { kind: 'daemon', ...daemon }
  // Of several machines in one log nobody knows which one starts anew.
  : (has & Has.shutdown) !== 0 && node === '' ? { kind: 'shutdown' }
  : (has & Has.config) !== 0 && (has & Has.syscall) === 0 ? { kind: 'changed', ...config }
  : undefined;
