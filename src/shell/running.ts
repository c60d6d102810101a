import { bytes, pid, ses, uid } from '../audit/units.ts';
import type { Lookup, ProcessFact } from '../behaviour/processes.ts';
import type { Fullmon } from '../fullmon.ts';
import { readContainer, readProcess, readProcesses } from '../input/proc.ts';
import type { ProcEntry } from '../input/proc.ts';
import type { Prepared } from './prepare.ts';

const factOf = (p: ProcEntry): ProcessFact => ({
  pid: pid(p.pid), ppid: pid(p.ppid), exe: bytes(p.exe), argv: p.argv.map(bytes), cwd: bytes(p.cwd),
  login: uid(p.login), euid: uid(p.euid), ses: ses(p.ses), notty: p.notty, unit: bytes(p.unit), container: bytes(p.container),
});

/** Younger processes may be gone before they are asked (seconds). */
const SETTLED = 10;

/**
 * Only processes that have been there for a while: a shell between two pipes leaves no record, and is caught alive now and then. What is
 * known of a parent must not hang on that luck, or its children are new on the day it is caught.
 */
export const lookupWith = (links: Prepared['links'] | undefined): Lookup => ({
  process: (id) => {
    const entry = readProcess(id, links);
    return entry && entry.age >= SETTLED ? factOf(entry) : undefined;
  },
  container: (id) => bytes(readContainer(id)),
});

/** Has fullmon know all that runs now. */
export const knowAll = ({ know }: Fullmon, links: Prepared['links'] | undefined): void => {
  const { processes, lastPid } = readProcesses(links);
  know(processes.map(factOf), lastPid === undefined ? undefined : pid(lastPid));
};
