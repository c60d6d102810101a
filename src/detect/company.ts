import { bytes, isSet } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import type { Subject } from '../behaviour/edge.ts';
import type { Process } from '../behaviour/processes.ts';
import type { Sighting } from '../behaviour/sightings.ts';

/** In which company an edge was seen; it makes the same edge graver or more innocent. */
export interface Company {
  /** A daemon; a job of cron and the like; a login that is known to come this way, or one that is not. */
  readonly session: 'daemon' | 'job' | 'known login' | 'new login';
  /** The package manager of the system is among the ancestors. */
  readonly packages: boolean;
  /** The incident that made, or talked to, what is used here. */
  readonly after: string | undefined;
  /** What the same incident showed before. */
  readonly inRow: InRow;
}

/** Unseen edges of an incident so far that mean something by their number. */
export interface InRow {
  readonly connects: number;
  /** Programs that tell about this machine. */
  readonly asked: number;
}

const JOBS = new Set(['cron', 'crond', 'cronie', 'atd', 'anacron', 'fcron', 'systemd']);
// By its place: whoever may write there needs no disguise any more.
const PACKAGE_MANAGER = /^\/usr\/(?:bin|sbin|lib\/apt\/methods|libexec)\/(?:apt(?:-get|itude)?|dpkg|rpm|dnf(?:-\d)?|yum|zypper|apk|pacman|unattended-upgrade(?:s|r)?)$/;

const isPackageManager = (p: Process): boolean => PACKAGE_MANAGER.test(p.exe) || PACKAGE_MANAGER.test(p.script);

/** The process and its ancestors, nearest first, each program once in a row. */
export const ancestry = (process: Process): readonly Bytes[] => {
  const names: Bytes[] = [];
  for (let p: Process | undefined = process; p !== undefined; p = p.parent) {
    const name = p.script === '' ? p.exe : bytes(`${p.exe} ${p.script}`);
    if (names.at(-1) !== name) names.push(name);
  }
  return names;
};

const isUnder = (process: Process | undefined, what: (p: Process) => boolean): boolean => {
  for (let p = process; p !== undefined; p = p.parent) if (what(p)) return true;
  return false;
};

export const companyOf = (seen: Sighting, isKnownLogin: (subject: Subject) => boolean, after: string | undefined, inRow: InRow): Company => {
  const { login, service } = seen.subject;
  const session = !isSet(login) ? 'daemon' : JOBS.has(service) ? 'job' : isKnownLogin(seen.subject) ? 'known login' : 'new login';
  return { session, packages: isUnder(seen.kind === 'exec' ? seen.actor.parent : seen.actor, isPackageManager), after, inRow };
};
