import { join } from 'node:path';
import { ms } from '../../audit/units.ts';
import type { Line } from '../../detect/line.ts';
import { SEVERITIES } from '../../detect/severity.ts';
import type { Severity } from '../../detect/severity.ts';
import { messageOf } from '../../input/files.ts';
import { gravityOf } from '../gravity.ts';
import { deliver, TIMING } from './deliver.ts';
import type { Channel } from './deliver.ts';
import { fit, idOf, toJson } from './format.ts';
import type { Format } from './format.ts';
import { nameOf } from './schema.ts';
import type { SinkOptions, Sinks } from './schema.ts';
import type { Entry, Sink } from './sink.ts';
import { openSpool } from './spool.ts';
import type { Spool } from './spool.ts';

/** Everywhere that is told of. */
export interface Hearers {
  readonly tell: (line: Line) => void;
  /** What was told survives a power cut from now on. */
  readonly sync: () => void;
  /** Goes on with other settings and with what waits. */
  readonly reopen: (sinks: Sinks) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Characters of a line, at most. */
const MAX_LINE = 65_536;
/** Lines in one go, for those who take many. */
const MANY = 100;

const rendering = (format: Format) => (line: Line, id: string): string => fit(toJson(line, id, format), MAX_LINE);

/** Makes a sink, and loads what it needs. `directory`: its own, to keep things in. */
export const makeSink = async (options: SinkOptions, directory: string | undefined): Promise<Sink> => {
  switch (options.type) {
    case 'file':
      return { render: rendering(options.format), batch: MANY, send: (await import('./file.ts')).appendTo(options.path) };
    case 'syslog':
      return { render: rendering(options.format), batch: MANY, send: (await import('./syslog.ts')).sendSyslog(options.to, options.facility) };
    case 'mail':
      return (await import('./mail.ts')).openMail(options, directory);
    case 'webhook':
      return { render: rendering(options.format), batch: 1, send: (await import('./webhook.ts')).post(options) };
    case 'command':
      return { render: rendering(options.format), batch: 1, timeout: options.timeout * 1000, send: (await import('./command.ts')).runCommand(options.argv) };
  }
};

/** It was seen during a maintenance. */
const isExpected = (line: Line): boolean => (line.type === 'incident' ? line.incident : line.type === 'edge' ? line.alert : undefined)?.maintenance !== undefined;

/** What of a line is for a sink: files and syslog take all; people, webhooks and commands what they have to do something about. */
const isFor = ({ type, threshold, maintenance = threshold }: SinkOptions, line: Line): boolean => {
  // That it is heard is seen at once, and what fullmon does to be heard is learned.
  if (line.type === 'phase' && line.phase === 'baseline') return true;
  const all = type === 'file' || type === 'syslog';
  if (!all && line.type !== 'finding' && (line.type !== 'incident' || (line.state === 'closed' && type !== 'webhook'))) return false;
  const least = isExpected(line) ? maintenance : threshold;
  return least !== 'none' && SEVERITIES.indexOf(gravityOf(line) ?? 'low') >= SEVERITIES.indexOf(least);
};

export const entryOf = (sink: Sink, line: Line, id: string): Entry => ({ id, severity: gravityOf(line), body: sink.render(line, id) });

/** Where a sink's lines wait: those that were made for one of another type are of no use to it. */
const placeOf = (options: SinkOptions): string => `${options.type}.${nameOf(options)}`;

interface Open {
  readonly options: SinkOptions;
  readonly sink: Sink;
  readonly channel: Channel;
}

/**
 * Opens the sinks. What is told waits in `directory` (undefined: in memory) until it has been taken. What becomes of them is told by `tell`, which should come back to the
 * sinks, so that one hears of the other.
 */
export const openSinks = async (sinks: Sinks, directory: string | undefined, tell: (line: Line) => void, timing = TIMING): Promise<Hearers> => {
  let open = new Map<string, Open>();
  const within = (place: string): string | undefined => (directory === undefined ? undefined : join(directory, 'spool', place));

  const find = (text: string, severity: Severity): void => tell({ type: 'finding', time: ms(Date.now()), kind: 'sink', severity, text });

  /** A disk that is of no use keeps nobody from being told. */
  const spoolOf = (name: string, place: string): Spool => {
    try {
      return openSpool(within(place));
    } catch (error) {
      find(`sink ${name}: what waits for it cannot be kept on disk (${messageOf(error)}): it is kept in memory until the next start`, 'high');
      return openSpool(undefined);
    }
  };

  const openAll = async (all: Sinks): Promise<void> => {
    const made = await Promise.all(all.map(async (options) => [placeOf(options), options, await makeSink(options, within(placeOf(options)))] as const));
    const next = new Map<string, Open>();
    for (const [place, options, sink] of made) {
      const before = open.get(place);
      before?.channel.replace(sink);
      const channel = before?.channel ?? deliver(nameOf(options), sink, spoolOf(nameOf(options), place), find, timing);
      next.set(place, { options, sink, channel });
    }
    const gone = [...open].filter(([place]) => !next.has(place)).map(([, { channel }]) => channel.close());
    open = next;
    await Promise.all(gone);
  };

  await openAll(sinks);

  return {
    tell(line) {
      let id: string | undefined;
      for (const { options, sink, channel } of open.values()) if (isFor(options, line)) channel.add(entryOf(sink, line, (id ??= idOf(line))));
    },
    sync() {
      for (const { channel } of open.values()) channel.sync();
    },
    reopen: openAll,
    async close() {
      await Promise.all([...open.values()].map(({ channel }) => channel.close()));
    },
  };
};
