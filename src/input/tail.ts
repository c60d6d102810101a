/** Following a growing log through its rotations, on top of the library tail-file. */
import { closeSync, constants, fstatSync, openSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import Tail from 'tail-file';

/** A place in a log: the first byte not handed over yet. All but the offset (bytes) are decimal strings, so that they are exact and fit into JSON. */
export interface Position {
  readonly dev: string;
  /** Empty where there was no file yet: all that was written to since `born` follows. */
  readonly ino: string;
  /** Birth of the file, ns; tells it from a later one with the same inode number. '0' where the file system keeps none. */
  readonly born: string;
  readonly offset: number;
}

export type Loss = 'gone' | 'gap' | 'unreadable';
export type TailNotice =
  /** There is no such file (yet). */
  | { readonly kind: 'waiting' }
  /** The first file is open and read from this byte on. */
  | { readonly kind: 'opened'; readonly from: number }
  /** On to the next younger file of the rename chain. */
  | { readonly kind: 'rotated' }
  /** The file became shorter than what was read of it: it is read again from byte 0. */
  | { readonly kind: 'truncated' }
  /**
   * Lines may be missing here. gone: the file last read has left the rename chain, and others may have with it;
   * gap: a file is missing in the midst of the chain; unreadable: a rotated file could not be read and is given up.
   */
  | { readonly kind: 'lost'; readonly why: Loss }
  /** Opening or reading fails with this system error; it is tried again at every look. */
  | { readonly kind: 'unreadable'; readonly code: string }
  /** What was missing or unreadable is well again, and nothing else tells so. */
  | { readonly kind: 'recovered' };

export interface TailEvents {
  /** Bytes as they stand in the file; valid only during the call (the buffer is reused). */
  readonly chunk: (bytes: Buffer) => void;
  /** The file that was read has ended for good (rotated or truncated away): an unfinished last line will never be finished. */
  readonly fileEnd: () => void;
  /** Everything readable now has been handed over (called after each look that reached the end). */
  readonly idle: () => void;
  /** A change of state, told once and not at every look. */
  readonly notice: (notice: TailNotice) => void;
}

export interface Follower {
  /** Undefined before the first look; still known after stop. */
  readonly position: () => Position | undefined;
  /** Bytes that are written and not handed over, as far as they are held open. */
  readonly unread: () => number;
  /** Hands over what is readable up to the present end, then closes everything; no event comes after it resolves. */
  readonly stop: () => Promise<void>;
}

export interface TailOptions {
  /** Seconds between two looks. Rotations are looked at as soon as the directory tells of them. */
  readonly wait: number;
  /**
   * Where to begin: at the end of the file (at the next line start, should its last line be unfinished), at its start, or at an earlier position,
   * which is looked for in the whole rename chain. A file that appears later is read from byte 0 in any case.
   */
  readonly from: 'end' | 'start' | Position;
}

/**
 * Follows `file` and the chain that rotation makes of it (file, file.1, file.2, ..., the youngest first). No event is called before this returns.
 * Never throws: what goes wrong with files is a notice, and tried again.
 */
export function follow(file: string, options: TailOptions, events: TailEvents): Follower {
  const tail = new ChainTail(resolve(file), options, events);
  tail.start();
  return { position: () => tail.position(), unread: () => tail.unread(), stop: () => tail.stop() };
}

const bufferBytes = 256 * 1024;
/** Descriptors held at most, of the file read and of those waiting to be; a reader further behind finds the rest in the chain later, or tells the loss. */
const heldFiles = 64;
/** So many names without a file in a row are the end of the chain. */
const chainEnd = 16;
/** Files are stamped with the time of the kernel's last tick, which lies up to 10 ms back. */
const tickNs = 10_000_000n;

const bigint = { bigint: true, throwIfNoEntry: false } as const;

/** A file of the chain: 0 for the file itself, n for file.n. */
interface Held {
  readonly n: number;
  readonly fd: number;
  /** As it was when opened. */
  readonly stat: BigIntStats;
}
interface Unreadable {
  readonly n: number;
  readonly code: string;
  readonly stat: BigIntStats;
}
type Link = Held | Unreadable;
type Age = Pick<BigIntStats, 'mtimeNs' | 'birthtimeNs'>;
type Source = 'path' | 'read';

/** As long as one of the two is held open its inode number cannot be given to another file, so this needs no more than numbers. */
const same = (a: BigIntStats, b: BigIntStats): boolean => a.ino === b.ino && a.dev === b.dev;

const errno = (error: unknown): string => {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
};

const close = (link: Link): void => {
  if ('fd' in link) closeSync(link.fd);
};

/** Undefined when there is no such file. Opened first and asked what it is afterwards: between a stat and an open the name may pass to another file. */
function open(path: string, n: number): Link | undefined {
  try {
    // Not blocking: opening a pipe put in place of the file must not hang.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { n, fd, stat: fstatSync(fd, bigint) };
  } catch (error) {
    const code = errno(error);
    const stat = code === 'ENOENT' ? undefined : statSync(path, bigint);
    return stat && { n, code, stat };
  }
}

/**
 * Opens the chain from the youngest file up to the one sought, or to its end. Returned oldest first, the one sought included; `met` tells where it is.
 * Rotations only ever move a file to a higher number, so looking upwards passes none by, however many happen meanwhile:
 * one seen twice stands where it was seen last, and with every file all that is older, and there, is seen too.
 * Undefined when one was rotated out of the chain meanwhile: it was not seen where it stood, and there is no telling which are older.
 */
function openChain(file: string, sought: (stat: BigIntStats) => boolean): { readonly links: readonly Link[]; readonly met: number | undefined } | undefined {
  const seen = new Map<string, Link>();
  const drop = (key: string): void => {
    const link = seen.get(key);
    if (link !== undefined) close(link);
    seen.delete(key);
  };
  try {
    let met: number | undefined;
    for (let n = 0, missing = 0; missing < chainEnd && met === undefined; n++) {
      const link = open(n === 0 ? file : `${file}.${n}`, n);
      missing = link === undefined ? missing + 1 : 0;
      if (link === undefined) continue;
      const key = `${link.stat.dev} ${link.stat.ino}`;
      drop(key);
      seen.set(key, link);
      // In a long chain the oldest matter: they are next to be read, and to be deleted.
      const [youngest] = seen.keys();
      if (seen.size > heldFiles && youngest !== undefined) drop(youngest);
      if (sought(link.stat)) met = n;
    }
    const links = [...seen.values()].toReversed();
    if (links.every((link) => link.n === met || !('fd' in link) || fstatSync(link.fd).nlink > 0)) return { links, met };
    links.forEach(close);
    return undefined;
  } catch (error) {
    for (const link of seen.values()) close(link);
    throw error;
  }
}

/** The part of the chain that was written after a file which is not in it; the file itself always counts, it is where the writer writes. */
function youngerThan(age: Age, links: readonly Link[]): readonly Link[] {
  const first = links.findIndex(
    ({ n, stat }) =>
      n === 0 || stat.mtimeNs > age.mtimeNs || (stat.mtimeNs === age.mtimeNs && stat.birthtimeNs > age.birthtimeNs),
  );
  return first < 0 ? [] : links.slice(first);
}

/**
 * The library reads (readStuff, append: one read at a time into one buffer) and watches the directory (startTail). Replaced is what opens, ends, fails and stops:
 * as it stands it goes by names instead of inodes.
 *
 * held[0] is being read, the others are the younger files of the chain, the youngest last. They are opened as soon as they are seen, not when
 * their turn comes: what a slow reader holds open, rotation cannot delete.
 */
class ChainTail extends Tail {
  readonly #events: TailEvents;
  readonly #wait: number;
  /** Where to begin, until the first file is held. An Age: with the files younger than that, the chain being empty or cut off. */
  #from: TailOptions['from'] | Age;
  readonly #held: Held[] = [];
  /** Began within a line: nothing is handed over before the next one. */
  #skipping = false;
  /** The writer was seen in a younger file before the read under way: at the end that it finds, the file is finished. */
  #final = false;
  /** What start found, for the first look to tell: the caller has no follower yet. */
  #early: TailNotice[] | undefined = [];
  /** A look is due in this turn of the event loop. */
  #soon = false;
  #timer: NodeJS.Timeout | undefined;
  /** Timed looks so far. */
  #ticks = 0;
  /** What is amiss with the path and with reading: since which tick, at which file, and what was told of it. */
  readonly #amiss: Record<Source, { at?: Held; since: number; told: string }> = {
    path: { since: 0, told: '' },
    read: { since: 0, told: '' },
  };
  #stopped: Promise<void> | undefined;
  /** Set when stopping: where to stop reading in the last held file, and what to call then. */
  #ending: { readonly limit: number; readonly resolve: () => void } | undefined;
  #position: Position | undefined;

  constructor(file: string, options: TailOptions, events: TailEvents) {
    super(file, { _bufsize: bufferBytes });
    this.#events = events;
    this.#wait = options.wait;
    this.#from = options.from;
  }

  position(): Position | undefined {
    const stat = this.#held[0]?.stat;
    const from = this.#from;
    if (stat === undefined) return this.#position ?? (typeof from === 'object' && 'mtimeNs' in from ? { dev: '', ino: '', born: `${from.mtimeNs}`, offset: 0 } : undefined);
    return { dev: `${stat.dev}`, ino: `${stat.ino}`, born: `${stat.birthtimeNs}`, offset: this.#offset() };
  }

  unread(): number {
    return this.#held.reduce((sum, { fd }, n) => sum + Number(fstatSync(fd).size) - (n === 0 ? this.#offset() : 0), 0);
  }

  /** The library's own stops first (and so hangs, see stop), then asks stat for the size and open for the file, which may be two files; a missing file sends it to file.1. */
  override start(): void {
    this.#hold();
    this.#timer = setInterval(() => {
      this.#ticks++;
      this.#look();
    }, this.#wait * 1000);
    setImmediate(() => this.#look());
  }

  /** The library's own drops what was not read yet, closes a descriptor that may be in use, and never resolves once the watcher has failed. */
  override stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      // Not at once: the caller may be one of our events, in the midst of a look or of the buffer.
      setImmediate(() => {
        clearInterval(this.#timer);
        this.#unwatch();
        this.#hold();
        const last = this.#held.at(-1);
        this.#ending = { limit: last === undefined ? 0 : Number(fstatSync(last.fd).size), resolve };
        if (last === undefined) this.#close();
        else this.readStuff();
      });
    });
    return this.#stopped;
  }

  #close(): void {
    this.#position = this.position();
    for (const { fd } of this.#held.splice(0)) closeSync(fd);
    this.started = null;
    this.#ending?.resolve();
  }

  #look(): void {
    if (this.#ending !== undefined) return;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const notice of early) this.#events.notice(notice);
    this.#hold();
    try {
      this.startTail(this.filename);
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error && error.syscall === 'watch')) throw error;
      // Without a watch the timed looks have to do; the next one tries to watch again.
      this.started = this.filename;
      this.readStuff();
    }
    if (this.#held.length === 0) this.#events.idle();
  }

  /** The library's own opens by name once more, which after a rotation is another file. */
  override createReader(): void {
    this.fd = this.#held[0]?.fd ?? 'init';
  }

  /** The library's own cuts lines out of a string that it collects. */
  override getLine(): void {
    this.readStuff();
  }

  /** The library's own collects text: a chunk that arrives with a switch of files is dropped with it. */
  override decode(chunk: Buffer | null): void {
    if (chunk === null) return this.onEndOfFileForTail();
    let bytes = chunk;
    if (this.#skipping) {
      const end = chunk.indexOf(10);
      this.#skipping = end < 0;
      bytes = chunk.subarray(end < 0 ? chunk.length : end + 1);
    }
    if (bytes.length > 0) this.#events.chunk(bytes);
    if (this.#ending !== undefined && this.#held.length === 1 && this.#offset() >= this.#ending.limit) return this.#idle();
    // Less than asked for: the end, for now. To read on until there is not a byte would be to run after a busy writer line by line.
    if (chunk.length < bufferBytes && !this.#final) this.onEndOfFileForTail();
    else this.readStuff();
  }

  /**
   * The library's own compares the path's inode with the one it read, and closes: what was written between its last read and the rename is lost,
   * and so are whole files when there were several rotations.
   */
  override onEndOfFileForTail(): void {
    const front = this.#held[0];
    if (front === undefined) return;
    this.#well('read');
    if (fstatSync(front.fd).size < this.#offset()) {
      this.#rewind();
      this.#events.fileEnd();
      this.#notice({ kind: 'truncated' });
      return this.readStuff();
    }
    if (this.#final) return this.#advance();
    if (this.#ending === undefined) this.#hold();
    this.#final = this.#overtaken();
    if (this.#final) this.readStuff();
    else this.#idle();
  }

  /** The writer is done with the first held file once there is a byte in a younger one; until then it may still write into a renamed file. */
  #overtaken(): boolean {
    const next = this.#held[1];
    return next !== undefined && (this.#held.length > 2 || fstatSync(next.fd).size > 0);
  }

  #advance(): void {
    const done = this.#held.shift();
    if (done !== undefined) closeSync(done.fd);
    this.#rewind();
    this.#events.fileEnd();
    this.#notice({ kind: 'rotated' });
    this.readStuff();
  }

  #rewind(): void {
    this.setBytePos(0);
    this.#skipping = false;
    this.#final = false;
  }

  #idle(): void {
    const ending = this.#ending;
    this.#events.idle();
    if (ending !== undefined) this.#close();
  }

  /** A read failed. The library's own stops, and throws or prints. */
  override onError(error: NodeJS.ErrnoException): void {
    const front = this.#held[0];
    this.#amissIs('read', { kind: 'unreadable', code: error.code ?? error.message });
    if (this.#ending !== undefined) this.#close();
    else if (front !== undefined && this.#persists('read', front) && this.#overtaken()) {
      this.#notice({ kind: 'lost', why: 'unreadable' });
      this.#advance();
    }
  }

  /** The library's own looks at every write, which would make of a busy log as many looks as lines; and it gives up a file being read. */
  override checkDir(type: string, name: string | null): void {
    // The directory itself was renamed or removed: this watch will tell nothing more.
    if (name === basename(dirname(this.filename))) this.#unwatch();
    // Every rotation renames the file itself; of the rest of the chain nothing need be known.
    if (type !== 'rename' || this.#soon || (name !== null && name !== basename(this.filename))) return;
    // One look for all the renames of a rotation that have come together.
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.#look();
    });
  }

  /** The library's own stops. */
  override checkDirError(): void {
    this.#unwatch();
  }

  #unwatch(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  #offset(): number {
    return typeof this.pos === 'number' ? this.pos : 0;
  }

  /** Holds every file of the chain that is younger than those held. */
  #hold(): void {
    try {
      for (let tries = 0; tries < 2 * heldFiles && this.#held.length < heldFiles && this.#holdMore(); tries++);
    } catch (error) {
      this.#amissIs('path', { kind: 'unreadable', code: errno(error) });
    }
  }

  /** Whether to look again: more files are held now, or the chain has moved on meanwhile. */
  #holdMore(): boolean {
    const last = this.#held.at(-1);
    const now = statSync(this.filename, bigint);
    if (last !== undefined && now !== undefined && same(now, last.stat)) {
      this.#well('path');
      return false;
    }
    const from = this.#from;
    const chain = openChain(this.filename, (stat) => {
      if (last !== undefined) return same(stat, last.stat);
      if (typeof from === 'string') return true;
      return 'ino' in from && `${stat.dev} ${stat.ino} ${stat.birthtimeNs}` === `${from.dev} ${from.ino} ${from.born}`;
    });
    if (chain === undefined) return true;
    const { links, met } = chain;
    const count = this.#held.length;
    if (last === undefined) this.#holdFirst(links, met !== undefined);
    else this.#holdAfter(last, links, met);
    for (const link of links) if (!this.#held.some((held) => held === link)) close(link);
    return this.#held.length > count;
  }

  #holdFirst(links: readonly Link[], met: boolean): void {
    const from = this.#from;
    const [oldest] = links;
    if (typeof from === 'object') {
      if (met && 'ino' in from) return this.#begin(links, from.offset);
      if ('ino' in from) {
        // On with whatever was written to since that file was born, its elders being finished by then; at the same tick, with what is not older.
        this.#from = { mtimeNs: BigInt(from.born), birthtimeNs: BigInt(from.born) - 1n };
        if (from.ino !== '') this.#notice({ kind: 'lost', why: 'gone' });
        return this.#holdFirst(links, false);
      }
      return this.#begin(youngerThan(from, links), 0);
    }
    if (oldest === undefined) {
      const now = BigInt(Date.now()) * 1_000_000n - tickNs;
      this.#from = { mtimeNs: now, birthtimeNs: now };
    }
    // Without the file itself: it was rotated away and not made anew yet, and what is new comes after the end of the youngest there is.
    this.#begin(links, oldest !== undefined && oldest.n > 0 ? 'end' : from);
  }

  #begin(links: readonly Link[], from: 'end' | 'start' | number): void {
    this.#take(links);
    const [first] = this.#held;
    if (first !== undefined) {
      const size = Number(first.stat.size);
      // One byte back: a newline there means that the last line is whole.
      this.setBytePos(from === 'end' ? Math.max(0, size - 1) : from === 'start' ? 0 : from);
      this.#skipping = from === 'end' && size > 0;
      if (first.n === 0 || from !== 'end') {
        this.#amiss.path.told = '';
        return this.#notice({ kind: 'opened', from: from === 'end' ? size : this.#offset() });
      }
    }
    if (links.every((link) => 'fd' in link)) this.#amissIs('path', { kind: 'waiting' });
  }

  #holdAfter(last: Held, links: readonly Link[], met: number | undefined): void {
    const younger = met === undefined ? youngerThan(fstatSync(last.fd, bigint), links) : links.slice(1);
    const [next] = younger;
    const gap = met !== undefined && next !== undefined && met - next.n > 1;
    // A file missing now may be a rotation half done; one missing from one look to the next is not.
    if ((gap || next === undefined) && !this.#persists('path', last)) return;
    if (next === undefined) this.#amissIs('path', { kind: 'waiting' });
    else this.#take(younger, last, met === undefined ? 'gone' : gap ? 'gap' : undefined);
  }

  /** Holds these, oldest first, and tells what is lost before the first; what cannot be read is waited for, and left out after a while if others have come after it. */
  #take(links: readonly Link[], last?: Held, lost?: Loss): void {
    let why = lost;
    for (const link of links) {
      if ('fd' in link) {
        if (this.#held.length === heldFiles) return;
        this.#held.push(link);
        if (why !== undefined) this.#notice({ kind: 'lost', why });
        why = undefined;
      } else if (link !== links.at(-1) && last !== undefined && this.#persists('path', last)) {
        why = 'unreadable';
      } else return this.#amissIs('path', { kind: 'unreadable', code: link.code });
    }
  }

  /** Whether this has lasted from one timed look to another. */
  #persists(source: Source, at: Held): boolean {
    const amiss = this.#amiss[source];
    if (amiss.at !== at) Object.assign(amiss, { at, since: this.#ticks });
    return this.#ticks - amiss.since > 1;
  }

  /** Gives notice of what is amiss, unless it was told last. */
  #amissIs(source: Source, notice: TailNotice): void {
    const told = JSON.stringify(notice);
    if (this.#amiss[source].told === told) return;
    this.#amiss[source].told = told;
    this.#notice(notice);
  }

  #well(source: Source): void {
    const { told } = this.#amiss[source];
    this.#amiss[source] = { since: 0, told: '' };
    if (told !== '') this.#notice({ kind: 'recovered' });
  }

  #notice(notice: TailNotice): void {
    if (this.#early === undefined) this.#events.notice(notice);
    else this.#early.push(notice);
  }
}
