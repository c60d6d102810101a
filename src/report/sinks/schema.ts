import * as v from 'valibot';
import { SEVERITIES } from '../../detect/severity.ts';
import { strict } from '../../input/strict.ts';

export const FACILITIES = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp', 'ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const;

const TEXT = v.pipe(v.string('expected text'), v.nonEmpty('says nothing'));
const PATH = v.pipe(v.string('expected text'), v.startsWith('/', 'expected a path from / on'));
/** It stands in the names of files. */
const NAME = v.pipe(v.string('expected text'), v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected lower-case letters, digits and -'));
const FORMAT = v.optional(v.picklist(['json', 'ecs'], 'expected json or ecs'), 'json');
const PORT = v.pipe(v.number('expected a port'), v.integer('expected a port'), v.minValue(1, 'expected a port'), v.maxValue(65_535, 'expected a port'));
/** Nothing in it that could begin another header or another address. */
const MAILBOX = v.pipe(v.string('expected an address'), v.regex(/^[\w.+=-]+@[\w.-]+$/, 'expected an address like ops@example.com'));

const between = (least: number, most: number) => v.pipe(v.number('expected a number'), v.minValue(least, `expected ${least} to ${most}`), v.maxValue(most, `expected ${least} to ${most}`));
const threshold = (otherwise: (typeof SEVERITIES)[number]) => v.optional(v.picklist(SEVERITIES, `expected ${SEVERITIES.join(', ')}`), otherwise);

/** What of a maintenance passes, instead. */
const MAINTENANCE = v.optional(v.picklist([...SEVERITIES, 'none'], `expected ${SEVERITIES.join(', ')} or none`));

const SYSLOG_TO = v.pipe(v.string('expected text'), v.regex(/^(?:(?:udp|tcp|tls):(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}|unix:\/\S+)$/, 'expected udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT or unix:PATH'));
const ARGV = v.pipe(v.array(v.string('expected text'), 'expected a list: a program and its arguments'), v.check(([program]) => program?.startsWith('/') === true, 'expected a program, as a path from / on, and its arguments'));
const HTTP_URL = v.pipe(
  v.string('expected a URL'),
  v.check((text) => /^https?:/.test(text) && URL.canParse(text), 'expected a URL that begins with https:// or http://'),
  v.check((text) => !/^https?:\/\/[^/?#]*@/.test(text), 'a password does not belong here: put an Authorization header into a headers-file'),
);

/** One place where lines are sent. */
const SINK = v.variant('type', [
  strict({ type: v.literal('file'), name: v.optional(NAME), path: PATH, format: FORMAT, threshold: threshold('low'), maintenance: MAINTENANCE }),
  strict({
    type: v.literal('syslog'), name: v.optional(NAME), to: v.optional(SYSLOG_TO, 'unix:/dev/log'),
    facility: v.optional(v.picklist(FACILITIES, `expected ${FACILITIES.join(', ')}`), 'daemon'), format: FORMAT, threshold: threshold('low'), maintenance: MAINTENANCE,
  }),
  strict({
    type: v.literal('mail'), name: v.optional(NAME), host: v.optional(TEXT, 'localhost'), port: v.optional(PORT, 25),
    tls: v.optional(v.picklist(['starttls', 'implicit', 'none'], 'expected starttls, implicit or none')),
    user: v.optional(TEXT), 'password-file': v.optional(PATH), from: MAILBOX, to: v.pipe(v.array(MAILBOX, 'expected a list of addresses'), v.nonEmpty('names nobody')),
    hourly: v.optional(v.pipe(between(1, 1000), v.integer('expected a whole number')), 10), threshold: threshold('medium'), maintenance: MAINTENANCE,
  }),
  strict({ type: v.literal('webhook'), name: v.optional(NAME), url: HTTP_URL, 'secret-file': v.optional(PATH), 'headers-file': v.optional(PATH), format: FORMAT, threshold: threshold('medium'), maintenance: MAINTENANCE }),
  strict({ type: v.literal('command'), name: v.optional(NAME), argv: ARGV, timeout: v.optional(between(1, 3600), 30), format: FORMAT, threshold: threshold('medium'), maintenance: MAINTENANCE }),
], 'expected type: file, syslog, mail, webhook or command');

export type SinkOptions = v.InferOutput<typeof SINK>;

/** What a sink is called where it is not named. */
export const nameOf = ({ name, type }: SinkOptions): string => name ?? type;

/** What stands under `sinks` in the configuration file. */
export const SINKS = v.pipe(
  v.array(SINK, 'expected a list'),
  v.check((sinks) => new Set(sinks.map(nameOf)).size === sinks.length, 'two have the same name: give each a name of its own'),
);

export type Sinks = readonly SinkOptions[];
