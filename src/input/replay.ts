import { readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { FileHandle } from 'node:fs/promises';
import { FullmonError, unreadable } from './errors.ts';

/** Bytes read at a time: what is copied by the kernel is still in the processor's cache when it is scanned. */
const BLOCK = 131_072;

/** The name of standard input among files; `-` on the command line. */
export const STDIN = '/dev/stdin';

export interface Replayed {
  /** Gets the bytes of all files in order; the buffer is reused after the call. */
  readonly chunk: (bytes: Buffer) => void;
  /** Gets the same bytes as `chunk` before it, as they stand in the file; what it returns is waited for. */
  readonly before?: (bytes: Buffer) => Promise<void> | undefined;
  /** The next file begins. */
  readonly fileStart?: (file: string) => void;
  /** A file has ended. */
  readonly fileEnd: () => void;
  /** Bytes taken from the files so far and their sum, 0 where unknown. */
  readonly progress: (done: number, total: number) => void;
}

type Sink = Pick<Replayed, 'chunk' | 'before' | 'progress'>;

/**
 * Reads stored logs in the given order: plain, `.gz`, or {@link STDIN}.
 * Throws a {@link FullmonError} for a file that is missing, unreadable, a directory, or no sound gzip; all names are checked first.
 * `skip`: bytes of the first file that are passed over, as they are unpacked.
 */
export const replayFiles = async (files: readonly string[], { chunk, before, fileStart, fileEnd, progress }: Replayed, stopped: () => boolean, skip = 0): Promise<void> => {
  let left = skip;
  const sink: Sink = {
    progress,
    ...(before && { before }),
    chunk(bytes: Buffer): void {
      if (left < bytes.length) chunk(left > 0 ? bytes.subarray(left) : bytes);
      left = Math.max(0, left - bytes.length);
    },
  };
  const total = await totalSize(files);
  let done = 0;
  for (const file of files) {
    if (stopped()) return;
    fileStart?.(file);
    done += file === STDIN ? await readStream(process.stdin, sink, stopped) : await readFile(file, done, total, sink, stopped);
    fileEnd();
    left = 0;
  }
};

const totalSize = async (files: readonly string[]): Promise<number> => {
  let total = 0;
  for (const file of files) {
    if (file === STDIN) continue;
    try {
      const stats = await stat(file);
      total += stats.size;
      // What is neither, like `<(zcat log)`, can be read but once.
      if (!stats.isFile() && !stats.isDirectory()) continue;
      const handle = await open(file);
      // A directory opens, but does not read.
      await handle.read(Buffer.alloc(1), 0, 1, 0).finally(() => handle.close());
    } catch (error) {
      throw unreadable(file, error);
    }
  }
  return total;
};

const readFile = async (file: string, before: number, total: number, sink: Sink, stopped: () => boolean): Promise<number> => {
  const handle = await open(file);
  try {
    if (file.endsWith('.gz')) return await readGzip(file, handle, before, total, sink, stopped);
    const buffer = Buffer.allocUnsafe(BLOCK);
    let done = 0;
    for (;;) {
      // A read from the page cache takes less time than handing it to another thread; signals get their turn now and then.
      const bytesRead = readSync(handle.fd, buffer, 0, BLOCK, null);
      if (bytesRead === 0 || stopped()) return done;
      done += bytesRead;
      const bytes = buffer.subarray(0, bytesRead);
      const first = sink.before?.(bytes);
      if (first) await first;
      sink.chunk(bytes);
      sink.progress(before + done, total);
      if (done % (64 * BLOCK) === 0) await setImmediate();
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(file, error) : error;
  } finally {
    await handle.close();
  }
};

const readGzip = async (file: string, handle: FileHandle, before: number, total: number, sink: Sink, stopped: () => boolean): Promise<number> => {
  const compressed = handle.createReadStream({ autoClose: false, highWaterMark: BLOCK });
  const { createGunzip } = await import('node:zlib');
  const unzip = createGunzip({ chunkSize: BLOCK });
  compressed.on('error', (error) => unzip.destroy(error)).pipe(unzip);
  try {
    for await (const chunk of unzip as AsyncIterable<Buffer>) {
      if (stopped()) break;
      const first = sink.before?.(chunk);
      if (first) await first;
      sink.chunk(chunk);
      sink.progress(before + compressed.bytesRead, total);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error;
    throw new FullmonError(`${file}: damaged gzip (${error.message}): test it with gzip -t`);
  }
  return compressed.bytesRead;
};

const readStream = async (stream: NodeJS.ReadStream, sink: Sink, stopped: () => boolean): Promise<number> => {
  let done = 0;
  for await (const chunk of stream) {
    if (stopped()) break;
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), 'latin1');
    done += bytes.length;
    const first = sink.before?.(bytes);
    if (first) await first;
    sink.chunk(bytes);
    sink.progress(0, 0);
  }
  return done;
};
