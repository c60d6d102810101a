import { closeSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AUDITD_LOG } from '../input/auditstatus.ts';
import { FullmonError } from '../input/errors.ts';
import { codeOf, me, messageOf, openTrusted, shareWithGroup, writeNew } from '../input/files.ts';
import { readLinks } from '../input/proc.ts';
import type { Links } from '../input/proc.ts';
import { readSchedules } from '../input/schedules.ts';
import type { ScheduledJob } from '../input/schedules.ts';

/** What root looks at for an agent that is not root. */
export interface Prepared {
  /** The log that this machine's auditd writes. */
  readonly log: string;
  /** By pid. */
  readonly links: ReadonlyMap<number, Links>;
  readonly jobs: readonly ScheduledJob[];
}

const AUDITD_CONF = '/etc/audit/auditd.conf';
/** Processes that are written down, and the length of a path: the file stays below 100 MB whatever runs here. */
const MAX_LINKS = 10_000;
const MAX_PATH = 4096;

const fileIn = (directory: string): string => join(directory, 'prepared.json');

const logOf = (conf: string): string => {
  try {
    return /^\s*log_file\s*=\s*(\S+)\s*$/m.exec(readFileSync(conf, 'utf8'))?.[1] ?? AUDITD_LOG;
  } catch {
    return AUDITD_LOG;
  }
};

/** `fullmon prepare`: writes down what only root may see, for the group of the directory. Throws a {@link FullmonError}. */
export const runPrepare = async ({ directory }: { readonly directory: string }): Promise<void> => {
  const links = [...readLinks()];
  const body = {
    format: 1,
    log: logOf(AUDITD_CONF),
    links: links.slice(0, MAX_LINKS).filter(([, { exe, cwd }]) => exe.length <= MAX_PATH && cwd.length <= MAX_PATH).map(([pid, { start, exe, cwd }]) => [pid, start, exe, cwd]),
    jobs: await readSchedules(),
  };
  const file = fileIn(directory);
  try {
    const { uid, mode } = statSync(directory);
    if (uid !== me() || (mode & 0o022) !== 0) throw new FullmonError(`prepare ${directory}: others may write there: name a directory of yours`);
    writeNew(`${file}.new`, Buffer.from(JSON.stringify(body)));
    shareWithGroup(`${file}.new`, directory);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw error instanceof FullmonError ? error : new FullmonError(`prepare ${directory}: ${messageOf(error)}`, 1);
  }
  if (links.length > MAX_LINKS) process.stderr.write(`fullmon: prepare: ${links.length - MAX_LINKS} of ${links.length} processes left out\n`);
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const isLink = (value: unknown): value is readonly [number, number, string, string] =>
  Array.isArray(value) && typeof value[0] === 'number' && typeof value[1] === 'number' && typeof value[2] === 'string' && typeof value[3] === 'string';

const isJob = (value: unknown): value is ScheduledJob =>
  isRecord(value) && typeof value['name'] === 'string' && typeof value['program'] === 'string' && (value['by'] === 'cron' || value['by'] === 'timer');

/** What was prepared, or what is wrong with it, in words: the agent goes on without. */
export const readPrepared = (directory: string): Prepared | string => {
  const file = fileIn(directory);
  try {
    const fd = openTrusted(file);
    try {
      const body: unknown = JSON.parse(readFileSync(fd, 'utf8'));
      if (!isRecord(body) || body['format'] !== 1 || typeof body['log'] !== 'string' || !Array.isArray(body['links']) || !Array.isArray(body['jobs'])) return `${file}: was written by another version of fullmon`;
      return {
        log: body['log'],
        links: new Map(body['links'].filter(isLink).map(([pid, start, exe, cwd]) => [pid, { start, exe, cwd }])),
        jobs: body['jobs'].filter(isJob),
      };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return `${file}: ${codeOf(error) === 'ENOENT' ? 'is missing' : messageOf(error)}`;
  }
};

/** Where the unit fullmon-audit writes down what auditctl says. */
export const answerIn = (directory: string): string => join(directory, 'audit');
