import type { Severity } from '../detect/severity.ts';
import { FullmonError } from '../input/errors.ts';
import { KEYS } from './options.ts';
import type { Key } from './options.ts';
import type { Options } from './resolve.ts';

/** What a part of the agent does when it is told to read its configuration again. */
export interface Reloadable {
  /** The settings that it goes by from now on. May throw a {@link FullmonError}: then it goes on as before, and that is told. */
  readonly change: (options: Options) => void | Promise<void>;
}

export interface Reload {
  readonly add: (part: Reloadable) => void;
  /** All parts are there: what was asked for before is done now. */
  readonly begin: () => Promise<void>;
  /** Reads it again; one after the other. */
  readonly reload: () => Promise<void>;
}

/** What can change while it runs; all else is told to need a restart, which goes on where it was. */
const CHANGEABLE: ReadonlySet<Key> = new Set<Key>(['rebase', 'ignore', 'flood', 'metrics', 'sinks']);

const valueOf = ({ maxEdges, publicKey, ...same }: Options): { readonly [K in Key]: unknown } => ({ ...same, 'max-edges': maxEdges, 'public-key': publicKey });

const differences = (before: Options, now: Options): readonly Key[] => {
  const [was, is] = [valueOf(before), valueOf(now)];
  return KEYS.filter((key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]));
};

/** Reads the configuration again when asked. One that is wrong is told, and the one before goes on. */
export const reloading = (first: Options, read: () => Promise<Options>, tell: (text: string, severity: Severity) => void): Reload => {
  const parts: Reloadable[] = [];
  let current = first;
  let turn = Promise.resolve();
  let isBegun = false;
  let isAsked = false;

  const attempt = async <T>(what: string, act: () => T | Promise<T>): Promise<{ readonly value: T } | undefined> => {
    try {
      return { value: await act() };
    } catch (error) {
      if (!(error instanceof FullmonError)) throw error;
      tell(`${what}: ${error.message}: what was set before goes on`, 'medium');
      return undefined;
    }
  };

  const reload = async (): Promise<void> => {
    const next = (await attempt('the configuration was not taken over', read))?.value;
    if (next === undefined) return;
    const changed = differences(current, next);
    if (changed.length === 0) return;
    let isWhole = true;
    for (const { change } of parts) if ((await attempt('a part of the configuration was not taken over', () => change(next))) === undefined) isWhole = false;
    // What could not be done is tried again the next time.
    if (isWhole) current = next;
    const [now, later] = [changed.filter((key) => CHANGEABLE.has(key)), changed.filter((key) => !CHANGEABLE.has(key))];
    tell([...(now.length === 0 ? [] : [`the configuration was changed: ${now.join(', ')}`]), ...(later.length === 0 ? [] : [`${later.join(', ')} will count after a restart`])].join('; '), 'low');
  };

  const ask = (): Promise<void> => {
    isAsked = true;
    if (isBegun) turn = turn.then(reload);
    return turn;
  };

  return {
    add: (part) => void parts.push(part),
    begin() {
      isBegun = true;
      return isAsked ? ask() : turn;
    },
    reload: ask,
  };
};
