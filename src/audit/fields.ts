/** Positions of `key=value` fields inside one record, found in a single pass over its bytes. */

export const SPACE = 32;
export const QUOTE = 34;
export const EQUALS = 61;
const MINUS = 45;
const ZERO = 48;
/** ENRICHED logs append interpreted copies of the fields behind this byte; they are for people, lossy and locale dependent. */
export const ENRICHED = 0x1d;

/** What a field's value is: `span` is only pointed to, `decimal` may have a minus, `hex` and `octal` keep their low 32 bits. */
export type FieldKind = 'span' | 'decimal' | 'hex' | 'octal';

const DECIMAL = 1;
const KINDS = { span: 0, decimal: DECIMAL, hex: 4, octal: 3 } as const satisfies Record<FieldKind, number>;

/** Value of a hex digit, or 16. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, c) => {
  const digit = Number.parseInt(String.fromCharCode(c), 16);
  return Number.isNaN(digit) ? 16 : digit;
});

/** For keys that come out of turn; the kernel's key names are fixed, so a clash would show in the goldens at once. */
const hash = (key: string): number => {
  let h = 0;
  for (let i = 0; i < key.length; i++) h = (Math.imul(h, 31) + key.charCodeAt(i)) | 0;
  return h;
};

/** The fields of one record type in the order in which the kernel writes them, also those nobody wants: then each is met where it is expected. */
export interface Layout {
  /** The keys one after the other, each with its `=`: key i is text[starts[i], starts[i + 1]). */
  readonly text: Uint8Array;
  readonly starts: Int32Array;
  readonly keys: Int32Array;
  readonly kinds: Uint8Array;
  /** Start and end of value i at [2i] and [2i + 1]; quotes not included; start is -1 where the field is missing. */
  readonly spans: Int32Array;
  /** Value i as a number; NaN where it is missing, damaged or not of a kind with a number. */
  readonly numbers: Float64Array;
  /** 1 where value i stood in quotes. */
  readonly quoted: Uint8Array;
}

export const layout = (fields: Readonly<Record<string, FieldKind>>): Layout => {
  const keys = Object.keys(fields);
  return {
    text: Buffer.from(keys.map((key) => `${key}=`).join('')),
    starts: Int32Array.from([...keys, ''], (_, i) => keys.slice(0, i).reduce((sum, key) => sum + key.length + 1, 0)),
    keys: Int32Array.from(keys, hash),
    kinds: Uint8Array.from(Object.values(fields), (kind) => KINDS[kind]),
    spans: new Int32Array(keys.length * 2),
    numbers: new Float64Array(keys.length),
    quoted: new Uint8Array(keys.length),
  };
};

/** No record that is read by fields has this key; met inside one, another record begins: the line before it was torn and this one ran into it. */
const MSG = hash('msg');

/** What {@link locate} returns for a line that holds more than one record. */
export const TORN = -1;

/**
 * Fills `layout` from the record body in buffer[start, end). Any order of keys is understood, the kernel's is the cheapest; the first
 * of two equal keys counts, so that nothing appended can replace what the kernel wrote. Returns how many fields were found, or {@link TORN}.
 */
export const locate = (buffer: Buffer, start: number, end: number, layout: Layout): number => {
  const { text, starts, keys, kinds, spans, numbers, quoted } = layout;
  const n = keys.length;
  for (let i = 0; i < n; i++) {
    spans[2 * i] = -1;
    numbers[i] = Number.NaN;
  }
  let found = 0;
  let expected = 0;
  let p = start;
  while (p < end && found < n) {
    if (buffer[p] === SPACE) p++;
    let i = expected;
    let c = 0;
    let t = starts[i] ?? 0;
    const textEnd = starts[i + 1] ?? 0;
    let q = p;
    while (t < textEnd && buffer[q] === text[t]) {
      q++;
      t++;
    }
    if (t === textEnd) p = q;
    else {
      // Another key than the kernel's order promises: an unknown one, or the record is of another age.
      let h = 0;
      while (p < end && (c = buffer[p] ?? 0) !== EQUALS && c !== SPACE && c !== ENRICHED) {
        h = (Math.imul(h, 31) + c) | 0;
        p++;
      }
      if (c === ENRICHED) break;
      p++;
      if (c === SPACE) continue;
      i = keys.indexOf(h);
      if (i < 0 && h === MSG) return TORN;
    }
    if (p >= end) break; // nothing behind the key: the record was cut
    let from = p;
    let to = p;
    let value = Number.NaN;
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
      const kind = i < 0 ? 0 : (kinds[i] ?? 0);
      if (kind !== 0) {
        const negative = kind === DECIMAL && buffer[p] === MINUS;
        if (negative) p++;
        const digits = p;
        value = 0;
        if (kind === DECIMAL) for (; p < end && (c = (buffer[p] ?? 0) - ZERO) >= 0 && c <= 9; p++) value = value * 10 + c;
        else for (; p < end && (c = DIGITS[buffer[p] ?? 0] ?? 16) < 1 << kind; p++) value = ((value << kind) | c) >>> 0;
        if (negative) value = -value;
        // More digits than any number of the kernel has, none, or something behind them: damaged.
        if (p === digits || p - digits > 24 || (p < end && (c = buffer[p] ?? 0) !== SPACE && c !== ENRICHED)) value = Number.NaN;
      }
      while (p < end && (buffer[p] ?? 0) > SPACE) p++; // a blank, or the byte of enriched logs
      to = p;
    }
    if (i < 0) continue;
    if (spans[2 * i] === -1) {
      spans[2 * i] = from;
      spans[2 * i + 1] = to;
      numbers[i] = value;
      quoted[i] = inQuotes;
      found++;
    }
    expected = i + 1 < n ? i + 1 : 0;
  }
  return found;
};
