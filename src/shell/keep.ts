import { withChanges } from '../audit/rows.ts';
import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import { withCounts } from '../baseline/baseline.ts';
import type { BaselineState } from '../baseline/baseline.ts';
import type { Lookup } from '../behaviour/processes.ts';
import type { KeptIncident } from '../detect/incidents.ts';
import type { Line } from '../detect/line.ts';
import type { Severity } from '../detect/severity.ts';
import { createFullmon, SNAPSHOT } from '../fullmon.ts';
import type { Fullmon, Settings, Snapshot } from '../fullmon.ts';
import { openStore } from '../input/checkpoint.ts';
import { now } from '../input/clock.ts';
import { FullmonError } from '../input/errors.ts';
import { migrated } from './migrate.ts';

export { STATE_DIRECTORY } from '../input/checkpoint.ts';
import type { Place } from './place.ts';

/** What is saved: how fullmon stands, and where it stands in the log. */
export interface Checkpoint {
  /** First byte that has not been taken in; undefined for a log without places. */
  readonly position: Place | undefined;
  readonly snapshot: Snapshot;
  /** When fullmon was stopped: what had been told of the open cycle, which begins at that time, so many edges; and the incidents as they were then. */
  readonly told?: Told | undefined;
}

interface Told {
  readonly cycle: Ms;
  readonly open: number;
  readonly incidents: readonly KeptIncident[];
}

/** A fullmon whose state is kept. */
export interface Kept {
  /** Where; undefined when nothing is kept. */
  readonly directory: string | undefined;
  readonly fullmon: Fullmon;
  /** Where it was left, when it goes on. */
  readonly resumed: { readonly position: Place | undefined } | undefined;
  /** To be called after what was fed: saves, at most once a cycle, and not in one that is over in no time. `position`: of the last byte fed. */
  readonly checkpoint: (position: () => Place | undefined) => void;
  /** When it was saved last (ms since the epoch), and how long that took (seconds); undefined before the first time. */
  readonly saved: () => { readonly at: number; readonly took: number } | undefined;
  /** Tells what the open cycle has seen so far, saves, and lets go of the directory. The cycle ends, and is told as a whole, when fullmon goes on. */
  readonly close: (position: Place | undefined) => void;
}

/** Who hears what is told. */
interface Hearer {
  readonly tell: (line: Line) => void;
  /** Called before a state is saved: what was told survives a power cut from then on, as what the state counts as told does. */
  readonly sync?: () => void;
}

/** What is wrong with what a state (undefined: none) holds for normal; undefined when nothing is. */
export type Distrust = (baseline: BaselineState | undefined) => string | undefined;

/** So many times what the last change took has to go by before the next one, in a replay a few cycles: keeping the state takes a small part of the time, however much changes. */
const PACE = 16;

/** A longer text is not kept to be compared with the next one. */
const SHORT = 4096;

interface Saved {
  readonly position?: unknown;
  readonly told?: unknown;
  readonly snapshot: Readonly<Record<string, unknown>>;
}

const isSaved = (body: unknown): body is Saved =>
  typeof body === 'object' && body !== null && 'snapshot' in body && typeof body.snapshot === 'object' && body.snapshot !== null;

const isCheckpoint = (saved: Saved): saved is Saved & Checkpoint => saved.snapshot['shape'] === SNAPSHOT;

/** The incidents as they were told last. */
export const incidentsOf = ({ told, snapshot }: Checkpoint): readonly KeptIncident[] => told?.incidents ?? snapshot.incidents.incidents.rows.map(([, incident]) => incident);

/** What a state file holds, as this fullmon would have written it. Throws when it is of no use. */
export const readCheckpoint = (body: unknown, changes: readonly unknown[] = []): Checkpoint => {
  if (!isSaved(body) || !changes.every(isSaved)) throw new Error('does not hold what it should');
  const { position, told } = changes.at(-1) ?? body;
  const saved = { position, told, snapshot: migrated(withChanges(body.snapshot, changes.map(({ snapshot }) => snapshot))) };
  if (!isCheckpoint(saved)) throw new Error('does not hold what it should');
  return { ...saved, snapshot: { ...saved.snapshot, baseline: withCounts(saved.snapshot.baseline) } };
};

/** A fullmon that keeps nothing. */
export const unkept = (fullmon: Fullmon): Kept => ({ directory: undefined, fullmon, resumed: undefined, checkpoint: () => undefined, saved: () => undefined, close: () => fullmon.end() });

/**
 * Goes on with the state that is kept in a directory, or begins one there. A state that cannot be read is told and never replaced: fullmon
 * then watches with what needs no baseline, until it is started with `reset`; so is one that `distrust` speaks against. Throws a `FullmonError` when the directory cannot be used.
 */
export const keep = (directory: string, reset: boolean, settings: Settings, { tell, sync }: Hearer, lookup?: Lookup, distrust?: Distrust): Kept => {
  const store = openStore(directory);
  let changed = false;
  const speak = (line: Line): void => {
    changed = true;
    tell(line);
  };
  const finding = (text: string, severity: Severity = 'critical'): void => tell({ type: 'finding', time: ms(Date.now()), kind: 'state', severity, text });

  if (reset) store.reset();
  const read = store.read((body, changes) => {
    const { position, told, snapshot } = readCheckpoint(body, changes);
    const fault = distrust?.(snapshot.baseline);
    if (fault !== undefined) throw new Error(`is not trusted: ${fault}`);
    try {
      return { position, told, fullmon: createFullmon(settings, speak, lookup, snapshot) };
    } catch {
      throw new Error('does not hold what it should');
    }
  });
  const fault = read.kind === 'nothing' ? distrust?.(undefined) : undefined;
  const found = fault === undefined ? read : { kind: 'damaged' as const, trouble: fault };
  const fullmon = found.kind === 'state' ? found.state.fullmon : createFullmon(settings, speak, lookup, found.kind === 'damaged' ? 'damaged' : undefined);
  if (found.kind === 'damaged') finding(`${found.trouble}: what is normal is not known, only what is grave in itself is told; look into it, then ${distrust === undefined ? 'start once with --reset to learn anew' : 'import what was signed again (fullmon baseline import)'}`);
  else if (found.kind === 'state' && found.trouble !== undefined) finding(`${found.trouble}: going on from the state before it`);

  /** The short parts of the state as they were saved last. */
  const parts = new Map<string, string>();
  /** What has changed. Most parts are tables, which tell only that by themselves; of the others those that are not as they were. */
  const changes = (): string => {
    let different = '';
    for (const [part, value] of Object.entries(fullmon.saveChanges())) {
      const text = value === undefined ? undefined : JSON.stringify(value);
      if (text === undefined || text === parts.get(part)) continue;
      if (text.length < SHORT) parts.set(part, text);
      else parts.delete(part);
      different += `${different === '' ? '' : ','}"${part}":${text}`;
    }
    return `{${different}}`;
  };

  let failing = false;
  let last: ReturnType<Kept['saved']>;
  /** When the next may be saved. */
  let due = -Infinity;
  /** Takes the state as it is now; what it returns saves that. */
  const take = (position: Place | undefined): ((told?: Told) => void) => {
    if (found.kind === 'damaged') return () => undefined;
    const begin = now();
    const isChange = store.takesChanges();
    if (!isChange) parts.clear();
    const snapshot = isChange ? changes() : JSON.stringify(fullmon.save());
    return (told) => {
      const text = `{${position === undefined ? '' : `"position":${JSON.stringify(position)},`}${told === undefined ? '' : `"told":${JSON.stringify(told)},`}"snapshot":${snapshot}}`;
      sync?.();
      try {
        if (isChange) store.append(text);
        else store.write(text);
        if (failing) finding('the state is saved again', 'low');
        failing = false;
        const end = now();
        last = { at: Date.now(), took: (end - begin) / 1000 };
        if (isChange) due = end + PACE * (end - begin);
      } catch (error) {
        if (!(error instanceof FullmonError || (error instanceof Error && 'syscall' in error))) throw error;
        // Told once: whoever fills the disk may not fill the report too.
        if (!failing) finding(`the state cannot be saved (${error.message}): after a restart fullmon reads on from where it was saved last`);
        failing = true;
      }
    };
  };

  // The first is saved at once: a start that is broken off is gone on with, too.
  let saved = found.kind === 'state' ? fullmon.cycle() : undefined;

  return {
    directory,
    fullmon: {
      ...fullmon,
      feed(chunk) {
        changed = true;
        fullmon.feed(chunk);
      },
    },
    resumed: found.kind === 'state' ? { position: found.state.position } : undefined,
    checkpoint(position) {
      const cycle = fullmon.cycle();
      if (cycle === saved || (!changed && saved !== undefined)) return;
      saved = cycle;
      if (now() < due) return;
      take(position())();
      changed = false;
    },
    saved: () => last,
    close(position) {
      // What is learned is learned: that can be done in parts.
      fullmon.learn();
      const cycle = fullmon.cycle();
      const { open } = fullmon.state();
      const before = found.kind === 'state' ? found.state.told : undefined;
      const save = take(position);
      if (before?.cycle !== cycle || before.open !== open) fullmon.pause();
      save({ cycle, open, incidents: fullmon.incidents() });
      store.close();
    },
  };
};
