import { closeSync, readFileSync, realpathSync } from 'node:fs';
import { FullmonError } from '../../input/errors.ts';
import { messageOf, openTrusted } from '../../input/files.ts';

// All of it is read and looked at when it is needed: what changes counts at once, and what is wrong is an outage like any other, which ends when it is mended.

/** The words of a file that nobody else may write; undefined when none is named. Throws a {@link FullmonError}. */
export const secretIn = (file: string | undefined): string | undefined => {
  if (file === undefined) return undefined;
  try {
    const fd = openTrusted(file);
    try {
      return readFileSync(fd, 'utf8').trim();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new FullmonError(`${file}: ${messageOf(error)}: it must be a plain file of root's that nobody else may write`);
  }
};

/** `Name: value`, one a line. Throws a {@link FullmonError}. */
export const headersIn = (file: string | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((secretIn(file) ?? '').split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [, name, value] = /^([\w-]+):\s*(.*\S)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new FullmonError(`${file}: a line is no header, Name: value`);
    return [name.toLowerCase(), value];
  }));

/** It runs with fullmon's rights, so nobody else may have a say in what it is. Throws a {@link FullmonError}. */
export const checkProgram = (program: string): void => {
  try {
    closeSync(openTrusted(realpathSync(program)));
  } catch (error) {
    throw new FullmonError(`${program}: ${messageOf(error)}: a command must be a program of root's that nobody else may write`);
  }
};
