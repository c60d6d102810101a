import { execFile } from 'node:child_process';
import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { openTrusted } from './files.ts';

/** Where auditd writes unless told otherwise. */
export const AUDITD_LOG = '/var/log/audit/audit.log';

/** Not $PATH, and nothing of our environment: what is asked about auditing is asked of its own program. */
const ENVIRONMENT = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' };

/** Seconds before the first look, when starting up is over; between two; and for one. */
const FIRST = 1;
const EVERY = 30;
const PATIENCE = 10;
/** What a unit of root's wrote down holds for so long, and so many looks without an answer are told. */
const FRESH = 120;
const MISSES = 4;
/** Its last line: before that it is still being written. */
const END = '\nend\n';

/** What it prints; undefined when it is missing, or may not ask (it needs CAP_AUDIT_CONTROL in the first namespaces). */
const auditctl = (flag: '-s' | '-l'): Promise<string | undefined> =>
  new Promise((done) => {
    execFile('auditctl', [flag], { timeout: PATIENCE * 1000, killSignal: 'SIGKILL', maxBuffer: 4 * 1024 * 1024, env: ENVIRONMENT }, (error, stdout) => done(error ? undefined : stdout));
  });

type Answer = readonly [status: string, rules: string | undefined];

const ask = async (): Promise<Answer | undefined> => {
  const status = await auditctl('-s');
  return status === undefined ? undefined : [status, await auditctl('-l')];
};

/** The same, as the unit fullmon-audit wrote it down; undefined when that is old, not whole, or could be anybody's. */
export const readAnswer = (file: string, now: number): Answer | undefined => {
  try {
    const fd = openTrusted(file);
    try {
      const text = readFileSync(fd, 'latin1');
      const rules = text.search(/^(?:-|No rules)/m);
      if (now - fstatSync(fd).mtimeMs > FRESH * 1000 || !text.endsWith(END) || rules < 0) return undefined;
      return [text.slice(0, rules), text.slice(rules, 1 - END.length)];
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
};

const holds = (pid: string, path: string): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
  } catch {
    return false;
  }
};

const isOurParent = (pid: string): boolean => {
  try {
    // The dispatcher that starts plugins may stand between the two.
    const parents = [String(process.ppid), / (\d+) /.exec(readFileSync(`/proc/${process.ppid}/stat`, 'latin1').replace(/^.*\) \S/s, ''))?.[1]];
    return pid !== '0' && parents.includes(pid);
  } catch {
    return false;
  }
};

/** Is what we read written by the daemon of this kernel? Else its state says nothing about our log. */
const isLocal = (log: string | undefined, status: string): boolean => {
  if (log === AUDITD_LOG) return true;
  const pid = /\bpid[ =](\d+)/.exec(status)?.[1] ?? '0';
  return pid !== '0' && (log === undefined ? isOurParent(pid) : holds(pid, resolve(log)));
};

/** What to do with what is heard; `unheard`: auditing could be asked about, and cannot any more, or again. */
export interface AuditEar {
  readonly heard: (status: string, rules: string | undefined) => void;
  readonly unheard: (isUnheard: boolean) => void;
}

/**
 * Hands over, at once and then twice a minute, what `auditctl -s` and `auditctl -l` say of this kernel (undefined for rules that may not be listed), as
 * long as `log` (undefined: stdin) is written by its daemon. Quietly does nothing where that cannot be asked. `prepared`: the file in which root
 * writes it down for who may not ask, and the log that its daemon writes. Returns what ends it.
 */
export const pollAudit = (log: string | undefined, { heard, unheard }: AuditEar, prepared?: { readonly answer: string; readonly log: string }): (() => void) => {
  let local = prepared !== undefined && prepared.log === log;
  let stopped = false;
  let misses = Infinity;
  const look = async (): Promise<void> => {
    const answer = prepared === undefined ? await ask() : readAnswer(prepared.answer, Date.now());
    if (stopped) return;
    if (answer === undefined) {
      if (++misses === MISSES) unheard(true);
      return;
    }
    local ||= isLocal(log, answer[0]);
    if (!local) return;
    if (misses >= MISSES && misses !== Infinity) unheard(false);
    misses = 0;
    heard(...answer);
  };
  const first = setTimeout(() => void look(), FIRST * 1000).unref();
  const timer = setInterval(() => void look(), EVERY * 1000).unref();
  return () => {
    stopped = true;
    clearTimeout(first);
    clearInterval(timer);
  };
};
