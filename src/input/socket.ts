import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { messageOf } from './files.ts';

/** A unix socket that is connected again whenever it was cut off. */
export interface Connection {
  /** Cuts it off; it is connected again after a while. */
  readonly cut: () => void;
  readonly stop: () => void;
}

export interface ConnectionEvents {
  readonly open: (socket: Socket) => void;
  /** It was cut off, or could not be connected; `why`: the system's code, or words. */
  readonly closed: (why: string) => void;
}

/** `wait`: ms before the next attempt. Never throws, and keeps no process alive. */
export const keepConnected = (path: string, wait: () => number, on: ConnectionEvents): Connection => {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const connect = (): void => {
    let why = 'was closed';
    const one = createConnection(path).unref();
    socket = one
      .on('connect', () => on.open(one))
      .on('error', (error) => (why = messageOf(error)))
      .on('close', () => {
        if (stopped) return;
        on.closed(why);
        timer = setTimeout(connect, wait()).unref();
      });
  };
  connect();

  return {
    cut: () => void socket?.destroy(),
    stop() {
      stopped = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
};
