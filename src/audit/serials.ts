/** Serials of one boot, as far as the log shows them. */
export interface Serials {
  /** The serial of a record, in the order of the log. */
  readonly see: (serial: number) => void;
  /** What follows is of another boot, or after a break that is known: nothing is missing between. */
  readonly restart: () => void;
  /** What came since the last call: distinct serials, and holes between them, less those that were filled late. */
  readonly take: () => { readonly seen: number; readonly missing: number };
  readonly save: () => SerialsState;
}

export interface SerialsState {
  readonly newest: number;
  readonly seen: number;
  readonly missing: number;
  /** Serials that may still come late. */
  readonly holes: readonly number[];
  readonly far: readonly [serial: number, times: number];
}

/** Records come out of order by less than this. */
const WINDOW = 4096;
const MASK = WINDOW - 1;
/** Serials this far ahead are of another boot or host, or of a damaged line, not behind a hole. */
const LEAP = 2 ** 20;
/** So many serials from somewhere else, one beside the other, and the count goes on there. */
const MOVED = 16;

/**
 * The kernel numbers what it logs without a gap, per boot. What an exclude rule drops gets no number, so a hole is a record that was lost on
 * the way, or taken out of the log by whoever wrote or cut it.
 */
export const watchSerials = (saved?: SerialsState): Serials => {
  // What lies before the first is not missing.
  const marks = new Uint8Array(WINDOW).fill(1);
  let { newest, seen, missing } = saved ?? { newest: -1, seen: 0, missing: 0 };
  let [far, times] = saved?.far ?? [-1, 0];
  let last = newest;
  for (const hole of saved?.holes ?? []) marks[hole & MASK] = 0;

  const elsewhere = (serial: number): void => {
    times = Math.abs(serial - far) < WINDOW ? times + 1 : 1;
    far = serial;
    if (times < MOVED) return;
    newest = serial;
    marks.fill(1);
    times = 0;
  };

  return {
    see(serial) {
      if (serial === last) return;
      last = serial;
      const ahead = serial - newest;
      if (ahead > 0) {
        if (newest >= 0 && ahead > LEAP) return elsewhere(serial);
        if (newest >= 0 && ahead > 1) {
          missing += ahead - 1;
          if (ahead > WINDOW) marks.fill(0);
          else for (let hole = newest + 1; hole < serial; hole++) marks[hole & MASK] = 0;
        }
        marks[serial & MASK] = 1;
        newest = serial;
        seen++;
      } else if (ahead > -WINDOW) {
        if (marks[serial & MASK] === 1) return;
        marks[serial & MASK] = 1;
        missing--;
        seen++;
      } else elsewhere(serial);
    },

    restart() {
      newest = last = -1;
      marks.fill(1);
    },

    take() {
      const taken = { seen, missing };
      seen = missing = 0;
      return taken;
    },

    save() {
      const holes: number[] = [];
      // There are none nearly always, which the engine finds faster than a loop.
      if (marks.includes(0)) for (let serial = Math.max(0, newest - MASK); serial < newest; serial++) if (marks[serial & MASK] === 0) holes.push(serial);
      return { newest, seen, missing, holes, far: [far, times] };
    },
  };
};
