import type { Mount } from '../audit/mounts.ts';
import { newestOf } from '../audit/oldest.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import { escape } from '../behaviour/text.ts';
import { HOUR } from './floods.ts';
import type { AuditFinding } from './health.ts';

/** What is mounted, and how rules stand to it. A rule about a directory holds for what was mounted there when it was loaded. */
export interface MountWatch {
  /** Takes in what is mounted `now`, and the rules as `auditctl -l` prints them (undefined: not known, taken for ours). */
  readonly look: (mounts: readonly Mount[], rules: readonly string[] | undefined, now: Ms) => readonly AuditFinding[];
  /** Rules were loaded, for all that is mounted at that moment. */
  readonly loaded: () => void;
  /** What was mounted at this path was taken away at that time: what is found there later is another one. */
  readonly gone: (path: Bytes, at: Ms) => void;
  /** All is mounted anew, and rules are loaded anew. */
  readonly reboot: () => void;
  readonly save: () => MountWatchState;
}

export interface MountWatchState {
  readonly known: readonly Known[] | undefined;
  readonly told: readonly Bytes[];
  readonly last: Ms | undefined;
}

interface Known {
  readonly id: string;
  readonly path: Bytes;
  /** When it was seen first. */
  readonly since: Ms;
  /** No rule that names a directory holds for it. */
  readonly uncovered: boolean;
}

/** Each path is told once; so many of them are remembered. */
const MAX_TOLD = 1024;
/** What is mounted beyond that is not looked at. */
const MAX_MOUNTS = 4096;
const EXAMPLES = 3;
const MAX_EXAMPLE = 200;

/** Directories and files that rules name. */
const placesOf = (rules: readonly string[]): readonly string[] => rules.flatMap((rule) => [...rule.matchAll(/(?:^-w| dir=| path=) ?(\/\S*)/g)].flatMap(([, place]) => place ?? []));

const isWithin = (path: string, place: string): boolean => path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`);

const list = (paths: readonly Bytes[]): string => {
  const shown = paths.slice(0, EXAMPLES).map((path) => escape(bytes(path.slice(0, MAX_EXAMPLE))));
  return `${shown.join(', ')}${paths.length > shown.length ? ` and ${paths.length - shown.length} more` : ''}`;
};

export const watchMounts = (saved?: MountWatchState): MountWatch => {
  /** Undefined until the first look: what is mounted then is taken to be covered. */
  let known = saved?.known && new Map(saved.known.map((one) => [`${one.id} ${one.path}`, one]));
  const told = new Set<Bytes>(saved?.told);
  const trim = newestOf(told, MAX_TOLD);
  let last = saved?.last;
  let isLoaded = false;

  return {
    look(mounts, rules, now) {
      const places = rules === undefined ? ['/'] : placesOf(rules);
      // A mount over a directory hides from the rule what it names below.
      const isNamed = (path: string): boolean => places.some((place) => isWithin(path, place) || isWithin(place, path));
      const before = known;
      const covers = before === undefined || isLoaded;
      const again = isLoaded && before !== undefined ? [...before.values()].filter(({ uncovered }) => uncovered) : [];
      isLoaded = false;
      known = new Map(mounts.slice(0, MAX_MOUNTS).map(({ id, path }) => {
        const key = `${id} ${path}`;
        const one = before?.get(key) ?? { id, path, since: now, uncovered: isNamed(path) };
        return [key, covers ? { ...one, uncovered: false } : one];
      }));
      const findings: AuditFinding[] = [];
      const recovered = again.filter(({ id, path }) => known?.has(`${id} ${path}`) === true).map(({ path }) => path);
      if (recovered.length > 0) findings.push({ severity: 'low', text: `audit rules were loaded again and hold for what is mounted at ${list(recovered)}` });

      const fresh = [...new Set([...known.values()].filter(({ path, uncovered }) => uncovered && !told.has(path)).map(({ path }) => path))];
      if (fresh.length === 0 || (last !== undefined && Math.abs(now - last) < HOUR)) return findings;
      last = now;
      for (const path of fresh) told.add(path);
      trim();
      findings.push({ severity: 'medium', text: `mounted since the audit rules were loaded: ${list(fresh)}: what happens to files there is not recorded until they are loaded again (augenrules --load)` });
      return findings;
    },
    loaded: () => void (isLoaded = true),
    gone(path, at) {
      for (const [key, one] of known ?? []) if (one.path === path && one.since <= at) known?.delete(key);
    },
    reboot() {
      known = undefined;
      told.clear();
    },
    save: () => ({ known: known && [...known.values()], told: [...told], last }),
  };
};
