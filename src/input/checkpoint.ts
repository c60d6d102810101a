import { hash } from 'node:crypto';
import { closeSync, constants, fdatasync, fstatSync, fsyncSync, ftruncateSync, linkSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { now } from './clock.ts';
import { FullmonError } from './errors.ts';
import { asOwner, codeOf, me, messageOf, openTrusted, unlink, writeAll, writeNew } from './files.ts';

/** Where the agent keeps its state unless told otherwise. */
export const STATE_DIRECTORY = '/var/lib/fullmon';

/** Before the state and before each change in its file: the hash of what follows, and how long that is (bytes). */
const HEADER = /^(fullmon-state \d{1,6}|change) sha256:([0-9a-f]{64}) (\d{1,12})\n/;
const MAX_HEADER = 128;
/** Bytes of a char in UTF-8. */
const MAX_CHAR = 3;
/** Most changes find room here. Bytes. */
const PAGE = 2 ** 18;
/** The format of the file; one of format 1 has no changes. */
const FORMAT = 2;
const STATE = `fullmon-state ${FORMAT}`;

/** Changes are appended until they are this much longer than the state, or so many bytes: then it is written anew. */
const OUTGROWN = 2;
const MIN_CHANGES = 2 ** 25;
/** Changes are brought to the disk at most so often, ms. */
const SYNC = 1000;

/** What was found in a state directory. `trouble` says what is wrong, in words. */
export type Found<T> =
  | { readonly kind: 'nothing' }
  /** With trouble: of the generation before. */
  | { readonly kind: 'state'; readonly state: T; readonly trouble: string | undefined }
  /** There is a state, but none that can be used. */
  | { readonly kind: 'damaged'; readonly trouble: string };

export interface Store {
  /** See {@link readState}. */
  readonly read: <T>(revive: Revive<T>) => Found<T>;
  /** Replaces the state by another one (JSON), whole or not at all, and keeps the one before. Throws the error of the file system, or a {@link FullmonError}. */
  readonly write: (state: string) => void;
  /** Whether there is a state that was written here, to which a change may still be appended. */
  readonly takesChanges: () => boolean;
  /** Appends what has changed since (JSON); it is on the disk some time later. Throws the error of the file system: then nothing was. */
  readonly append: (change: string) => void;
  /** Removes the state and the one before. */
  readonly reset: () => void;
  /** Lets go of the directory; another fullmon may use it now. */
  readonly close: () => void;
}

/** Makes the directory where it is missing. Throws a {@link FullmonError} unless it is ours alone: who writes there decides what is normal. */
const openDirectory = (directory: string): number => {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new FullmonError(`--state ${directory}: cannot be made (${messageOf(error)}): run as root, or name a directory of yours`);
  }
  let fd: number;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const code = codeOf(error);
    throw new FullmonError(`--state ${directory}: ${code === 'ENOTDIR' || code === 'ELOOP' ? 'is no directory of its own (a link, or a file): name a directory' : `cannot be opened (${messageOf(error)}): run as root`}`);
  }
  const { uid, mode } = fstatSync(fd);
  if (uid === me() && (mode & 0o077) === 0) return fd;
  closeSync(fd);
  throw new FullmonError(`--state ${directory}: ${uid === me() ? `must be closed to others: chmod 700 ${directory}` : 'belongs to another user: name a directory of yours'}`);
};

/** A state, or a change, behind its header; its bytes are made once, to be hashed and written. They stand in `page` if that is long enough. */
const print = (what: string, body: string, page: Buffer): Buffer => {
  const file = MAX_HEADER + MAX_CHAR * body.length <= page.length ? page : Buffer.allocUnsafe(MAX_HEADER + Buffer.byteLength(body));
  const bytes = file.subarray(MAX_HEADER, MAX_HEADER + file.write(body, MAX_HEADER));
  const header = `${what} sha256:${hash('sha256', bytes)} ${bytes.length}\n`;
  const begin = MAX_HEADER - header.length;
  file.write(header, begin, 'latin1');
  return file.subarray(begin, MAX_HEADER + bytes.length);
};

/** What was printed at this place of a file. Throws what is wrong with it. */
const readPart = (file: Buffer, at: number): { readonly what: string; readonly body: unknown; readonly end: number } => {
  const header = HEADER.exec(file.toString('latin1', at, at + MAX_HEADER));
  if (header === null) throw new Error('has no header that is known here');
  const [line, what = '', sum, length] = header;
  const body = file.subarray(at + line.length, at + line.length + Number(length));
  if (body.length !== Number(length)) throw new Error(`is cut off: ${body.length} of ${length} bytes`);
  if (hash('sha256', body) !== sum) throw new Error('does not match its checksum');
  return { what, body: JSON.parse(body.toString('utf8')), end: at + line.length + body.length };
};

/** Whether this is the beginning of a change that was being written when fullmon was ended. */
const isUnfinished = (rest: Buffer): boolean => {
  const text = rest.toString('latin1', 0, MAX_HEADER);
  const header = HEADER.exec(text);
  return header === null ? rest.length < MAX_HEADER && !text.includes('\n') : rest.length < header[0].length + Number(header[3]);
};

interface Content {
  readonly body: unknown;
  /** Oldest first. */
  readonly changes: readonly unknown[];
  /** What is wrong with the changes that are not among them. */
  readonly trouble: string | undefined;
}

const readContent = (path: string): Content => {
  const fd = openTrusted(path);
  try {
    const file = readFileSync(fd);
    const { what, body, end } = readPart(file, 0);
    if (Number(what.split(' ')[1]) > FORMAT) throw new Error('was written by a newer fullmon: install that one again');
    const changes: unknown[] = [];
    for (let at = end; at < file.length; ) {
      try {
        const change = readPart(file, at);
        changes.push(change.body);
        at = change.end;
      } catch (error) {
        return { body, changes, trouble: isUnfinished(file.subarray(at)) ? undefined : `from byte ${at} on ${messageOf(error)}` };
      }
    }
    return { body, changes, trouble: undefined };
  } finally {
    closeSync(fd);
  }
};

/** What cannot be looked at may well be there. */
const exists = (path: string): boolean => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
};

const contentOf = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

/** Tells a process from another one that gets its pid later: when it was started, and since which boot. Empty for one that is gone. */
const identityOf = (pid: string): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Killed, and only not reaped yet.
    if (fields[0] === 'Z' || fields[0] === 'X') return '';
    return `${pid} ${fields[19]} ${contentOf('/proc/sys/kernel/random/boot_id').trim()}`;
  } catch {
    return '';
  }
};

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** What a lock says; nothing for what is none, or gone. */
const holderOf = (path: string): string => {
  try {
    return readlinkSync(path, 'latin1');
  } catch {
    return '';
  }
};

const lockFiles = (directory: string): readonly [lock: string, old: string] => [join(directory, 'lock'), join(directory, 'lock.old')];

/**
 * Takes the directory's lock or throws a {@link FullmonError}; returns what it says. A link that leads to the name of its process: it is never
 * there without its words, and needs no draft of a name that nobody knows, which was an alert about ourselves at each start. A socket in the
 * abstract name space could be taken by anybody, and would keep fullmon from starting. Where nothing can be written there is no lock: whoever
 * fills the disk and ends fullmon may not keep it from coming back.
 */
const lock = (directory: string): string => {
  const [path, old] = lockFiles(directory);
  const mine = identityOf(String(process.pid));
  for (let tries = 0; tries < 3; tries++) {
    try {
      symlinkSync(mine, path);
      return mine;
    } catch (error) {
      const code = codeOf(error);
      if (FULL.has(code)) return '';
      if (code !== 'EEXIST') throw new FullmonError(`--state ${directory}: cannot be written (${messageOf(error)})`);
    }
    const holder = holderOf(path);
    const [pid = ''] = holder.split(' ', 1);
    if (/^\d{1,10}$/.test(pid) && holder === identityOf(pid)) throw new FullmonError(`--state ${directory}: another fullmon (pid ${pid}) keeps its state there: stop it, or name another directory`);
    try {
      // Moved, and looked at again: another one may have taken it since.
      renameSync(path, old);
      if (holderOf(old) === holder) unlink(old);
      else renameSync(old, path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  throw new FullmonError(`--state ${directory}: another fullmon is starting there`);
};

const WRONG: Readonly<Record<string, string>> = { ENOENT: 'is missing', ELOOP: 'is a link', EACCES: 'may not be read: run as root' };

const stateFiles = (directory: string): readonly [state: string, previous: string] => [join(directory, 'state'), join(directory, 'state.previous')];

/** Makes something of a state and the changes since. Throws for what is of no use. */
export type Revive<T> = (body: unknown, changes: readonly unknown[]) => T;

/** Reads the state of a directory, or the one before it when that is damaged. */
const readFiles = <T>(directory: string, revive: Revive<T>): Found<T> => {
  const files = stateFiles(directory);
  const troubles: string[] = [];
  for (const path of files) {
    try {
      const { body, changes, trouble } = readContent(path);
      return { kind: 'state', state: revive(body, changes), trouble: troubles[0] ?? (trouble === undefined ? undefined : `${path} ${trouble}`) };
    } catch (error) {
      troubles.push(`${path} ${WRONG[codeOf(error)] ?? messageOf(error)}`);
    }
  }
  return files.some(exists) ? { kind: 'damaged', trouble: troubles.join('; ') } : { kind: 'nothing' };
};

/** The same for a look at it: root may have one at that of another user. */
export const readState = <T>(directory: string, revive: Revive<T>): Found<T> => asOwner(directory, () => readFiles(directory, revive));

/** The file that was written here, to which changes are appended. */
interface Written {
  readonly ino: bigint;
  readonly length: number;
  readonly longest: number;
}

/**
 * Opens a state directory: ours, closed to others, no link, one fullmon at a time. The state is one file that is replaced as a whole: written
 * beside, synced, renamed, the directory synced; the one before stays as a second name. Libraries for that (write-file-atomic, atomically)
 * follow links and sync no directory. In between, what has changed is appended to it: a state of ten megabytes a minute would be a disk's
 * worth in a year. Nobody waits until that is on the disk: what is lost when the power fails is read in the log again. Throws a {@link FullmonError}.
 */
export const openStore = (directory: string): Store => {
  let fd = openDirectory(directory);
  const [state, previous] = stateFiles(directory);
  const [locked, old] = lockFiles(directory);
  const fresh = join(directory, 'state.new');
  let mine = lock(directory);
  let written: Written | undefined;
  let synced = -Infinity;
  let file: number | undefined;
  const page = Buffer.allocUnsafeSlow(PAGE);

  const openState = (): number => openSync(state, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);

  /**
   * Does once what else is ever done here, after a restart and after a crash. With the first state fullmon begins to learn, what it does itself, too: one that
   * came later would be an alert about ourselves.
   */
  const rehearse = (): void => {
    symlinkSync(state, fresh);
    renameSync(fresh, old);
    unlink(old);
    linkSync(state, previous);
    unlink(previous);
    closeSync(openState());
  };

  /** Closes what changes were appended to, and brings them to the disk beside the reading of the log. */
  const settle = (): void => {
    if (file === undefined) return;
    const appended = file;
    file = undefined;
    if (now() - synced < SYNC) return closeSync(appended);
    synced = now();
    fdatasync(appended, (error) => {
      closeSync(appended);
      // The next one is a whole state, which meets the same trouble and tells it.
      if (error !== null) written = undefined;
    });
  };

  /** Open until what is at hand has been read, in a replay dozens of cycles; no longer, for who makes the disk read-only may do so. */
  const openForChanges = (): number => {
    if (file === undefined) {
      file = openState();
      setImmediate(settle);
    }
    return file;
  };

  return {
    read: (revive) => readFiles(directory, revive),

    write(text) {
      const part = print(STATE, text, page);
      settle();
      // Somebody tidied up.
      if (!exists(directory)) {
        closeSync(fd);
        fd = openDirectory(directory);
        mine = lock(directory);
      }
      try {
        writeNew(fresh, part);
      } catch (error) {
        unlink(fresh);
        throw error;
      }
      const isFirst = !exists(state) && !exists(previous);
      if (exists(state)) {
        unlink(previous);
        linkSync(state, previous);
      }
      renameSync(fresh, state);
      if (isFirst) rehearse();
      fsyncSync(fd);
      const { length } = part;
      written = { ino: lstatSync(state, { bigint: true }).ino, length, longest: length + Math.max(MIN_CHANGES, OUTGROWN * length) };
    },

    takesChanges: () => written !== undefined && written.length < written.longest && (file !== undefined || lstatSync(state, { bigint: true, throwIfNoEntry: false })?.ino === written.ino),

    append(change) {
      if (written === undefined) throw new Error('there is no state to append to');
      const part = print('change', change, page);
      const before = written;
      // Until it has gone well, the next one is a whole state.
      written = undefined;
      const to = openForChanges();
      try {
        writeAll(to, part);
      } catch (error) {
        ftruncateSync(to, before.length);
        throw error;
      }
      written = { ...before, length: before.length + part.length };
    },

    reset() {
      for (const path of [state, previous]) unlink(path);
      fsyncSync(fd);
    },

    close() {
      settle();
      if (written !== undefined && exists(state)) {
        const last = openState();
        fsyncSync(last);
        closeSync(last);
      }
      if (mine !== '' && holderOf(locked) === mine) unlink(locked);
      closeSync(fd);
    },
  };
};
