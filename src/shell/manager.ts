import { execFile } from 'node:child_process';

/** How the agent stands, told to the service manager that started it. */
export interface Manager {
  /** The log is followed; `status` is for `systemctl status`. Later calls say nothing. */
  readonly ready: (status: string) => void;
  /** The agent has come round once more. */
  readonly alive: () => void;
  readonly stop: () => void;
}

const PATIENCE = 10_000;

/**
 * sd_notify: readiness, and a sign of life three times within the time that systemd's watchdog waits, as long as there are signs of life. Node
 * cannot send to a unix datagram socket, so systemd's own program does. Silent where no service manager listens.
 */
export const tellManager = ({ NOTIFY_SOCKET, WATCHDOG_USEC }: NodeJS.ProcessEnv = process.env): Manager => {
  if (NOTIFY_SOCKET === undefined) return { ready: () => undefined, alive: () => undefined, stop: () => undefined };
  const notify = (...words: readonly string[]): void =>
    void execFile('systemd-notify', words, { timeout: PATIENCE, killSignal: 'SIGKILL', env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET } }, (error) => {
      if (error) process.stderr.write(`fullmon: systemd-notify: ${error.message.trim().replaceAll('\n', ' ')}\n`);
    });
  let isReady = false;
  let isAlive = false;
  const wait = Number(WATCHDOG_USEC ?? 0) / 3000;
  const timer = wait > 0 ? setInterval(() => {
    if (isAlive) notify('WATCHDOG=1');
    isAlive = false;
  }, wait).unref() : undefined;
  return {
    ready(status) {
      if (!isReady) notify('--ready', `--status=${status}`);
      isReady = true;
    },
    alive: () => (isAlive = true),
    stop: () => clearInterval(timer),
  };
};
