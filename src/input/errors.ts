/** Wrong use or a broken environment, told in one line; a bug is any other exception. */
export class FullmonError extends Error {
  /** Exit status: 2 for wrong use. */
  readonly exit: number;

  constructor(message: string, exit = 2) {
    super(message);
    this.exit = exit;
  }
}

/** Does what may throw a {@link FullmonError}, which then names the place that was wrong. */
export const inside = <T>(where: string, act: () => T): T => {
  try {
    return act();
  } catch (error) {
    throw error instanceof FullmonError ? new FullmonError(`${where}: ${error.message}`, error.exit) : error;
  }
};

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file: check the path',
  EACCES: 'permission denied: run as root or as a member of the group that owns the log (often adm)',
  EISDIR: 'is a directory: name the log files in it',
};

/** The one line for a file that cannot be read. */
export const unreadable = (path: string, error: unknown): FullmonError => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = ADVICE[code] ?? (error instanceof Error ? error.message : String(error));
  return new FullmonError(`${path}: ${why}`);
};
