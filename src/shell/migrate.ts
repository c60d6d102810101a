import { allRows } from '../audit/rows.ts';
import { SNAPSHOT } from '../fullmon.ts';

// What was learned outlives an upgrade: whoever changes the shape of the state adds the step from the shape before, and a state of that
// shape to test/state/shapes. What a step cannot keep it leaves out, in the way of a fullmon that has just been started.

type Saved = Readonly<Record<string, unknown>>;
type Rows = readonly (readonly [unknown, ...(readonly unknown[])])[];

/** What has become tables, which are saved by their changes. */
interface Shape3 {
  readonly roster: Rows;
  readonly processes: { readonly table: readonly number[]; readonly sessions: Rows };
  readonly names: { readonly directories: readonly Inodes3[]; readonly files: readonly Inodes3[]; readonly latest?: unknown };
  readonly hostnames: Rows;
  readonly baseline: { readonly groups: readonly { readonly names: Rows; readonly patterns: Rows }[] };
  readonly incidents: { readonly lineages: Rows; readonly told: Rows; readonly handed: Rows };
}

interface Inodes3 {
  readonly dev: number;
  readonly young: Rows;
  readonly old: Rows;
}

const isShape3 = (saved: Saved): saved is Saved & Shape3 => saved['shape'] === 3;

/** Of each device its generations of names. */
const inodes = (devices: readonly Inodes3[]): object => allRows(devices.map(({ dev, young, old }) => [dev, allRows([[0, allRows(old)], [1, allRows(young)]])] as const));

const fromShape3 = (saved: Saved): Saved => {
  if (!isShape3(saved)) return saved;
  const { roster, processes, names, hostnames, baseline, incidents } = saved;
  return {
    ...saved,
    shape: 4,
    roster: allRows(roster.map((row, id) => [id, ...row] as const)),
    processes: { ...processes, table: allRows(processes.table.map((id) => [roster[id]?.[0], id] as const)), sessions: allRows(processes.sessions) },
    names: { ...names, directories: inodes(names.directories), files: inodes(names.files) },
    hostnames: allRows(hostnames),
    baseline: { ...baseline, groups: allRows(baseline.groups.map((group, number) => [number, { ...group, names: allRows(group.names), patterns: allRows(group.patterns) }] as const)) },
    incidents: { ...incidents, lineages: allRows(incidents.lineages), told: allRows(incidents.told), handed: allRows(incidents.handed) },
  };
};

/** What there is too much of is told in another way: a flood that goes on is told again. */
const fromShape4 = (saved: Saved): Saved => ({ ...saved, shape: 5, floods: { buckets: [], old: [], rising: [], counted: 0, swept: 0 }, bounds: [] });

/** More tables. */
interface Shape5 {
  readonly baseline: { readonly learned: readonly unknown[] };
  readonly roster: { readonly rows: Rows };
  readonly incidents: { readonly incidents: readonly { readonly id: string }[] };
  readonly floods: { readonly buckets: readonly Bucket5[]; readonly old: readonly Bucket5[]; readonly rising: readonly { readonly key: string }[] };
}

interface Bucket5 {
  readonly key: string;
  readonly since: number;
  readonly last: number;
  readonly told: number;
  readonly isFull: boolean;
  readonly incident?: string;
}

const isShape5 = (saved: Saved): saved is Saved & Shape5 => saved['shape'] === 5;

const buckets5 = (buckets: readonly Bucket5[]): object => allRows(buckets.map(({ key, since, last, told, isFull, incident = '' }) => [key, since, last, told, isFull, incident] as const));

const fromShape5 = (saved: Saved): Saved => {
  if (!isShape5(saved)) return saved;
  const { roster, baseline, incidents, floods: { buckets, old, rising, ...floods } } = saved;
  return {
    ...saved,
    shape: 6,
    roster: {
      texts: allRows([]),
      processes: allRows(roster.rows.map(([id, pid, ppid, exe, script, service, daemon, container, ses, lineage, parent, command, , , node]) => [id, pid, ppid, exe, script, service, daemon, container, ses, lineage, parent, command, node] as const)),
      heard: allRows(roster.rows.map(([id, , , , , , , , , , , , confirmed, active]) => [id, confirmed, active] as const)),
    },
    baseline: { ...baseline, counts: allRows([]), learned: allRows(baseline.learned.map((pattern, n) => [n, pattern] as const)) },
    incidents: { ...incidents, incidents: allRows(incidents.incidents.map((incident) => [incident.id, incident] as const)) },
    floods: { ...floods, hours: allRows([[0, buckets5(old)], [1, buckets5(buckets)]] as const), rising: allRows(rising.map((flood) => [flood.key, flood] as const)) },
  };
};

/** When a process was heard of last is said with it, and of an edge for how long it has been seen. */
interface Shape6 {
  readonly baseline: { readonly groups: { readonly rows: readonly (readonly [number, Group6])[] }; readonly counts: { readonly rows: readonly (readonly [id: number, last: number, ...(readonly number[])])[] } };
  readonly roster: { readonly processes: { readonly rows: Rows }; readonly heard: { readonly rows: Rows } };
}

interface Group6 {
  readonly names: { readonly rows: readonly Edge6[] };
  readonly patterns: { readonly rows: readonly Edge6[] };
}

/** The last number names the row, for a row of counts. */
type Edge6 = readonly [name: string, string, first: number, last: number, count: number, traits: number, units: number, unit: number, id?: number];

const isShape6 = (saved: Saved): saved is Saved & Shape6 => saved['shape'] === 6;

const fromShape6 = (saved: Saved): Saved => {
  if (!isShape6(saved)) return saved;
  const { roster, baseline } = saved;
  const firsts = new Map<number | undefined, number>();
  const aged = ({ rows }: { readonly rows: readonly Edge6[] }): object => allRows(rows.map(([name, second, first, last, ...rest]) => {
    firsts.set(rest[4], first);
    return [name, second, first, last - first, ...rest] as const;
  }));
  const groups = allRows(baseline.groups.rows.map(([number, group]) => [number, { ...group, names: aged(group.names), patterns: aged(group.patterns) }] as const));
  const counts = allRows(baseline.counts.rows.map(([id, last, ...rest]) => [id, last - (firsts.get(id) ?? last), ...rest] as const));
  const heard = new Map(roster.heard.rows.map(([id, ...rest]) => [id, rest]));
  return { ...saved, shape: 7, baseline: { ...baseline, groups, counts }, roster: { ...roster, processes: allRows(roster.processes.rows.map((row) => [...row, ...heard.get(row[0]) ?? []] as const)), heard: allRows([]) } };
};

/** What program a process is, is told by its node alone; where the edges of a group stand, also by the group. */
interface Shape7 {
  readonly baseline: { readonly groups: { readonly rows: readonly (readonly [number, object])[] } };
  readonly roster: { readonly processes: { readonly rows: Rows } };
}

const isShape7 = (saved: Saved): saved is Saved & Shape7 => saved['shape'] === 7;

const fromShape7 = (saved: Saved): Saved => {
  if (!isShape7(saved)) return saved;
  const { roster, baseline } = saved;
  const groups = allRows(baseline.groups.rows.map(([number, group]) => [number, { ...group, settled: 0 }] as const));
  const processes = allRows(roster.processes.rows.map(([id, pid, ppid, , , , daemon, , ...rest]) => [id, pid, ppid, daemon, ...rest] as const));
  return { ...saved, shape: 8, baseline: { ...baseline, groups }, roster: { ...roster, processes } };
};

/** By the shape that a step begins with. */
const STEPS: Readonly<Record<number, (saved: Saved) => Saved>> = { 3: fromShape3, 4: fromShape4, 5: fromShape5, 6: fromShape6, 7: fromShape7 };

/** A state in the shape of today. Throws when it cannot be had, and says what to do. */
export const migrated = (saved: Saved): Saved => {
  const { shape } = saved;
  if (shape === SNAPSHOT) return saved;
  if (typeof shape !== 'number') throw new Error('does not hold what it should');
  if (shape > SNAPSHOT) throw new Error('was written by a newer fullmon: install that one again');
  const step = STEPS[shape];
  if (step === undefined) throw new Error('was written by a fullmon too old to go on from');
  return migrated(step(saved));
};
