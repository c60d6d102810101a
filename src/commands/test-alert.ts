import { bytes, ms } from '../audit/units.ts';
import { ARROW, parseSubject, printSubject } from '../behaviour/edge.ts';
import type { Line } from '../detect/line.ts';
import { FullmonError } from '../input/errors.ts';
import { trySending } from '../report/sinks/deliver.ts';
import { entryOf, makeSink } from '../report/sinks/open.ts';
import { idOf } from '../report/sinks/format.ts';
import { nameOf } from '../report/sinks/schema.ts';
import type { Sinks } from '../report/sinks/schema.ts';

const ACTOR = 'proc::0:/usr/local/bin/fullmon';

/** As grave as can be, so that no threshold keeps it; its id begins with `test-`. */
const testIncident = (now: number): Line => {
  const subject = parseSubject(ACTOR);
  if (subject === undefined) throw new Error(`${ACTOR} is no subject`);
  const time = ms(now);
  return {
    type: 'incident', time, state: 'opened',
    incident: { id: `test-${now.toString(16)}`, first: time, last: time, severity: 'critical', score: 100, count: 1, repeats: 0, held: 0, tactics: [], techniques: [], after: undefined },
    explanation: {
      edge: `${ACTOR}${ARROW}${ACTOR}`, subject: printSubject(subject), command: bytes('fullmon test-alert'), why: 'a test of what hears of alerts: nothing has happened',
      nearest: [], ancestry: [subject.exe], session: undefined, address: bytes(''), first: time,
    },
  };
};

/** `fullmon test-alert`: an incident that is none through every sink, or the one that is named, past what waits there; one line each. Throws a `FullmonError`. */
export const runTestAlert = async (sinks: Sinks, only: string | undefined): Promise<void> => {
  const meant = sinks.filter((options) => only === undefined || nameOf(options) === only);
  if (meant.length === 0) throw new FullmonError(only === undefined ? 'test-alert: nobody is told: there are no sinks in the configuration file, see docs/alerting.md' : `test-alert: there is no sink '${only.slice(0, 40)}', only ${sinks.map(nameOf).join(', ') || 'none'}`);
  const line = testIncident(Date.now());
  for (const options of meant) {
    const sink = await makeSink(options, undefined);
    const reason = await trySending(sink, [entryOf(sink, line, idOf(line))]);
    process.stdout.write(`${nameOf(options)}: ${reason === undefined ? 'delivered' : `failed: ${reason}`}\n`);
    if (reason !== undefined) process.exitCode = 1;
  }
};
