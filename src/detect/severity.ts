import { isSet } from '../audit/units.ts';
import type { Novelty } from '../baseline/nearest.ts';
import { parseSubject } from '../behaviour/edge.ts';
import { Trait } from '../behaviour/handler.ts';
import { isProtected } from '../behaviour/places.ts';
import { isInterpreter, isShell } from '../behaviour/script.ts';
import type { Sighting } from '../behaviour/sightings.ts';
import type { Company } from './company.ts';
import { isBlinding } from './health.ts';
import { isWebProgram, meaningOf, oddityOf } from './tactics.ts';
import type { Oddity, Tactic } from './tactics.ts';
import { asksAround, isRelay, readsAnything, toolOf } from './tools.ts';

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** How grave an unseen edge is, and why, in words. */
export interface Rating {
  readonly severity: Severity;
  /** 0 to 100. */
  readonly score: number;
  readonly reasons: readonly string[];
  readonly tactic: Tactic | undefined;
  /** Id of MITRE ATT&CK where it is plain. */
  readonly technique: string | undefined;
  /** Its company made it less grave: it is not learned unless a person accepts it. */
  readonly lowered: boolean;
}

/** Scores from which an edge is more than low. */
export const MEDIUM = 25;
const HIGH = 45;
const CRITICAL = 70;

export const severityOf = (score: number): Severity => (score >= CRITICAL ? 'critical' : score >= HIGH ? 'high' : score >= MEDIUM ? 'medium' : 'low');

export const isHigh = (severity: Severity): boolean => severity === 'high' || severity === 'critical';

const ODD: Readonly<Record<Oddity, string>> = { scratch: 'lies where anybody can write', hidden: 'is hidden', gone: 'is on no disk' };

// They read password hashes because it is their business.
const AUTHENTICATES = /^\/usr\/(?:s?bin|lib(?:exec)?\/[^/]+(?:\/[^/]+)?)\/(?:sudo|su|login|sshd(?:-session|-auth)?|unix_chkpwd|passwd|chage|chpasswd|useradd|usermod|userdel|adduser|groupadd|vipw|cron|atd|auth|polkit[^/]*|systemd-(?:logind|executor|sysusers|userdbd?))$/;
/** Of the service manager, mounts and namespaces of a unit are daily bread. */
const SERVICE_MANAGER = /^\/(?:usr\/)?lib\/systemd\/systemd(?:-[a-z]+)?$/;
const OPENS_LOGINS = /\/(?:sshd(?:-session)?|login|su|dropbear|telnetd|in\.[a-z]+d|cockpit-session|gdm-session-worker)$/;
const ROTATES = /^\/usr\/s?bin\/(?:logrotate|savelog|rsyslogd|syslog-ng)$|^\/(?:usr\/)?lib\/systemd\/systemd-journald$/;
const ITS_CLIENT = /^\/(?:usr\/)?bin\/(?:systemctl|loginctl|busctl|journalctl|systemd-run|docker|podman|ctr|crictl|virsh|snap)$/;
/** The technique of what lies among the programs of the system: of a script there it says nothing. */
const SYSTEM_PROGRAMS = 'T1554';
const LOCAL = /^(?:127\.|::1:|localhost:|vsock\/)/;
const LIBRARY = /\.so(?:\.\d+)*$/;
/** uids from here on are people's, on Debian and most others. */
const FIRST_PERSON = 1000;
const NOBODY = 65534;
/** Debian's own programs that run as root for whoever calls them. */
const BECOMES_ROOT = /^\/usr\/s?bin\/(?:sudo|su|passwd|pkexec|mount|umount|fusermount3?|ping|newgrp|chsh|chfn|gpasswd|chage|expiry|crontab|at)$/;
/** So much of the same kind in one incident is no accident. */
const MANY = 5;
const EVERYWHERE = /^(?:0\.0\.0\.0|::):/;

/** Adds points, with the word that stands for them. */
type Because = (points: number, reason: string, tactic?: Tactic, technique?: string) => void;

type Rule = (seen: Sighting, novelty: Novelty, company: Company, because: Because) => void;

/** A service's own account: not root, and no login behind it. */
const isServiceAccount = ({ subject }: Sighting): boolean => !isSet(subject.login) && subject.euid !== 0;

/** Does what it is told on its command line or through a pipe, so that its file says nothing about it. */
const isInline = ({ subject }: Sighting): boolean => isRelay(subject.exe) || (isInterpreter(subject.exe) && !subject.script.startsWith('/') && !subject.script.startsWith('-m '));

const execs: Rule = (seen, novelty, company, because) => {
  because(10, 'it never ran this program', 'execution');
  if (!novelty.objectKnown) because(5, 'nobody here ever did');
  const target = parseSubject(seen.name);
  if (target === undefined) return;
  const oddity = oddityOf(target.exe);
  const oddScript = oddityOf(target.script);
  if (oddity !== undefined) because(45, `the program ${ODD[oddity]}`, 'defense evasion', oddity === 'gone' ? 'T1620' : oddity === 'hidden' ? 'T1564.001' : 'T1036.005');
  else if (oddScript !== undefined) because(40, `the script ${ODD[oddScript]}`, 'execution', 'T1059');
  const meaning = meaningOf('create', target.script);
  if (meaning?.tactic === 'persistence' && meaning.technique !== SYSTEM_PROGRAMS) because(15, `a script of ${meaning.what}`, meaning.tactic, meaning.technique);
  if (company.session === 'new login' && OPENS_LOGINS.test(seen.subject.exe)) because(35, 'the first program of such a login', 'initial access', 'T1078');
  const tool = toolOf(target.exe);
  if (tool !== undefined) because(tool.points, tool.what, tool.tactic, tool.technique);
  if (company.inRow.asked >= MANY && asksAround(target.exe)) because(20, 'one question about this machine after the other', 'discovery', 'T1082');
  if (isServiceAccount(seen)) {
    if (isInterpreter(target.exe) && !isShell(seen.subject.exe) && !SERVICE_MANAGER.test(seen.subject.exe)) because(35, 'a service starts an interpreter', 'execution', target.exe.includes('python') ? 'T1059.006' : 'T1059.004');
    // That the shell itself is new has been told; what it does then is the same step.
    else if (isInline(seen)) because(novelty.subjectKnown ? 35 : 15, "a service's shell runs something new", 'execution', 'T1059.004');
  }
  if ((seen.traits & Trait.risen) !== 0 && seen.subject.euid !== 0) {
    const isService = seen.subject.euid < FIRST_PERSON || seen.subject.euid === NOBODY;
    because(isService || !BECOMES_ROOT.test(target.exe) ? 40 : 15, isService ? 'a service becomes root by it' : 'it becomes root by it', 'privilege escalation', 'T1548');
  }
};

const connects: Rule = (seen, novelty, company, because) => {
  because(20, novelty.kindKnown ? 'a peer it never talked to' : 'it never talked to anybody', 'command and control', 'T1071');
  if (isInline(seen) && company.inRow.connects >= MANY) because(25, 'one door after the other', 'discovery', 'T1046');
  if (LOCAL.test(seen.address || seen.name)) {
    if (isInline(seen)) because(10, 'its input opens the connection', 'command and control', 'T1059');
    return;
  }
  because(5, 'outside this machine');
  if (!novelty.objectKnown) because(10, 'nobody here ever talked to it');
  if (novelty.kindKnown && !novelty.portKnown) because(10, 'a port it never used');
  if (isInline(seen)) because(20, 'its input opens the connection', 'command and control', 'T1059');
};

const listens: Rule = (seen, novelty, _, because) => {
  because(20, 'a port it never listened on', 'command and control', 'T1571');
  if (seen.name === 'packet:*') because(25, "reads everybody's traffic", 'credential access', 'T1040');
  else if (seen.name.endsWith(':*')) because(-10, 'a port the kernel chose');
  if (EVERYWHERE.test(seen.name)) because(5, 'open to every network');
  if (!novelty.objectKnown) because(10, 'nobody here ever did');
  if (!novelty.kindKnown) because(5, 'it never listened at all');
  if (isInline(seen)) because(20, 'its input decides what it serves');
};

const reads: Rule = (seen, _, company, because) => {
  because(40, 'a secret it never read', 'credential access', /shadow|passwd/.test(seen.name) ? 'T1003.008' : seen.name.startsWith('/proc/') ? 'T1003.007' : 'T1552');
  if (AUTHENTICATES.test(seen.subject.exe) || SERVICE_MANAGER.test(seen.subject.exe)) because(-25, 'checking secrets is its business');
  else if (company.session !== 'job' && (readsAnything(seen.subject.exe) || isInline(seen))) because(15, 'by a program that reads whatever it is told');
  if (isServiceAccount(seen)) because(15, 'a service reads it');
};

const kernels: Rule = (seen, _, __, because) => {
  const [what = '', name = ''] = seen.name.split(':', 2);
  switch (what) {
    case 'audit': return isBlinding(name) ? because(70, 'takes sight from auditing', 'defense evasion', 'T1562.012') : because(30, 'changes auditing', 'defense evasion', 'T1562.012');
    case 'module': return because(60, 'changes what the kernel runs', 'persistence', 'T1547.006');
    case 'kexec': return because(70, 'boots another kernel', 'defense evasion', 'T1542');
    case 'bpf': because(35, 'loads a program into the kernel', 'defense evasion', 'T1014'); break;
    case 'memfd': because(30, 'makes a file that is on no disk', 'defense evasion', 'T1620'); break;
    case 'io_uring': because(30, 'opens a way to the kernel that audit does not see', 'defense evasion', 'T1562.012'); break;
    case 'mount':
    case 'umount':
    case 'pivot_root': because(40, 'changes what lies where', 'defense evasion', 'T1564'); break;
    case 'setns': because(40, 'enters another namespace', 'privilege escalation', 'T1611'); break;
    default: because(35, 'leaves its namespaces', 'privilege escalation', 'T1611');
  }
  if (SERVICE_MANAGER.test(seen.subject.exe)) because(-20, 'setting up units is its business');
  else if (isServiceAccount(seen)) because(15, 'a service does it');
  else if (isInline(seen)) because(20, 'code from the command line does it');
};

const files: Rule = (seen, novelty, company, because) => {
  const meaning = meaningOf(seen.kind, seen.name);
  because(10, novelty.directoryKnown ? 'a file it never touched in this way' : 'a directory it never touched');
  if (meaning !== undefined) because(meaning.points, meaning.what, meaning.tactic, meaning.technique);
  else if (isProtected(seen.name)) because(25, 'a place of the system');
  if (ROTATES.test(seen.subject.exe) && seen.name.startsWith('/var/log/') && !seen.name.startsWith('/var/log/audit')) because(-35, 'rotating logs is its business');
  const oddity = oddityOf(seen.name);
  if (oddity === 'scratch' && LIBRARY.test(seen.name) && seen.kind !== 'delete') because(30, 'a library where anybody can write', 'persistence', 'T1574.006');
  if (oddity === 'hidden' && meaning === undefined) because(10, 'a hidden name', 'defense evasion', 'T1564.001');
  if ((seen.traits & Trait.setId) !== 0) because(60, 'it runs with the rights of its owner', 'privilege escalation', 'T1548.001');
  else if ((seen.traits & Trait.executable) !== 0) because(oddity === undefined ? 15 : 35, seen.kind === 'write' ? 'a program is changed' : 'a program is made', 'execution', 'T1105');
  if (company.session === 'daemon' && seen.kind !== 'delete' && isWebProgram(seen.name)) because(40, 'a service writes what a web server would run', 'persistence', 'T1505.003');
};

const RULES: Readonly<Record<Sighting['kind'], Rule>> = {
  exec: execs,
  connect: connects,
  listen: listens,
  sock: (seen, _, __, because) => {
    because(/dbus/.test(seen.name) ? 25 : 50, 'a socket that gives power over the machine', 'privilege escalation', 'T1610');
    if (ITS_CLIENT.test(seen.subject.exe) || SERVICE_MANAGER.test(seen.subject.exe)) because(-25, 'it is made for that');
  },
  trace: (_, __, ___, because) => because(60, 'takes hold of another process', 'privilege escalation', 'T1055.008'),
  kernel: kernels,
  read: reads,
  create: files, write: files, delete: files, rename: files, link: files, attr: files,
};

/** Whatever the company: tampering with audit, a library for all programs, somebody else's rights, the kernel. */
const isInexcusable = (seen: Sighting): boolean =>
  (seen.traits & Trait.setId) !== 0 || seen.kind === 'trace' || (seen.kind === 'kernel' && /^(?:module|kexec|audit)/.test(seen.name)) || meaningOf(seen.kind, seen.name)?.always === true;

/** Rates an edge that is not in the baseline: how new it is, what it is good for, and in which company it was seen. */
export const rate = (seen: Sighting, novelty: Novelty, company: Company): Rating => {
  const reasons: string[] = [];
  let score = 0;
  let tactic: Tactic | undefined;
  let technique: string | undefined;
  let weight = 0;
  const because: Because = (points, reason, ofTactic, ofTechnique) => {
    score += points;
    reasons.push(reason);
    if (ofTactic === undefined || points < weight) return;
    weight = points;
    tactic = ofTactic;
    technique = ofTechnique;
  };
  RULES[seen.kind](seen, novelty, company, because);
  if ((seen.traits & Trait.denied) !== 0) because(10, 'denied, which shows intent');
  if (company.after !== undefined) because(20, `goes on from incident ${company.after}`);
  if (company.session === 'new login') because(15, 'in a session of a login that never came this way');

  const before = severityOf(score);
  if (!isInexcusable(seen)) {
    if (company.packages) because(-25, 'the package manager does it');
    else if (company.session === 'known login') because(-10, 'in a session of a known login');
  }
  score = Math.max(1, Math.min(score, 100));
  return { severity: severityOf(score), score, reasons, tactic, technique, lowered: severityOf(score) !== before };
};

/** Too grave to be learned in silence: it is told while learning too, and stays new until a person accepts it. */
export const isGrave = (seen: Sighting): boolean =>
  seen.kind === 'exec' ? /:\/(?:memfd:|dev\/shm\/)/.test(seen.name)
  : seen.kind === 'kernel' ? /^audit:(?:enabled|pid)=0$/.test(seen.name)
  : seen.kind === 'connect' || seen.kind === 'listen' || seen.kind === 'read' ? false
  : seen.name === '/etc/ld.so.preload' || ((seen.traits & Trait.setId) !== 0 && oddityOf(seen.name) !== undefined);
