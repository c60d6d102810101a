/** Why a line was not understood. A closed set: an attacker's text never becomes a key. */
export const REJECTS = [
  'no record', 'bad header', 'over-long line', 'bad SYSCALL', 'bad CWD', 'bad PATH', 'bad EXECVE', 'bad SOCKADDR',
  'bad PROCTITLE', 'bad LOGIN', 'bad USER_START', 'bad CONFIG_CHANGE', 'bad DAEMON_START', 'bad DAEMON_END', 'bad DAEMON_ABORT', 'bad DAEMON_ROTATE', 'bad SERVICE_STOP', 'bad OBJ_PID', 'bad KERN_MODULE', 'bad OPENAT2',
] as const;

export type Reject = (typeof REJECTS)[number];

/** What reading lost or could not use; a bad line is a counted value, never an exception. */
export interface Losses {
  /** Lines with text in them. */
  lines: number;
  readonly rejected: Map<Reject, number>;
  /** Events finished early since too many were open. */
  evicted: number;
  /** PROCTITLEs without an event: it had been finished before, or had nothing for us. */
  orphaned: number;
  /** Paths and arguments beyond the bounds of one event. */
  truncated: number;
}

export type LossesState = Omit<Losses, 'rejected'> & { readonly rejected: readonly (readonly [Reject, number])[] };

export const noLosses = (saved?: LossesState): Losses => ({ lines: 0, evicted: 0, orphaned: 0, truncated: 0, ...saved, rejected: new Map(saved?.rejected) });

export const saveLosses = (losses: Losses): LossesState => ({ ...losses, rejected: [...losses.rejected] });

export const reject = (losses: Losses, reason: Reject): void => {
  losses.rejected.set(reason, (losses.rejected.get(reason) ?? 0) + 1);
};

export const countRejected = (losses: Losses): number => [...losses.rejected.values()].reduce((sum, n) => sum + n, 0);
