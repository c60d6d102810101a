import type { SeamState } from '../audit/seam.ts';
import { AUDITD_LOG } from '../input/auditstatus.ts';
import { FullmonError } from '../input/errors.ts';
import type { Position } from '../input/tail.ts';

/** Up to where the records have been taken in: a place in the log, or, of those that came by auditd's socket, the latest events. */
export type Place = Position | {
  /** All that was written to the log before has been taken in. Ms since the epoch. */
  readonly since: number;
  readonly taken: SeamState;
};

/** Undefined for what was taken in from elsewhere than a log. */
export const inLog = (place: Place | undefined): Position | undefined => (place !== undefined && 'offset' in place ? place : undefined);

/** All that was written to a log since then (ms since the epoch), from the start of a file on. */
export const writtenSince = (time: number): Position => ({ dev: '', ino: '', born: `${time}000000`, offset: 0 });

/** The same for what the socket told last. */
export const takenSince = (place: Place | undefined): Position | undefined =>
  place !== undefined && 'taken' in place && place.taken.length > 0 ? writtenSince(place.since) : undefined;

/** What `--auditd unix:PATH[@LOG]` names. */
export interface AuditSocket {
  /** Where auditd's plugin af_unix gives away what it records. */
  readonly path: string;
  /** Where auditd writes the same. */
  readonly log: string;
}

export const SCHEME = 'unix:';

/** Undefined for what is no socket. Throws a {@link FullmonError}. */
export const readAuditSocket = (auditd: string): AuditSocket | undefined => {
  if (!auditd.startsWith(SCHEME)) return undefined;
  const [path = '', log = AUDITD_LOG, ...more] = auditd.slice(SCHEME.length).split('@');
  if (!path.startsWith('/') || !log.startsWith('/') || more.length > 0) throw new FullmonError(`expected unix:PATH or unix:PATH@LOG, both from the root on, got '${auditd.slice(0, 80)}'`);
  return { path, log };
};
