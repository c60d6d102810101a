import { bytes, pid, ses, uid, UNSET } from '../../src/audit/units.ts';
import type { ProcessFact } from '../../src/behaviour/processes.ts';

/** What /proc would tell of a process with uid 33; with `session` and `login` it is of that login. */
export const fact = (id: number, ppid: number, exe: string, argv: readonly string[], session = UNSET, login = UNSET): ProcessFact => ({
  pid: pid(id), ppid: pid(ppid), exe: bytes(exe), argv: argv.map(bytes), cwd: bytes('/srv'), login: uid(login), euid: uid(33), ses: ses(session), notty: true,
});
