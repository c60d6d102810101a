import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where auditd writes unless told otherwise. */
export const AUDITD_LOG = '/var/log/audit/audit.log';

/** Not $PATH, and nothing of our environment: what is asked about auditing is asked of its own program. */
const ENVIRONMENT = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' };

/** Seconds before the first look, when starting up is over; between two; and for one. */
const FIRST = 1;
const EVERY = 30;
const PATIENCE = 10;

/** What it prints; undefined when it is missing, or may not ask (it needs CAP_AUDIT_CONTROL in the first namespaces). */
const auditctl = (flag: '-s' | '-l'): Promise<string | undefined> =>
  new Promise((done) => {
    execFile('auditctl', [flag], { timeout: PATIENCE * 1000, killSignal: 'SIGKILL', maxBuffer: 4 * 1024 * 1024, env: ENVIRONMENT }, (error, stdout) => done(error ? undefined : stdout));
  });

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

/**
 * Hands over, at once and then twice a minute, what `auditctl -s` and `auditctl -l` say of this kernel (undefined for rules that may not be listed), as
 * long as `log` (undefined: stdin) is written by its daemon. Quietly does nothing where that cannot be asked. Returns what ends it.
 */
export const pollAudit = (log: string | undefined, heard: (status: string, rules: string | undefined) => void): (() => void) => {
  let local = false;
  let stopped = false;
  const look = async (): Promise<void> => {
    const status = await auditctl('-s');
    if (status === undefined) return;
    local ||= isLocal(log, status);
    if (!local) return;
    const rules = await auditctl('-l');
    if (!stopped) heard(status, rules);
  };
  const first = setTimeout(() => void look(), FIRST * 1000).unref();
  const timer = setInterval(() => void look(), EVERY * 1000).unref();
  return () => {
    stopped = true;
    clearTimeout(first);
    clearInterval(timer);
  };
};
