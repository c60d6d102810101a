import type { TailNotice } from '../input/tail.ts';
import type { Place } from './place.ts';

/** Whoever takes in what is read. */
export interface Reader {
  /** The next bytes; valid only during the call. */
  readonly chunk: (bytes: Buffer) => void;
  /** A file of the log has ended. */
  readonly fileEnd: () => void;
  /** All that was written or sent so far has been handed over. */
  readonly idle: () => void;
  /** What befalls the log, in its place between the bytes. */
  readonly notice: (notice: TailNotice) => void;
  /** Something else that has its place there. */
  readonly inOrder: (act: () => void) => void;
  /** A word for the service manager: reading has begun. */
  readonly ready: (status: string) => void;
}

/** Where the records come from: the log, auditd's socket, or stdin. */
export interface Records {
  /** Begins to read. No event comes before it returns. */
  readonly begin: (reader: Reader) => Promise<void>;
  /** Takes in bytes that were read. */
  readonly feed: (bytes: Buffer) => void;
  readonly endFile: () => void;
  /** To be called when something has been read: gives the place up to there once that has been taken in. */
  readonly place: () => () => Place | undefined;
  /** Bytes that are written and not read; undefined where nobody knows. */
  readonly unread: () => number | undefined;
  /** Nothing will follow. */
  readonly ended: Promise<void>;
  /** Hands over what is there already; no event comes after it resolves. */
  readonly stop: () => Promise<void>;
}

/** A log goes on for ever. */
export const NEVER = new Promise<never>(() => undefined);
