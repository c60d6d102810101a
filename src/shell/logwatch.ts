import { ms } from '../audit/units.ts';
import type { Line } from '../detect/line.ts';
import type { Severity } from '../detect/severity.ts';
import type { Fullmon } from '../fullmon.ts';
import type { Loss, TailNotice } from '../input/tail.ts';

/** What befalls the followed log. */
export interface LogWatch {
  /** Takes in a notice; tells what the operator has to know. */
  readonly heed: (notice: TailNotice) => void;
  /** Bytes have come. */
  readonly fed: () => void;
  /** The log is missing or cannot be read, and nothing comes any more: its clock stands still, since what comes later may be older than now. */
  readonly standsStill: () => boolean;
  readonly stop: () => void;
}

type Found = readonly [severity: Severity, text: string];

/** A rotation half done, and a program that copies the log, are over after that. Ms. */
const LASTING = 2000;

const LOSSES: Readonly<Record<Loss, string>> = {
  gone: 'the file last read has been rotated away',
  gap: 'a rotated file is missing',
  unreadable: 'a rotated file cannot be read',
};

/** What lasts until it is over; undefined for what is over at once. */
const lasting = (notice: TailNotice): Found | undefined => {
  switch (notice.kind) {
    case 'waiting': return ['high', 'is gone, waiting for it: nothing is known until it is back'];
    case 'unreadable': return ['high', `cannot be read (${notice.code}), trying again: nothing is known until then`];
    case 'opened': case 'rotated': case 'truncated': case 'lost': case 'recovered': return undefined;
  }
};

const sudden = (notice: TailNotice): Found | undefined => {
  switch (notice.kind) {
    case 'truncated': return ['high', 'has become shorter, which auditd never does: reading it from its start; records may be lost'];
    case 'lost': return ['medium', `records may be lost: ${LOSSES[notice.why]}`];
    case 'waiting': case 'unreadable': case 'opened': case 'rotated': case 'recovered': return undefined;
  }
};

/**
 * `wasThere`: the log has been read before, so that it is amiss when it is missing. Whatever lasts is told once, and once more when it is over;
 * fullmon hears when nothing may come for long, and when what comes does not go on where reading stopped.
 */
export const watchFile = (file: string, wasThere: boolean, tell: (line: Line) => void, notice: (text: string) => void, { pause, resume }: Pick<Fullmon, 'pause' | 'resume'>): LogWatch => {
  const find = ([severity, text]: Found): void => tell({ type: 'finding', time: ms(Date.now()), kind: 'log', severity, text: `${file}: ${text}` });
  let known = wasThere;
  let isTold = false;
  let isStill = false;
  /** A part was lost, and the file that was being read is still read to its end before that. */
  let isLost = false;
  let timer: NodeJS.Timeout | undefined;

  const begin = (found: Found): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isTold = true;
      find(found);
      pause();
    }, LASTING).unref();
  };

  const end = (): void => {
    clearTimeout(timer);
    if (isTold) find(['low', 'is read again']);
    isTold = isStill = false;
  };

  return {
    heed(n) {
      if (n.kind === 'lost') isLost = true;
      if (n.kind === 'truncated' || (isLost && (n.kind === 'opened' || n.kind === 'rotated'))) {
        isLost = false;
        resume('lost');
      }
      if (n.kind === 'waiting' && !known) notice(`${file}: no such file yet, waiting for it`);
      if (n.kind === 'opened') notice(`${file}: reading from byte ${n.from}`);
      const found = sudden(n);
      if (found !== undefined) find(found);
      const begun = lasting(n);
      if (n.kind === 'opened' || n.kind === 'recovered') end();
      if (begun !== undefined && (known || n.kind !== 'waiting')) begin(begun);
      isStill = begun !== undefined;
      known ||= n.kind === 'opened' || n.kind === 'rotated';
    },
    fed: () => (isStill = false),
    standsStill: () => isStill,
    stop: () => clearTimeout(timer),
  };
};
