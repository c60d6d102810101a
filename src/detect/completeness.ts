import type { AuditFinding } from './health.ts';

/** Is the log complete? Judged by the serials of one window after the other. */
export interface LogWatch {
  /** `learning`: what is usual is still being learned. What to tell, if anything, and whether this window is to be trusted. */
  readonly judge: (window: { readonly seen: number; readonly missing: number }, learning: boolean) => { readonly finding: AuditFinding | undefined; readonly isWhole: boolean };
  readonly save: () => LogWatchState;
}

export interface LogWatchState {
  readonly seen: number;
  readonly missing: number;
  readonly windows: number;
  readonly isBroken: boolean;
}

/** Windows and serials before what is usual is known. */
const MIN_WINDOWS = 5;
const MIN_SERIALS = 1000;
/** Holes that are never worth a word, and how many times the usual share is. */
const SOME = 20;
const TIMES = 3;

/**
 * On some hosts a share of the records never reaches the log, since a filter behind the kernel takes whole types out. That share is learned, and a
 * window with more than three times as many holes, and twenty, is told: holes that come one by one at the usual rate do that less than once in
 * millions of windows (Poisson), and lost ones come by the hundred.
 */
export const watchLog = (saved?: LogWatchState): LogWatch => {
  let { seen, missing, windows, isBroken } = saved ?? { seen: 0, missing: 0, windows: 0, isBroken: false };

  return {
    judge(window, learning) {
      const all = window.seen + window.missing;
      const knows = windows >= MIN_WINDOWS && seen + missing >= MIN_SERIALS;
      const usual = knows ? missing / (seen + missing) : 1;
      const isWhole = window.missing <= TIMES * usual * all + SOME;
      if (learning && isWhole && all > 0) {
        seen += window.seen;
        missing += Math.max(0, window.missing);
        windows++;
      }
      if (isWhole === !isBroken || (isWhole && window.seen === 0)) return { finding: undefined, isWhole };
      isBroken = !isWhole;
      return {
        isWhole,
        finding: isWhole ? { severity: 'low', text: 'the log is complete again' }
          : { severity: 'high', text: `the log has holes: ${window.missing} of ${all} numbered events are not in it, usually ${(usual * 100).toFixed(1)} %: the kernel or auditd lost them, or they were taken out` },
      };
    },
    save: () => ({ seen, missing, windows, isBroken }),
  };
};
