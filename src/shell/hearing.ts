import type { Line } from '../detect/line.ts';
import type { Output } from '../report/output.ts';
import type { Hearers } from '../report/sinks/open.ts';
import type { Sinks } from '../report/sinks/schema.ts';

/** An output whose lines also go to the sinks. */
export interface Hearing extends Output {
  /** Opens the sinks, which then get what was told before, too. */
  readonly open: (sinks: Sinks, directory: string | undefined) => Promise<void>;
  readonly reopen: (sinks: Sinks) => Promise<void>;
  /** What was told survives a power cut from now on. */
  readonly sync: () => void;
  readonly end: () => Promise<void>;
}

/** What is told before the sinks can be opened, as there is no state directory yet, waits for them; where there are none, nothing is loaded. */
export const hearing = (output: Output): Hearing => {
  let early: Line[] | undefined = [];
  let heard: Hearers | undefined;
  let place: string | undefined;

  const tell = (line: Line): void => {
    output.tell(line);
    early?.push(line);
    heard?.tell(line);
  };

  const open = async (sinks: Sinks): Promise<void> => {
    if (heard === undefined && sinks.length > 0) heard = await (await import('../report/sinks/open.ts')).openSinks(sinks, place, tell);
    else await heard?.reopen(sinks);
  };

  return {
    ...output,
    tell,
    async open(sinks, directory) {
      place = directory;
      await open(sinks);
      for (const line of early ?? []) heard?.tell(line);
      early = undefined;
    },
    reopen: open,
    sync: () => heard?.sync(),
    async end() {
      await heard?.close();
      output.close();
    },
  };
};
