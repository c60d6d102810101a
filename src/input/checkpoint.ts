import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { FullmonError } from './errors.ts';
import { asOwner, codeOf, me, messageOf, openTrusted, unlink, writeNew } from './files.ts';

/** Where the agent keeps its state unless told otherwise. */
export const STATE_DIRECTORY = '/var/lib/fullmon';

/** First line of a state file: its format, the hash of all that follows, and how long that is (bytes). */
const HEADER = /^fullmon-state 1 sha256:([0-9a-f]{64}) (\d{1,12})\n/;
const MAX_HEADER = 128;

/** What was found in a state directory. `trouble` says what is wrong, in words. */
export type Found<T> =
  | { readonly kind: 'nothing' }
  /** With trouble: of the generation before. */
  | { readonly kind: 'state'; readonly state: T; readonly trouble: string | undefined }
  /** There is a state, but none that can be used. */
  | { readonly kind: 'damaged'; readonly trouble: string };

export interface Store {
  /** See {@link readState}. */
  readonly read: <T>(revive: (body: unknown) => T) => Found<T>;
  /** Replaces the state by another one, whole or not at all, and keeps the one before. Throws the error of the file system, or a {@link FullmonError}. */
  readonly write: (body: unknown) => void;
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

const readBody = (path: string): unknown => {
  const fd = openTrusted(path);
  try {
    const file = readFileSync(fd);
    const header = HEADER.exec(file.toString('latin1', 0, MAX_HEADER));
    if (header === null) throw new Error('has no header that is known here');
    const [line, hash, length] = header;
    const body = file.subarray(line.length);
    if (body.length !== Number(length)) throw new Error(`is cut off: ${body.length} of ${length} bytes`);
    if (createHash('sha256').update(body).digest('hex') !== hash) throw new Error('does not match its checksum');
    return JSON.parse(body.toString('utf8'));
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

/**
 * Takes the directory's lock or throws a {@link FullmonError}; returns what it says. A file that names its process: a socket in the abstract
 * name space could be taken by anybody, and would keep fullmon from starting. It is linked into place, so that it is never there without its
 * words. Where nothing can be written there is no lock: whoever fills the disk and ends fullmon may not keep it from coming back.
 */
const lock = (directory: string): string => {
  const path = join(directory, 'lock');
  const draft = `${path}.${process.pid}`;
  const mine = identityOf(String(process.pid));
  try {
    writeNew(draft, Buffer.from(mine));
  } catch (error) {
    const code = codeOf(error);
    if (!FULL.has(code)) throw new FullmonError(`--state ${directory}: cannot be written (${messageOf(error)})`);
    if (code !== 'EROFS') unlink(draft);
    return '';
  }
  try {
    for (let tries = 0; tries < 3; tries++) {
      if (isLinked(draft, path)) return mine;
      const holder = contentOf(path);
      const [pid = ''] = holder.split(' ', 1);
      if (/^\d{1,10}$/.test(pid) && holder === identityOf(pid)) throw new FullmonError(`--state ${directory}: another fullmon (pid ${pid}) keeps its state there: stop it, or name another directory`);
      // Moved, and looked at again: another one may have taken it since.
      renameSync(path, `${draft}.old`);
      if (contentOf(`${draft}.old`) === holder) unlink(`${draft}.old`);
      else renameSync(`${draft}.old`, path);
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  } finally {
    unlink(draft);
  }
  throw new FullmonError(`--state ${directory}: another fullmon is starting there`);
};

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

const isLinked = (from: string, to: string): boolean => {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  }
};

const WRONG: Readonly<Record<string, string>> = { ENOENT: 'is missing', ELOOP: 'is a link', EACCES: 'may not be read: run as root' };

const stateFiles = (directory: string): readonly [state: string, previous: string] => [join(directory, 'state'), join(directory, 'state.previous')];

/** Reads the state of a directory, or the one before it when that is damaged. `revive` throws for a body that is of no use. */
const readFiles = <T>(directory: string, revive: (body: unknown) => T): Found<T> => {
  const files = stateFiles(directory);
  const troubles: string[] = [];
  for (const path of files) {
    try {
      return { kind: 'state', state: revive(readBody(path)), trouble: troubles[0] };
    } catch (error) {
      troubles.push(`${path} ${WRONG[codeOf(error)] ?? messageOf(error)}`);
    }
  }
  return files.some(exists) ? { kind: 'damaged', trouble: troubles.join('; ') } : { kind: 'nothing' };
};

/** The same for a look at it: root may have one at that of another user. */
export const readState = <T>(directory: string, revive: (body: unknown) => T): Found<T> => asOwner(directory, () => readFiles(directory, revive));

/**
 * Opens a state directory: ours, closed to others, no link, one fullmon at a time. The state is one file that is replaced as a whole: written
 * beside, synced, renamed, the directory synced; the one before stays as a second name. Libraries for that (write-file-atomic, atomically)
 * follow links and sync no directory. Throws a {@link FullmonError}.
 */
export const openStore = (directory: string): Store => {
  let fd = openDirectory(directory);
  const [state, previous] = stateFiles(directory);
  const fresh = join(directory, 'state.new');
  let mine = lock(directory);

  return {
    read: (revive) => readFiles(directory, revive),

    write(body) {
      const bytes = Buffer.from(JSON.stringify(body), 'utf8');
      // Somebody tidied up.
      if (!exists(directory)) {
        closeSync(fd);
        fd = openDirectory(directory);
        mine = lock(directory);
      }
      const header = Buffer.from(`fullmon-state 1 sha256:${createHash('sha256').update(bytes).digest('hex')} ${bytes.length}\n`);
      try {
        writeNew(fresh, header, bytes);
      } catch (error) {
        unlink(fresh);
        throw error;
      }
      if (exists(state)) {
        unlink(previous);
        linkSync(state, previous);
      }
      renameSync(fresh, state);
      fsyncSync(fd);
    },

    reset() {
      for (const path of [state, previous]) unlink(path);
      fsyncSync(fd);
    },

    close() {
      if (mine !== '' && contentOf(join(directory, 'lock')) === mine) unlink(join(directory, 'lock'));
      closeSync(fd);
    },
  };
};
