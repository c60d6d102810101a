/** What of tail-file 1.4 is used or replaced here; the library has no types of its own. */
declare module 'tail-file' {
  import type { EventEmitter } from 'node:events';
  import type { FSWatcher } from 'node:fs';

  class Tail extends EventEmitter {
    constructor(filename: string, options?: { readonly _bufsize?: number });
    readonly filename: string;
    /** The watcher of the file's directory. */
    watcher: FSWatcher | null | undefined;
    /** The name being read; nothing is read while it is null. */
    started: string | null;
    /** The descriptor being read; 'init' while there is none to read. */
    fd: number | 'init' | null | undefined;
    /** Offset of the next read, bytes. */
    pos: number | 'init';
    /** A read is under way: the buffer is not to be touched, nor the descriptor closed. */
    reading: boolean;

    start(): void;
    stop(): Promise<unknown>;
    /** Watches the directory unless it does already (throws when it cannot), then reads. */
    startTail(filename: string): void;
    createReader(): void;
    /** Starts one read, unless one is under way; it ends in decode, or in onError. */
    readStuff(): void;
    getLine(): void;
    setBytePos(pos: number): void;
    /** Takes what was read; null at the end of the file. */
    decode(chunk: Buffer | null): void;
    onEndOfFileForTail(): void;
    checkDir(type: string, name: string | null): void;
    checkDirError(error: Error): void;
    onError(error: NodeJS.ErrnoException): void;
  }
  export = Tail;
}
