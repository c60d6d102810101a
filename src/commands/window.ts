import { parseSubject } from '../behaviour/edge.ts';
import { baseName } from '../behaviour/paths.ts';
import { changeAccepted, decider, readAccepted } from '../input/accepted.ts';
import type { Window } from '../input/accepted.ts';
import { readState } from '../input/checkpoint.ts';
import { readDuration } from '../input/duration.ts';
import { FullmonError } from '../input/errors.ts';
import { nearest } from '../input/nearest.ts';
import { readCheckpoint } from '../shell/keep.ts';
import { show } from '../report/show.ts';
import { describeWindow, isCurrent, isOf, nameOf } from '../shell/windows.ts';

export interface WindowOptions {
  readonly window: Window['window'];
  readonly service: string | undefined;
  /** How long, from now. */
  readonly for: string | undefined;
  readonly comment: string | undefined;
  readonly end: boolean;
  readonly accepted: string;
  readonly state: string;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A word when nobody of that name has been seen, where the state can be read: it may be one that is new. */
const lookFor = (service: string, directory: string): void => {
  const found = readState(directory, readCheckpoint);
  if (found.kind !== 'state') return;
  const subjects = found.state.snapshot.baseline.groups.rows.flatMap(([, { node }]) => parseSubject(node) ?? []);
  if (subjects.some((subject) => isOf(nameOf(service), subject))) return;
  const meant = nearest(nameOf(service), [...new Set(subjects.flatMap((subject) => [baseName(subject.exe), subject.service]))].filter((name) => name !== ''));
  process.stderr.write(`fullmon: nothing of ${show(service)} has been seen yet${meant === undefined ? '' : `: is it ${show(meant)}?`}\n`);
};

/** `fullmon maintenance` and `fullmon relearn`: begins a time in which the unusual is expected, ends it, or tells which there are. Throws a {@link FullmonError}. */
export const runWindow = (options: WindowOptions): Promise<void> => {
  const { window, service, comment, end, accepted, state } = options;
  const now = Date.now();
  const isMeant = (one: Window): boolean => one.window === window && isCurrent(one, now) && (service === undefined || one.service === service);
  if (options.for === undefined && comment === undefined && !end) {
    for (const one of readAccepted(accepted).windows.filter(isMeant)) say(show(describeWindow(one)));
    return Promise.resolve();
  }
  const at = new Date(now).toISOString();
  const closed = (windows: readonly Window[]): readonly Window[] => windows.map((one) => (isMeant(one) ? { ...one, until: at } : one));
  if (end) {
    changeAccepted(accepted, ({ entries, windows }) => {
      if (!windows.some(isMeant)) throw new FullmonError(`${window}: there is none to end`);
      return { entries, windows: closed(windows) };
    });
    say(`${window} has ended`);
    return Promise.resolve();
  }
  if (options.for === undefined || comment === undefined || comment.trim() === '') throw new FullmonError(`${window}: say for how long, and why: --for 2h --comment TEXT`);
  if (window === 'relearn' && service === undefined) throw new FullmonError('relearn: name the service');
  const added: Window = { window, ...(service === undefined ? {} : { service }), from: at, until: new Date(now + readDuration('--for', options.for)).toISOString(), comment, by: decider() };
  // One at a time: the one before ends where this begins.
  changeAccepted(accepted, ({ entries, windows }) => ({ entries, windows: [...closed(windows), added] }));
  say(show(describeWindow(added)));
  if (service !== undefined) lookFor(service, state);
  return Promise.resolve();
};
