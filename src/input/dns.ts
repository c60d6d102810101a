/** What tells the names of hosts while fullmon runs: systemd-resolved, unbound, a file that people edit. */
import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { unreadable } from './errors.ts';
import { keepConnected } from './socket.ts';

/** Something that was opened and is to be closed. */
export interface Open {
  readonly stop: () => void;
}

export interface Notices {
  /** What is amiss, told once and not at every attempt; undefined once all is well again. */
  readonly notice: (text: string) => void;
}

/** Tells when it changes only. */
const changes = (notice: Notices['notice']): ((text: string) => void) => {
  let last = '';
  return (text) => {
    if (text !== last && text !== '') notice(text);
    last = text;
  };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message.split('\n', 1)[0] ?? '' : String(error));

const MONITOR = '/run/systemd/resolve/io.systemd.Resolve.Monitor';
/** Ms between two attempts. */
const AGAIN = 5000;
/** A message may be as long as its answer; what does not end is none. */
const MAX_MESSAGE = 1_048_576;

/** Follows a varlink socket of systemd-resolved: sends `call`, hands over each message. Never throws; connects again when it is cut off. */
export const followVarlink = (call: string, message: (text: string) => void, { notice }: Notices, path = MONITOR): Open => {
  const tell = changes(notice);
  return keepConnected(path, () => AGAIN, {
    open(socket) {
      let carry = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        const messages = (carry + chunk).split('\0');
        carry = messages.pop() ?? '';
        if (carry.length > MAX_MESSAGE) socket.destroy();
        for (const text of messages) message(text);
        if (messages.length > 0) tell('');
      });
      socket.write(call);
    },
    closed: (why) => tell(`systemd-resolved tells no names (${why}), trying again; its monitor needs systemd 252 or newer, and root`),
  });
};

/** Ms. */
const POLL = 500;
const POLL_TIMEOUT = 10_000;
/** Asking may take this part of the time. */
const POLL_SHARE = 0.05;
const MAX_DUMP = 67_108_864;

/** Asks a program again and again for all it knows, at most twice a second. `asked`: ms since the epoch. Never throws. */
export const pollProgram = (command: readonly string[], output: (text: string, asked: number) => void, { notice }: Notices): Open => {
  const tell = changes(notice);
  const [file = '', ...args] = command;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const ask = (): void => {
    const asked = Date.now();
    const begin = performance.now();
    execFile(file, args, { timeout: POLL_TIMEOUT, killSignal: 'SIGKILL', maxBuffer: MAX_DUMP, encoding: 'latin1' }, (error, stdout) => {
      if (stopped) return;
      if (error === null) {
        output(stdout, asked);
        tell('');
      } else tell(`${command.join(' ')} fails (${messageOf(error)}), trying again`);
      const took = performance.now() - begin;
      timer = setTimeout(ask, error === null ? Math.max(POLL - took, took / POLL_SHARE - took, 0) : AGAIN).unref();
    });
  };
  ask();

  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
};

/** Reads a small file now, and whenever it changes. Throws a `FullmonError` when it cannot be read at first. */
export const watchFile = (path: string, text: (content: string) => void): Open => {
  const versionOf = (): string => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  };
  let version = versionOf();
  text(readSmall(path));
  const timer = setInterval(() => {
    const now = versionOf();
    if (now === version || now === '') return;
    try {
      text(readSmall(path));
      version = now;
    } catch {
      // It is being replaced; what it said holds until then.
    }
  }, POLL).unref();
  return { stop: () => clearInterval(timer) };
};

/** Throws a `FullmonError` when it cannot be read. */
export const readSmall = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw unreadable(path, error);
  }
};
