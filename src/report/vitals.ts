import { countRejected } from '../audit/losses.ts';
import type { Losses } from '../audit/losses.ts';
import type { AuditStatus } from '../audit/status.ts';
import { ms } from '../audit/units.ts';
import type { FindingKind, Line } from '../detect/line.ts';
import { SEVERITIES } from '../detect/severity.ts';
import type { Severity } from '../detect/severity.ts';

/** What was told since the start. */
export interface Told {
  readonly edges: ReadonlyMap<Severity, number>;
  /** Opened, or risen to it. */
  readonly incidents: ReadonlyMap<Severity, number>;
  readonly findings: Readonly<Record<FindingKind, ReadonlyMap<Severity, number>>>;
  readonly cycles: number;
}

/** How the agent stands at this moment. Times in ms of this machine's clock. */
export interface Vitals {
  readonly now: number;
  readonly started: number;
  readonly isLearning: boolean;
  readonly events: number;
  readonly edges: number;
  /** Numbered events that never came. */
  readonly holes: number;
  readonly losses: Losses;
  /** Stamp of the latest record; 0 before the first. */
  readonly heard: number;
  /** So long nothing may be recorded, ms. */
  readonly patience: number;
  /** When all that was written had been read, last. */
  readonly caughtUp: number;
  /** Bytes of the log; undefined where it has none. */
  readonly unread: number | undefined;
  /** The log is missing, or cannot be read. */
  readonly isCutOff: boolean;
  /** Of the kernel, where it may be asked. */
  readonly audit: AuditStatus | undefined;
  /** The state, and how long that took (seconds). */
  readonly saved: { readonly at: number; readonly took: number } | undefined;
  readonly told: Told;
}

const zeros = (): Map<Severity, number> => new Map(SEVERITIES.map((severity) => [severity, 0]));

const add = (counts: Map<Severity, number>, severity: Severity): void => void counts.set(severity, (counts.get(severity) ?? 0) + 1);

/** Counts what is told. All there can be stands there from the start: who watches for more has to see the zero, too. */
export const countTold = (): { readonly count: (line: Line) => void; readonly told: Told } => {
  const edges = zeros();
  const incidents = zeros();
  const findings: Readonly<Record<FindingKind, Map<Severity, number>>> = { audit: zeros(), clock: zeros(), config: zeros(), flood: zeros(), gap: zeros(), log: zeros(), sink: zeros(), state: zeros() };
  const told = { edges, incidents, findings, cycles: 0 };
  return {
    told,
    count(line) {
      switch (line.type) {
        case 'edge': return add(edges, line.alert.severity);
        case 'incident': return line.state === 'closed' ? undefined : add(incidents, line.incident.severity);
        case 'finding': return add(findings[line.kind], line.severity ?? 'medium');
        case 'phase': if (line.phase === 'collect') told.cycles++; return;
        case 'ignore': case 'coverage': case 'relearned': case 'heartbeat': return;
      }
    },
  };
};

/** So long the agent may be behind the log. Ms. */
const LAG = 60_000;

const seconds = (time: number): number => Math.round(time / 1000);

/** Why what happens now would not be told soon, in words. */
export const troublesOf = ({ now, started, heard, patience, caughtUp, isCutOff, audit }: Vitals): readonly string[] => {
  // A log that is always busy is never read to its end; that its latest stamps are of now will do.
  const behind = now - Math.max(caughtUp, heard);
  const silent = now - Math.max(heard, started);
  return [
    ...(isCutOff ? ['the log is missing, or cannot be read'] : []),
    ...(behind > LAG ? [`the agent lags: it has not come to the end of the log for ${seconds(behind)} s`] : []),
    ...(silent > patience ? [`the log is stale: nothing has been recorded for ${seconds(silent)} s`] : []),
    ...(audit?.enabled === 0 ? ['auditing is switched off in the kernel'] : []),
    ...(audit?.pid === 0 ? ['no audit daemon runs'] : []),
  ];
};

/** Ms. Of 24 lines a day nobody complains, and who misses one knows within two hours. */
const BEAT = 3_600_000;

const sum = (counts: ReadonlyMap<Severity, number>): number => [...counts.values()].reduce((all, n) => all + n, 0);

/** Tells once an hour that it goes on. Returns what ends it. */
export const heartbeat = (take: () => Vitals, tell: (line: Line) => void): (() => void) => {
  const timer = setInterval(() => {
    const vitals = take();
    const troubles = troublesOf(vitals);
    tell({
      type: 'heartbeat', time: ms(vitals.now), text: troubles.join('; ') || (vitals.isLearning ? 'learning' : 'watching'),
      facts: {
        healthy: troubles.length === 0, events: vitals.events, known: vitals.edges, rejected: countRejected(vitals.losses), behind: Math.max(0, vitals.now - Math.max(vitals.caughtUp, vitals.heard)),
        edges: sum(vitals.told.edges), incidents: sum(vitals.told.incidents), findings: Object.values(vitals.told.findings).reduce((all, counts) => all + sum(counts), 0),
      },
    });
  }, BEAT).unref();
  return () => clearInterval(timer);
};
