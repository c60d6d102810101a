import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import { isFile, parseSubject, UNKNOWN } from '../behaviour/edge.ts';
import type { EdgeKind, Subject } from '../behaviour/edge.ts';
import { baseName } from '../behaviour/paths.ts';
import type { EdgeFacts, Group } from './group.ts';

// How much of what is normal has been seen? What was seen in only one unit of time tells how much was seen in none: Chao's second
// estimator, as ecologists use it to count species. By units and not by calls, since calls come in bursts: by them everything looks
// known. It supposes that all edges may come at any time. A regime that has not come at all, such as the first boot, the first update
// or the monthly job, leaves no trace in the numbers; so those are listed by name.

/** How complete the knowledge is of all edges, or of those of one kind. A pattern counts as one edge. */
export interface Completeness {
  readonly edges: number;
  /** Share of the edges of the next unit that are known, 0 to 1; 0 when nothing was learned. */
  readonly coverage: number;
  /** Edges never seen that one day would show, if nothing more were learned. */
  readonly expectedPerDay: number;
}

/** Something that comes seldom, and brings edges that nothing else brings. */
export interface Regime {
  readonly name: string;
  readonly seen: boolean;
}

export interface Coverage extends Completeness {
  /** Units of time in which anything was seen, and how long one is, seconds. */
  readonly units: number;
  readonly unit: number;
  readonly byKind: Readonly<Partial<Record<EdgeKind, Completeness>>>;
  readonly regimes: readonly Regime[];
}

/** A job of cron or of a systemd timer that is due some time. */
export interface Schedule {
  readonly name: string;
  readonly by: 'cron' | 'timer';
  /** The program or script that tells that it ran: an absolute path. */
  readonly program: string;
}

const DAY = 86_400;
const MINUTE = 60;
const HOUR = 3600;

/**
 * Length of a unit for a learning time in seconds: a sixtieth of it, but a minute at least and an hour at most. Of one hour's baseline
 * hours would tell nothing; over days, what comes twice within minutes came once.
 */
export const unitOf = (baseline: number): Ms => ms(Math.min(HOUR, Math.max(MINUTE, Math.round(baseline / 60))) * 1000);

/** Edges by the number of units in which they were seen: in one, in two, and the sum over all. */
interface Incidence {
  edges: number;
  once: number;
  twice: number;
  sum: number;
}

const noIncidence = (): Incidence => ({ edges: 0, once: 0, twice: 0, sum: 0 });

const tally = (into: Incidence, { units }: EdgeFacts): void => {
  into.edges++;
  into.sum += units;
  if (units === 1) into.once++;
  else if (units === 2) into.twice++;
};

/** Chao2 with bias correction, and the coverage and extrapolation that belong to it (Chao and Jost). `units`: how many there were. */
export const estimate = ({ edges, once, twice, sum }: Incidence, units: number, unitsPerDay: number): Completeness => {
  if (sum === 0) return { edges, coverage: 0, expectedPerDay: 0 };
  const [a, b] = twice > 0 ? [(units - 1) * once, 2 * twice] : [(units - 1) * Math.max(0, once - 1), 2];
  const coverage = once === sum && units === 1 ? 0 : 1 - (once / sum) * (a / (a + b));
  const unseen = (Math.max(0, units - 1) / units) * (once * (once - 1)) / (2 * (twice + 1));
  const expectedPerDay = unseen === 0 ? 0 : unseen * (1 - (1 - once / (units * unseen + once)) ** unitsPerDay);
  return { edges, coverage, expectedPerDay };
};

const CRON = /^(?:cron|crond|anacron|fcron|busybox)$/;
// Newer systemd puts a helper between.
const INIT = /\/(?:systemd|systemd-executor|init)$/;
const LOGIN = /^(?:sshd|sshd-session|dropbear|login|agetty|systemd-logind|cockpit-session|xrdp-sesman|gdm-session-worker)$/;
const PACKAGES = /^(?:dpkg|rpm|dnf|dnf5|dnf-3|microdnf|yum|zypper|apk|pacman)$/;
const ROTATION = /^(?:logrotate|newsyslog)$/;
/** What systemd and OpenRC run once, on the way up. */
const BOOT = /\/(?:systemd-(?:update-utmp|user-sessions|remount-fs|modules-load|random-seed|machine-id-setup|binfmt)|openrc)$/;

interface Evidence {
  readonly parent: Subject;
  /** What was run; undefined for other kinds of edges. */
  readonly child: Subject | undefined;
  readonly kind: EdgeKind;
}

const changesFiles = (kind: EdgeKind): boolean => isFile(kind) && kind !== 'read' && kind !== 'attr';

const runs = (s: Subject | undefined, program: string): boolean => s !== undefined && (s.exe === program || s.script === program);

const REGIMES: readonly { readonly name: string; readonly shows: (e: Evidence) => boolean }[] = [
  { name: 'boot', shows: ({ child }) => child !== undefined && BOOT.test(child.exe) },
  { name: 'login', shows: ({ parent }) => LOGIN.test(parent.service) },
  // Asking them changes nothing, and is done all the time.
  { name: 'package update', shows: ({ parent, kind }) => PACKAGES.test(baseName(parent.exe)) && (kind === 'rename' || kind === 'link') },
  { name: 'log rotation', shows: ({ parent, kind }) => ROTATION.test(baseName(parent.exe)) && changesFiles(kind) && kind !== 'write' },
];

const regimeOf = ({ name, by, program }: Schedule): (typeof REGIMES)[number] => ({
  name,
  shows: ({ parent, child }) => runs(child, program) && (by === 'cron' ? CRON.test(child?.service ?? '') : INIT.test(parent.exe) || parent.exe === UNKNOWN),
});

/** What was learned in so many units of time. `unit`: ms. */
export const coverageOf = (groups: readonly Group[], units: number, unit: Ms, schedules: readonly Schedule[]): Coverage => {
  const all = noIncidence();
  const kinds = new Map<EdgeKind, Incidence>();
  const missing = new Set([...REGIMES, ...schedules.map(regimeOf)]);
  const regimes = [...missing];
  for (const { subject: parent, kind, names, patterns } of groups) {
    const ofKind = kinds.get(kind) ?? noIncidence();
    kinds.set(kind, ofKind);
    for (const facts of [...names.values(), ...[...patterns].map((p) => p.facts)]) {
      tally(all, facts);
      tally(ofKind, facts);
    }
    for (const child of kind === 'exec' ? [...names.keys()].map(parseSubject) : [undefined]) {
      for (const regime of missing) if (regime.shows({ parent, child, kind })) missing.delete(regime);
    }
  }
  const perDay = (DAY * 1000) / unit;
  return {
    ...estimate(all, units, perDay),
    units,
    unit: unit / 1000,
    byKind: Object.fromEntries([...kinds].map(([kind, incidence]) => [kind, estimate(incidence, units, perDay)])),
    regimes: regimes.map((regime) => ({ name: regime.name, seen: !missing.has(regime) })),
  };
};
