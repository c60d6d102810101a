import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Entry } from './sink.ts';

/** Only a plain file, and none that a link leads to: neither a pipe nor somebody else's file takes what is told. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Appends lines to a file that is opened anew each time, so that it may be rotated at any moment, by a rename and nothing else. */
export const appendTo = (path: string) => async (entries: readonly Entry[]): Promise<void> => {
  const file = await open(path, FLAGS, 0o640);
  try {
    const before = await file.stat();
    if (!before.isFile()) throw new Error(`${path} is no plain file`);
    try {
      await file.appendFile(entries.map(({ body }) => `${body}\n`).join(''));
      await file.datasync();
    } catch (error) {
      // Half a line would stand in front of the next try.
      await file.truncate(before.size);
      throw error;
    }
  } finally {
    await file.close();
  }
};
