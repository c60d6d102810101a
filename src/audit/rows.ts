// Most of a state stays as it is from one save to the next. What is large is saved as a table: all of its rows once, and from then on those
// that have changed since.

/** Begins with its key. */
type Row = readonly [unknown, ...(readonly unknown[])];

/** The rows of a table, or what has changed in it. */
export interface Rows<R extends Row> {
  /** Keys of rows that are no more. */
  readonly gone: readonly R[0][];
  /** Each stands in the place of the row that had its key, or at the end. */
  readonly rows: readonly R[];
}

export const allRows = <R extends Row>(rows: readonly R[]): Rows<R> => ({ gone: [], rows });

/** What became of a row: it is new and at the end; it stands where it stood, but is another; it has gone; it has gone, and come again at the end. */
type Change = 'new' | 'other' | 'gone' | 'moved';

/** What became of the rows since they were saved: never more than there are, and were then. */
export type Changes<K> = Map<K, Change>;

/** A row has come to the end. */
export const noteNew = <K>(changes: Changes<K>, key: K): void => {
  const isMoved = changes.get(key) === 'gone';
  // To the end here, too.
  if (isMoved) changes.delete(key);
  changes.set(key, isMoved ? 'moved' : 'new');
};

/** A row has changed where it stands. */
export const noteOther = <K>(changes: Changes<K>, key: K): void => {
  if (!changes.has(key)) changes.set(key, 'other');
};

export const noteGone = <K>(changes: Changes<K>, key: K): void => {
  if (changes.get(key) === 'new') changes.delete(key);
  else changes.set(key, 'gone');
};

export const changedRows = <K, R extends readonly [K, ...(readonly unknown[])]>(changes: Changes<K>, rowOf: (key: K) => R): Rows<R> => {
  const gone: K[] = [];
  const rows: R[] = [];
  // No loop: in a replay the engine compiled that for 3 ms, and this for less than one.
  changes.forEach((change, key) => {
    if (change === 'gone' || change === 'moved') gone.push(key);
    if (change !== 'gone') rows.push(rowOf(key));
  });
  return { gone, rows };
};

/** A map that is saved. */
export interface Table<K, V> {
  readonly map: ReadonlyMap<K, V>;
  readonly size: number;
  readonly keys: () => MapIterator<K>;
  readonly set: (key: K, value: V) => void;
  readonly delete: (key: K) => boolean;
  readonly clear: () => void;
  /** What is under this key has changed by itself. */
  readonly touch: (key: K) => void;
  /** All rows if they are asked for, or were never before; else what has changed since the last call. */
  readonly save: <R extends readonly [K, ...(readonly unknown[])]>(whole: boolean, rowOf: (value: V, key: K) => R) => Rows<R>;
}

/** What has been noted has not gone. */
export const there = <T>(value: T | undefined): T => {
  if (value === undefined) throw new TypeError('a row that is noted is there');
  return value;
};

export const openTable = <K, V>(rows?: Iterable<readonly [K, V]>): Table<K, V> => {
  const map = new Map<K, V>(rows);
  let changes: Changes<K> | undefined;
  return {
    map,
    get size() {
      return map.size;
    },
    keys: () => map.keys(),
    set(key, value) {
      if (changes !== undefined) {
        const before = map.get(key);
        if (before === value) return;
        if (before === undefined) noteNew(changes, key);
        else noteOther(changes, key);
      }
      map.set(key, value);
    },
    delete(key) {
      const isGone = map.delete(key);
      if (isGone && changes !== undefined) noteGone(changes, key);
      return isGone;
    },
    clear() {
      if (changes !== undefined) for (const key of map.keys()) noteGone(changes, key);
      map.clear();
    },
    touch: (key) => changes && noteOther(changes, key),
    save(whole, rowOf) {
      if (changes === undefined || whole) {
        changes = new Map();
        return allRows([...map].map(([key, value]) => rowOf(value, key)));
      }
      const changed = changedRows(changes, (key) => rowOf(there(map.get(key)), key));
      changes.clear();
      return changed;
    },
  };
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const isRows = (value: unknown): value is Rows<Row> => isObject(value) && Array.isArray(value['gone']) && Array.isArray(value['rows']);

const mapped = (object: Readonly<Record<string, unknown>>, of: (value: unknown, key: string) => unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, of(value, key)]));

/** Tables as maps, in which one change after the other can be made. */
const opened = (value: unknown): unknown =>
  isRows(value) ? new Map(value.rows.map((row) => [row[0], row.map(opened)])) : isObject(value) ? mapped(value, opened) : value;

const closed = (value: unknown): unknown =>
  value instanceof Map ? { gone: [], rows: [...value.values()].map((row: unknown) => (Array.isArray(row) ? row.map(closed) : row)) } : isObject(value) ? mapped(value, closed) : value;

const changed = (before: unknown, change: unknown): unknown => {
  if (isRows(change)) {
    const table: Map<unknown, unknown> = before instanceof Map ? before : new Map();
    for (const key of change.gone) table.delete(key);
    for (const row of change.rows) {
      const [key] = row;
      const old = table.get(key);
      table.set(key, row.map((value, i) => changed(Array.isArray(old) ? old[i] : undefined, value)));
    }
    return table;
  }
  return isObject(change) ? mapped(change, (value, key) => changed(isObject(before) ? before[key] : undefined, value)) : change;
};

/** A state after the changes that were saved since, oldest first; of its parts those that are left out of a change are as before. */
export const withChanges = (state: Readonly<Record<string, unknown>>, changes: readonly Readonly<Record<string, unknown>>[]): Readonly<Record<string, unknown>> => {
  if (changes.length === 0) return state;
  const parts = { ...mapped(state, opened) };
  for (const change of changes) for (const [part, value] of Object.entries(change)) parts[part] = changed(parts[part], value);
  return mapped(parts, closed);
};
