import { closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { FullmonError } from './errors.ts';
import { codeOf, messageOf, openTrusted, shareWithGroup, unlink, writeNew } from './files.ts';

/** What people have accepted on this host; root's own, the agent only reads it. */
export const ACCEPTED_FILE = '/etc/fullmon/accepted.jsonl';

/** One decision of a person, a line of the file: an edge as it was printed, or a glob for each side, `SUBJECT -> OBJECT`. */
export interface Acceptance {
  readonly edge?: string;
  readonly glob?: string;
  /** ISO time from which on it counts no more. */
  readonly expires?: string;
  readonly comment?: string;
  /** The incident in which the edge was told. */
  readonly incident?: string;
  /** ISO time of the decision, and whose it was. */
  readonly at: string;
  readonly by: string;
}

/** A time in which a person expects the unusual, another kind of line. */
export interface Window {
  /** Alerts are marked; or what a service begins to do is learned. */
  readonly window: 'maintenance' | 'relearn';
  /** Whose edges, of the latter. */
  readonly service?: string;
  /** ISO times: from the decision on, and from when on no more. */
  readonly from: string;
  readonly until: string;
  readonly comment: string;
  readonly by: string;
}

/** All that people decided. */
export interface Decisions {
  readonly entries: readonly Acceptance[];
  readonly windows: readonly Window[];
}

/** One line is a decision or none; another one is a word for the operator. */
export interface AcceptedFile extends Decisions {
  /** Numbers of the lines that say nothing, from 1. */
  readonly bad: readonly number[];
}

const NOTHING: AcceptedFile = { entries: [], windows: [], bad: [] };

const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** Whose decision it is. */
export const decider = (): string => process.env['SUDO_USER'] ?? userInfo().username;

const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value));

const isWindow = (value: unknown): value is Window => {
  if (typeof value !== 'object' || value === null) return false;
  const { window, service, from, until, comment, by }: Partial<Record<keyof Window, unknown>> = value;
  return (window === 'maintenance' || (window === 'relearn' && typeof service === 'string')) && isTime(from) && isTime(until) && typeof comment === 'string' && typeof by === 'string';
};

const isAcceptance = (value: unknown): value is Acceptance => {
  if (typeof value !== 'object' || value === null) return false;
  const { edge, glob, expires, comment, incident, at, by }: Partial<Record<keyof Acceptance, unknown>> = value;
  return [edge, glob, expires, comment, incident, at, by].every(isText) && (typeof edge === 'string') !== (typeof glob === 'string') &&
    (expires === undefined || isTime(expires));
};

const readLine = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

/** Reads the file; one that is missing accepts nothing. Throws a {@link FullmonError} for one that anybody else could have written. */
export const readAccepted = (file: string): AcceptedFile => {
  let fd: number;
  try {
    fd = openTrusted(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return NOTHING;
    throw new FullmonError(`${file}: ${codeOf(error) === 'ELOOP' ? 'is a link' : messageOf(error)}: nothing in it is accepted; it must be a file of root's that nobody else may write`);
  }
  try {
    const entries: Acceptance[] = [];
    const windows: Window[] = [];
    const bad: number[] = [];
    for (const [i, line] of readFileSync(fd, 'utf8').split('\n').entries()) {
      if (line.trim() === '') continue;
      const value = readLine(line);
      if (isAcceptance(value)) entries.push(value);
      else if (isWindow(value)) windows.push(value);
      else bad.push(i + 1);
    }
    return { entries, windows, bad };
  } finally {
    closeSync(fd);
  }
};

/** Names the content of the file: it is another one when the file has changed. */
export const versionOf = (file: string): string => {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
};

/** So long one change of the file may take, before it is taken for one that was broken off. Ms. */
const CHANGE = 10_000;

/**
 * Replaces the decisions by what `change` makes of them, whole or not at all; lines that say nothing are dropped. Throws a
 * {@link FullmonError} when the file is not to be trusted, cannot be written or is being changed.
 */
export const changeAccepted = (file: string, change: (decisions: Decisions) => Decisions): void => {
  const before = readAccepted(file);
  const draft = `${file}.new`;
  const other = lstatSync(draft, { throwIfNoEntry: false });
  if (other !== undefined && Date.now() - other.mtimeMs < CHANGE) throw new FullmonError(`${file}: is being changed by another fullmon: try again`);
  const { entries, windows } = change(before);
  const lines = [...entries, ...windows].map((entry) => `${JSON.stringify(entry)}\n`);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeNew(draft, Buffer.from(lines.join('')));
    shareWithGroup(draft, dirname(file));
    renameSync(draft, file);
    const directory = openSync(dirname(file), constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(directory);
    closeSync(directory);
  } catch (error) {
    unlink(draft);
    throw new FullmonError(`${file}: cannot be written (${messageOf(error)}): run as root`, 1);
  }
};
