import type { Settings } from '../fullmon.ts';
import { baseName } from '../behaviour/paths.ts';
import type { Subject } from '../behaviour/edge.ts';
import type { Window } from '../input/accepted.ts';

/** The part of the settings that windows make up. */
export type Expected = Required<Pick<Settings, 'maintenance' | 'relearns'>>;

/** A service by its unit is one by its name. */
export const nameOf = (service: string): string => service.replace(/\.service$/, '');

/** What a service does itself, and what is done on its behalf. */
export const isOf = (name: string, { exe, service }: Subject): boolean => service === name || baseName(exe) === name;

interface Span {
  readonly from: number;
  readonly until: number;
}

const spanOf = ({ from, until }: Window): Span => ({ from: Date.parse(from), until: Date.parse(until) });

const holds = ({ from, until }: Span, time: number): boolean => from <= time && time < until;

/** What is expected, by windows on the clock of the log. */
export const expectedBy = (windows: readonly Window[]): Expected => {
  const spans = windows.map((window) => ({ ...spanOf(window), window: window.window, name: nameOf(window.service ?? ''), comment: window.comment }));
  const maintenances = spans.filter(({ window }) => window === 'maintenance');
  const relearns = spans.filter(({ window }) => window === 'relearn');
  return {
    maintenance: (time) => maintenances.find((span) => holds(span, time))?.comment,
    relearns: (subject, time) => relearns.find((span) => holds(span, time) && isOf(span.name, subject))?.name,
  };
};

/** It goes on, or is to come. */
export const isCurrent = (window: Window, now: number): boolean => spanOf(window).until > now;

/** A window in words. */
export const describeWindow = ({ window, service, until, comment, by }: Window): string =>
  `${window}${service === undefined ? '' : ` of ${service}`} until ${until}, by ${by}: ${comment}`;
