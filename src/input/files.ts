/** Files that decide what is normal: read only when nobody else can have written them, written whole or not at all. */
import { chmodSync, chownSync, closeSync, constants, fstatSync, fsyncSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';

/** No file of ours grows to this; whatever does is none. Bytes. */
const MAX_BYTES = 2 ** 30;

export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

export const messageOf = (error: unknown): string => codeOf(error) || (error instanceof Error ? error.message : String(error));

/** The user who runs this. */
export const me = (): number => process.geteuid?.() ?? 0;

/**
 * Does something in a directory as its owner, if root may choose: what is made there is the owner's, and no link of his leads root elsewhere.
 * `act` may not wait: another one would go on as that user.
 */
export const asOwner = <T>(directory: string, act: () => T): T => {
  const owner = me() === 0 ? statSync(directory, { throwIfNoEntry: false }) : undefined;
  if (owner === undefined || owner.uid === 0 || process.getegid === undefined) return act();
  const group = process.getegid();
  process.setegid?.(owner.gid);
  process.seteuid?.(owner.uid);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(group);
  }
};

/** Removes a file that may be missing. */
export const unlink = (path: string): void => {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
};

/** Opens a file for reading, unless it could be somebody else's words: a link, or writable by others. Throws what is wrong with it. */
export const openTrusted = (path: string): number => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { uid, mode, size } = fstatSync(fd);
  const wrong = (mode & constants.S_IFMT) !== constants.S_IFREG ? 'is no plain file'
    : uid !== 0 && uid !== me() ? 'belongs to another user'
    : (mode & 0o022) !== 0 ? 'may be written by others'
    : size > MAX_BYTES ? 'is too long'
    : undefined;
  if (wrong === undefined) return fd;
  closeSync(fd);
  throw new Error(wrong);
};

export const writeAll = (fd: number, bytes: Buffer): void => {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
};

/** Makes a file that was not there before; ours, closed to others, and on the disk before its name counts. */
export const writeNew = (path: string, ...parts: readonly Buffer[]): void => {
  unlink(path);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (const part of parts) writeAll(fd, part);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** Brings the names in a directory to the disk. */
export const syncDirectory = (path: string): void => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** The group that root gave the directory may read what is in it: that of the agent. */
export const shareWithGroup = (file: string, directory: string): void => {
  const { gid } = statSync(directory);
  if (me() !== 0 || gid === 0) return;
  chownSync(file, 0, gid);
  chmodSync(file, 0o640);
};
