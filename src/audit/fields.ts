/** Positions of `key=value` fields inside one record, found in a single pass over its bytes. */

const SPACE = 32;
const QUOTE = 34;
const EQUALS = 61;
/** ENRICHED logs append interpreted copies of the fields behind this byte; they are for people, lossy and locale dependent. */
const ENRICHED = 0x1d;

/** Keys are compared by this hash; the kernel's key names are fixed, so a clash would show in the goldens at once. */
const hash = (key: string): number => {
  let h = 0;
  for (let i = 0; i < key.length; i++) h = (Math.imul(h, 31) + key.charCodeAt(i)) | 0;
  return h;
};

/** The fields of one record type in the order in which the kernel writes them, also those nobody wants: then each is met where it is expected. */
export interface Layout {
  readonly keys: Int32Array;
  /** Start and end of value i at [2i] and [2i + 1]; quotes not included; start is -1 where the field is missing. */
  readonly spans: Int32Array;
  /** 1 where value i stood in quotes. */
  readonly quoted: Uint8Array;
}

export const layout = (...keys: readonly string[]): Layout => ({
  keys: Int32Array.from(keys, hash),
  spans: new Int32Array(keys.length * 2),
  quoted: new Uint8Array(keys.length),
});

/** No record that is read by fields has this key; met inside one, another record begins: the line before it was torn and this one ran into it. */
const MSG = hash('msg');

/** What {@link locate} returns for a line that holds more than one record. */
export const TORN = -1;

/**
 * Fills `layout` from the record body in buffer[start, end). Any order of keys is understood, the kernel's is the cheapest; the first
 * of two equal keys counts, so that nothing appended can replace what the kernel wrote. Returns how many fields were found, or {@link TORN}.
 */
export const locate = (buffer: Buffer, start: number, end: number, layout: Layout): number => {
  const { keys, spans, quoted } = layout;
  const n = keys.length;
  for (let i = 0; i < n; i++) spans[2 * i] = -1;
  let found = 0;
  let expected = 0;
  let p = start;
  while (p < end && found < n) {
    let h = 0;
    let c = 0;
    while (p < end && (c = buffer[p] ?? 0) > EQUALS) {
      h = (Math.imul(h, 31) + c) | 0;
      p++;
    }
    // Digits, '-', '[' and the like may stand in a key; they sort below '=' but are no separators.
    while (p < end && (c = buffer[p] ?? 0) !== EQUALS && c !== SPACE && c !== ENRICHED) {
      h = (Math.imul(h, 31) + c) | 0;
      p++;
    }
    if (c === ENRICHED) break;
    p++;
    if (p >= end) break; // nothing behind the key: the record was cut
    if (c === SPACE) continue;
    let from = p;
    let to = p;
    let inQuotes = 0;
    if (buffer[p] === QUOTE) {
      from = ++p;
      to = buffer.indexOf(QUOTE, p);
      if (to < 0 || to >= end) break; // never closed: the record was cut
      p = to + 1;
      // The kernel leaves no quote inside quotes; what closes here was opened by the record that runs into this one.
      if (p < end && (c = buffer[p] ?? 0) !== SPACE && c !== ENRICHED) return TORN;
      inQuotes = 1;
    } else {
      while (p < end && (c = buffer[p] ?? 0) !== SPACE && c !== ENRICHED) p++;
      to = p;
    }
    let k = 0;
    for (; k < n; k++) {
      const i = expected + k < n ? expected + k : expected + k - n;
      if (keys[i] !== h) continue;
      if (spans[2 * i] === -1) {
        spans[2 * i] = from;
        spans[2 * i + 1] = to;
        quoted[i] = inQuotes;
        found++;
      }
      expected = i + 1 < n ? i + 1 : 0;
      break;
    }
    if (k === n && h === MSG) return TORN;
  }
  return found;
};
