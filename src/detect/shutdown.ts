import { ms } from '../audit/units.ts';
import type { Ms } from '../audit/units.ts';
import type { DaemonFact } from '../behaviour/health.ts';
import { INIT } from './health.ts';
import type { AuditFinding } from './health.ts';

/**
 * Was auditd stopped with the machine, or by somebody who does not want to be seen? Root can feign what announces a shutdown, and the order to
 * auditd comes from the service manager both times; only a boot proves one. So what follows decides, and until then nothing is told.
 */
export interface ShutdownWatch {
  /** The service manager says that the machine goes down. */
  readonly announce: (time: Ms) => void;
  /** auditd was stopped; whether that may be with the machine, so that what follows is to be waited for. */
  readonly stop: (fact: DaemonFact, time: Ms) => boolean;
  /** What follows, and what that tells of the stop before, if one waits. */
  readonly follow: (next: Next, time: Ms) => AuditFinding | undefined;
  readonly save: () => ShutdownState;
}

/** `boot`: the machine was started anew. `start`: auditd was. `record`: something happens. `nothing`: it has got that late, and all that was written has been read. `end`: of the log. */
type Next = 'boot' | 'start' | 'record' | 'nothing' | 'end';

export interface ShutdownState {
  /** 0 before the first one. */
  readonly announced: Ms;
  readonly stopped: Stop | undefined;
}

/** One that waits for what follows, and until when it does that at most. */
interface Stop {
  readonly at: Ms;
  readonly until: Ms;
}

/** auditd waits that long for what has to stop before it, at most: systemd's own limit, and some more. Ms. */
const STOPPING = 120_000;
/** Whoever can still look so long after auditd was stopped, or started, is on a machine that does not go down. Ms. */
const GONE = 30_000;
/** A machine that was away for longer may have been at work unseen. Ms. */
const BRIEF = 600_000;

const WENT_ON: AuditFinding = { severity: 'critical', text: 'auditd was stopped: nothing is recorded until it starts again; the machine was said to go down, and did not' };

const judge = (next: Next, { at, until }: Stop, time: Ms): AuditFinding | undefined => {
  switch (next) {
    case 'boot': return { severity: time - at <= BRIEF ? 'low' : 'medium', text: `auditd was stopped with the machine, which was started again ${Math.round((time - at) / 1000)} s later` };
    case 'end': return { severity: 'medium', text: 'auditd was stopped with the machine; the log ends with that' };
    // What happened before may be told late.
    case 'record': return time > at ? WENT_ON : undefined;
    case 'nothing': return time > until ? WENT_ON : undefined;
    case 'start': return undefined;
  }
};

export const watchShutdown = (saved?: ShutdownState): ShutdownWatch => {
  let { announced, stopped }: ShutdownState = saved ?? { announced: ms(0), stopped: undefined };

  return {
    announce: (time) => void (announced = time),
    stop({ pid }, time) {
      if (pid !== INIT || Math.abs(time - announced) > STOPPING) return false;
      stopped = { at: time, until: ms(time + GONE) };
      return true;
    },
    follow(next, time) {
      if (stopped === undefined) return undefined;
      const finding = judge(next, stopped, time);
      if (finding !== undefined) stopped = undefined;
      else if (next === 'start') stopped = { ...stopped, until: ms(time + GONE) };
      return finding;
    },
    save: () => ({ announced, stopped }),
  };
};
