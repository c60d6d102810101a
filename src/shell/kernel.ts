import { parseMounts } from '../audit/mounts.ts';
import { parseStatus } from '../audit/status.ts';
import type { AuditStatus } from '../audit/status.ts';
import { ms } from '../audit/units.ts';
import type { Line } from '../detect/line.ts';
import type { Fullmon } from '../fullmon.ts';
import { pollAudit } from '../input/auditstatus.ts';
import { readMounts } from '../input/proc.ts';

/** What is asked of the kernel again and again: how auditing stands, and what is mounted. */
export interface Kernel {
  /** As it was said last; undefined when nobody answers. */
  readonly status: () => AuditStatus | undefined;
  readonly stop: () => void;
}

/** Seconds between two looks at what is mounted. */
const MOUNTS = 30;

/** `log`: which file auditd writes, undefined where that is not known; `isOurs`: it is that of this machine. `written`: what root asked on our behalf. */
export const askKernel = (log: string | undefined, isOurs: boolean, { audit, mounted }: Fullmon, tell: (line: Line) => void, written: Parameters<typeof pollAudit>[2]): Kernel => {
  let status: AuditStatus | undefined;
  const unasked = pollAudit(log, {
    heard(said, rules) {
      status = parseStatus(said, rules);
      if (status !== undefined) audit(status, ms(Date.now()));
    },
    unheard(isUnheard) {
      if (isUnheard) status = undefined;
      tell({
        type: 'finding', time: ms(Date.now()), kind: 'audit', severity: isUnheard ? 'medium' : 'low',
        text: isUnheard ? 'how auditing stands is not known any more: nobody answers (fullmon-audit.timer, auditctl -s)' : 'how auditing stands is known again',
      });
    },
  }, written);
  const timer = setInterval(() => {
    const all = parseMounts(readMounts());
    // Those of the machine that writes the log.
    if ((isOurs || status !== undefined) && all.length > 0) mounted(all, ms(Date.now()));
  }, MOUNTS * 1000).unref();

  return {
    status: () => status,
    stop() {
      unasked();
      clearInterval(timer);
    },
  };
};
