import type { Line } from '../../detect/line.ts';
import type { Severity } from '../../detect/severity.ts';

/** One line as it waits to be sent. */
export interface Entry {
  /** The same whenever this is told again, so that a receiver can tell what it has already. */
  readonly id: string;
  readonly severity: Severity | undefined;
  /** What the sink made of it: one line of text. */
  readonly body: string;
}

/** A place where lines are sent. Nothing in here keeps what could not be sent: that is the spool's. */
export interface Sink {
  /** The body of an entry. */
  readonly render: (line: Line, id: string) => string;
  /** Entries that are sent at once, at most. */
  readonly batch: number;
  /** Sends all of them, or rejects with what went wrong. Lets go of everything when the signal says so. */
  readonly send: (entries: readonly Entry[], signal: AbortSignal) => Promise<void>;
  /** Ms that sending may take, where that is not the same for all. */
  readonly timeout?: number;
  /** Ms until these may be sent; 0 for now. */
  readonly pause?: (entries: readonly Entry[]) => number;
}
