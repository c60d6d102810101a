import type { AuditStatus } from '../audit/status.ts';
import type { AuditFinding } from './health.ts';
import type { Severity } from './severity.ts';

/** What can be amiss with auditing for a while. */
type Amiss = 'off' | 'unheard' | 'unruled' | 'never' | 'exec' | 'write' | 'connect' | 'lossy' | 'behind';

export interface AuditWatchState {
  readonly amiss: readonly Amiss[];
  readonly lost: number | undefined;
}

export interface AuditWatch {
  /** Takes in how auditing stands: what is amiss is told once, and once more when it is well again. */
  readonly look: (status: AuditStatus) => { readonly findings: readonly AuditFinding[]; /** Between this look and the last one, something was not recorded. */ readonly blind: boolean };
  readonly save: () => AuditWatchState;
}

/** Parts of the backlog's limit: nearly full, and well again. */
const FULL = 0.9;
const WELL = 0.5;

const TOLD: Readonly<Record<Exclude<Amiss, 'lossy'>, readonly [severity: Severity, amiss: string, well: string]>> = {
  off: ['critical', 'auditing is switched off in the kernel: nothing is recorded until it is switched on (auditctl -e 1)', 'auditing is switched on again'],
  unheard: ['critical', 'no audit daemon runs: nothing is recorded until one is started', 'an audit daemon runs again'],
  unruled: ['critical', 'there are no audit rules in the kernel: nothing is recorded until they are loaded (augenrules --load)', 'there are audit rules again'],
  never: ['critical', "the audit rule '-a never,task' keeps every process that starts from now on unrecorded", "the audit rule '-a never,task' is gone"],
  exec: ['high', 'no audit rule records what is executed (key PROCESS)', 'what is executed is recorded again'],
  write: ['high', 'no audit rule records which files are changed (key FILEMOD)', 'which files are changed is recorded again'],
  connect: ['high', 'no audit rule records who is spoken to (key NETCONN)', 'who is spoken to is recorded again'],
  behind: ['medium', 'the audit daemon hardly keeps up: records will be lost soon', 'the audit daemon keeps up again'],
};

// Rules of other people have other keys: what counts is the call, too.
const NEEDED = [
  ['exec', /\bkey=PROCESS\b|[ ,]execve\b|-S all\b/],
  ['write', /\bkey=FILEMOD\b|[ ,]openat\b|-S all\b|\bperm=[rx]*w|^-w .* -p [rx]*w/],
  ['connect', /\bkey=NETCONN\b|[ ,]connect\b|-S all\b/],
] as const satisfies readonly (readonly [Amiss, RegExp])[];

const OF_RULES: ReadonlySet<Amiss> = new Set<Amiss>(['unruled', 'never', 'exec', 'write', 'connect']);
const BLINDING: ReadonlySet<Amiss> = new Set<Amiss>([...OF_RULES, 'off', 'unheard', 'lossy']);

const missing = (rules: readonly string[]): readonly Amiss[] => {
  const recording = rules.filter((rule) => /^-w |^-a (?:always,exit|exit,always) /.test(rule));
  if (recording.length === 0) return ['unruled'];
  return [
    ...(rules.some((rule) => /^-a (?:never,task|task,never)$/.test(rule)) ? ['never' as const] : []),
    ...NEEDED.filter(([, pattern]) => !recording.some((rule) => pattern.test(rule))).map(([amiss]) => amiss),
  ];
};

export const watchAudit = (saved?: AuditWatchState): AuditWatch => {
  let amiss: ReadonlySet<Amiss> = new Set(saved?.amiss);
  let lost = saved?.lost;

  return {
    look({ enabled, pid, lost: count, backlog, backlogLimit, rules }) {
      const now = new Set<Amiss>();
      if (enabled === 0) now.add('off');
      if (pid === 0) now.add('unheard');
      for (const one of rules === undefined ? [...amiss].filter((known) => OF_RULES.has(known)) : missing(rules)) now.add(one);
      if (backlogLimit > 0 && backlog >= backlogLimit * (amiss.has('behind') ? WELL : FULL)) now.add('behind');
      // A boot and `auditctl --reset-lost` begin the count anew. What was lost before anybody looked is not for now to tell.
      const more = lost === undefined ? 0 : count < lost ? count : count - lost;
      lost = count;
      if (more > 0) now.add('lossy');

      const findings: AuditFinding[] = [];
      for (const one of now) {
        if (amiss.has(one)) continue;
        if (one === 'lossy') findings.push({ severity: 'high', text: `the kernel has thrown ${more} audit ${more === 1 ? 'record' : 'records'} away: what they told is not known` });
        else findings.push({ severity: TOLD[one][0], text: TOLD[one][1] });
      }
      for (const one of amiss) {
        if (!now.has(one)) findings.push({ severity: 'low', text: one === 'lossy' ? `no more audit records are lost, ${count} in all` : TOLD[one][2] });
      }
      const blind = [...now, ...amiss].some((one) => BLINDING.has(one));
      amiss = now;
      return { findings, blind };
    },
    save: () => ({ amiss: [...amiss], lost }),
  };
};
