import { setTimeout as sleep } from 'node:timers/promises';
import type { Fullmon } from '../fullmon.ts';
import type { Records } from './records.ts';

/** Records as auditd hands them to a plugin; the end of input is theirs. `wait`: seconds between two looks. */
export const fromStdin = ({ feed, endFile }: Fullmon, wait: number): Records => {
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((resolve, reject) => void process.stdin.on('end', resolve).on('error', reject));

  return {
    begin(reader) {
      reader.ready('reading records from stdin');
      let quiet = true;
      timer = setInterval(() => {
        if (quiet) reader.idle();
        quiet = true;
      }, wait * 1000);
      process.stdin.on('data', (chunk: Buffer) => {
        quiet = false;
        reader.chunk(chunk);
      });
      return Promise.resolve();
    },
    feed,
    endFile,
    place: () => () => undefined,
    unread: () => undefined,
    ended,
    async stop() {
      // What is in the pipe already is still read.
      await Promise.race([ended, sleep(wait * 1000)]);
      clearInterval(timer);
      process.stdin.destroy();
    },
  };
};
