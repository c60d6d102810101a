#!/usr/bin/env -S -u NODE_OPTIONS node --single-threaded --max-semi-space-size=2 --heap-growing-percent=10 --max-inlined-bytecode-size-cumulative=200
// V8 is tuned for one tight loop over bytes on a server that has better things to do with its other cores. By itself it lets the heap
// grow fourfold before it sweeps, so that memory depended on the length of the log, and spends an eighth of a short replay's CPU time on
// compiling copies of the same functions into each other. What the environment has for other programs of Node's is not for this one.
import { setFlagsFromString } from 'node:v8';
import yargs from 'yargs';
import { resolveAgent, resolveReplay } from './config/resolve.ts';
import { DEFAULTS, NUMBERS } from './config/options.ts';
import type { Layer } from './config/options.ts';
import { SEVERITIES } from './detect/severity.ts';
import { FullmonError, inside } from './input/errors.ts';
import { runLive } from './live.ts';
import { STDIN } from './input/replay.ts';
import { runReplay } from './replay.ts';

// Node 22 does not start with this flag, and its compiler does well without.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--interrupt-budget=300000');
// Whoever may send this signal could otherwise debug us through a port that Node opens.
process.on('SIGUSR1', () => undefined);

const number = (key: keyof typeof NUMBERS, describe: string) =>
  ({ requiresArg: true, defaultDescription: String(DEFAULTS[key]), coerce: (value: unknown): number => inside(`--${key}`, () => NUMBERS[key](value)), describe }) as const;

type Flags = Layer & { readonly config: string | undefined };

/** Where the agent keeps what the other commands read. */
const places = async (flags: Flags): Promise<{ readonly state: string; readonly accepted: string }> => {
  const [{ STATE_DIRECTORY }, { ACCEPTED_FILE }] = await Promise.all([import('./input/checkpoint.ts'), import('./input/accepted.ts')]);
  const { state = STATE_DIRECTORY, accepted = ACCEPTED_FILE } = flags.state !== undefined && flags.accepted !== undefined ? flags : (await resolveAgent(flags, flags.config, process.env)).options;
  return { state, accepted };
};

/** How to watch, whether live or in a replay. */
const WATCHING = {
  baseline: number('baseline', 'Seconds to learn what is normal'),
  monitor: number('monitor', 'Seconds of one cycle; 0 compares each event by itself'),
  rebase: { type: 'boolean', describe: 'Go on learning: what was told once as low or medium is normal from then on' },
  ignore: { type: 'string', array: true, nargs: 1, requiresArg: true, describe: "Never warn about edges like 'SUBJECT -> OBJECT', a glob for each side" },
  dns: { type: 'string', array: true, nargs: 1, requiresArg: true, describe: "Call hosts by the names that were asked for: a log of dnsmasq, resolved, unbound, hosts, pcap:FILE or pcap:-" },
  flood: number('flood', 'Low and medium edges told within an hour of one subject, kind and directory, five times as many high and 25 times as many critical ones; one line stands for the rest. 0 tells all'),
  'max-edges': number('max-edges', 'Edges that are learned at most; about 1.5 KB of memory each'),
  reset: { type: 'boolean', default: false, describe: 'Forget the state and learn anew' },
} as const;

/** What only the agent knows. */
const AGENT = {
  auditd: { type: 'string', requiresArg: true, defaultDescription: DEFAULTS.auditd, describe: "The log auditd writes; unix:PATH[@LOG] its socket, beside the log; - reads records from stdin, as its plugin" },
  'public-key': { type: 'string', requiresArg: true, describe: 'Trust only a baseline signed with this Ed25519 key, see baseline' },
  metrics: { type: 'string', requiresArg: true, describe: 'Answer /metrics (Prometheus) and /healthz on 127.0.0.1:PORT, [::1]:PORT or unix:PATH' },
  wait: number('wait', 'Seconds between two looks at the log'),
} as const;

const WINDOW = {
  for: { type: 'string', requiresArg: true, describe: 'How long from now: 30m, 2h, 1d' },
  comment: { type: 'string', requiresArg: true, describe: 'Why' },
  end: { type: 'boolean', default: false, describe: 'Now it is over' },
} as const;

const nothing = (): Promise<void> => Promise.resolve();

/** Parses the command line; what it asks for is done afterwards, since yargs renders its help for every handler that takes time. */
const parse = (args: readonly string[]): (() => Promise<void>) => {
  let chosen = nothing;
  yargs([...args])
    .scriptName('fullmon')
    .usage('$0 [options]\n\nLearns from the audit log what each process does, then warns about what it has never seen.')
    .options({
      config: { type: 'string', requiresArg: true, describe: 'Settings as a file, YAML; flags and variables like FULLMON_BASELINE go before  [default: /etc/fullmon/fullmon.yaml; replay reads none]' },
      accepted: { type: 'string', requiresArg: true, describe: 'What people accepted, see accept  [default: /etc/fullmon/accepted.jsonl; replay reads none]' },
      state: { type: 'string', requiresArg: true, describe: 'Directory in which the state is kept, so that a restart goes on  [default: /var/lib/fullmon; replay keeps none]' },
      format: { choices: ['json', 'text'] as const, requiresArg: true, describe: 'json: one object a line; text: for people  [default: text on a terminal, else json]' },
    })
    .command('$0', 'Follow the audit log: learn for --baseline seconds, then warn in cycles of --monitor seconds', (y) =>
      y
        .options(WATCHING)
        .options(AGENT)
        .option('prepared', { type: 'string', requiresArg: true, describe: 'Directory that `fullmon prepare` filled as root, for an agent that is not root' }),
      (a) => {
        const read = async () => ({ ...(await resolveAgent(a, a.config, process.env)).options, reset: a.reset, prepared: a.prepared });
        chosen = async () => runLive(await read(), read);
      })
    .command('prepare <directory>', 'As root: writes down there what only root may see, for an agent with --prepared', (y) => y.positional('directory', { type: 'string', demandOption: true }), (a) => {
      chosen = async () => (await import('./shell/prepare.ts')).runPrepare(a);
    })
    .command('replay <files..>', "The same over stored logs, on the log's own clock", (y) =>
      y
        .options(WATCHING)
        .option('fail-on', { choices: SEVERITIES, requiresArg: true, describe: 'Exit status 1 when something that grave, or graver, was found' })
        .positional('files', { type: 'string', array: true, demandOption: true, describe: 'Logs in the order in which they were written: plain, .gz, or - for stdin' }),
      (a) => {
        chosen = async () => runReplay({ ...(await resolveReplay(a, a.config, process.env)).options, reset: a.reset, files: a.files, failOn: a.failOn });
      })
    .command('config', 'The settings that count and who set them; --check only says what is wrong with them', (y) =>
      y
        .options(WATCHING)
        .options(AGENT)
        .option('check', { type: 'boolean', default: false, describe: 'Only say what is wrong' })
        .option('print', { type: 'boolean', default: false, describe: 'Print them all, as a file; the default' }),
      (a) => {
        chosen = async () => (await import('./commands/config.ts')).runConfig({ flags: a, config: a.config, check: a.check });
      })
    .command('test-alert', 'Sends an incident that is none through every sink of the configuration file, and says who took it', (y) =>
      y.option('sink', { type: 'string', requiresArg: true, describe: 'Only through this one' }),
      (a) => {
        chosen = async () => (await import('./commands/test-alert.ts')).runTestAlert((await resolveAgent(a, a.config, process.env)).options.sinks, a.sink);
      })
    .command('accept <what>', "From now on no alert: an incident's id, an edge, or 'SUBJECT -> OBJECT', a glob for each side", (y) =>
      y
        .positional('what', { type: 'string', demandOption: true })
        .option('expires', { type: 'string', requiresArg: true, describe: 'When that ends: 12h, 30d, 8w, or a date' })
        .option('comment', { type: 'string', requiresArg: true, describe: 'Why' }),
      (a) => {
        chosen = async () => (await import('./commands/accept.ts')).runAccept({ ...a, ...(await places(a)) });
      })
    .command('revoke <what>', 'Takes back what was accepted', (y) => y.positional('what', { type: 'string', demandOption: true }), (a) => {
      chosen = async () => (await import('./commands/accept.ts')).runRevoke({ ...a, ...(await places(a)) });
    })
    .command('maintenance', 'Marks all alerts for a while: --for 2h --comment TEXT; --end ends that; without either: what there is', (y) => y.options(WINDOW), (a) => {
      chosen = async () => (await import('./commands/window.ts')).runWindow({ ...a, ...(await places(a)), window: 'maintenance', service: undefined });
    })
    .command('relearn [service]', 'After a deploy: learns what is low or medium of a program or service: --for 1h --comment TEXT; --end; or what there is', (y) =>
      y.positional('service', { type: 'string' }).options(WINDOW),
      (a) => {
        chosen = async () => (await import('./commands/window.ts')).runWindow({ ...a, ...(await places(a)), window: 'relearn', service: a.service });
      })
    .command('show <subject>', 'What is known: incidents, baseline, patterns, accepted, coverage', (y) =>
      y.positional('subject', { choices: ['incidents', 'baseline', 'patterns', 'accepted', 'coverage'] as const, demandOption: true }),
      (a) => {
        chosen = async () => (await import('./commands/show.ts')).runShow({ ...a, ...(await places(a)) });
      })
    .command('baseline <action> [files..]', 'What is normal as a file: export [FILE], import FILE, sign FILE, verify FILE, diff FILE [FILE]', (y) =>
      y
        .positional('action', { choices: ['export', 'import', 'sign', 'verify', 'diff'] as const, demandOption: true })
        .positional('files', { type: 'string', array: true, default: [] as string[] })
        .option('public-key', { type: 'string', requiresArg: true, describe: 'Ed25519 key, PEM: verify, and import only what it signed' })
        .option('private-key', { type: 'string', requiresArg: true, describe: 'Ed25519 key, PEM: sign with it, into FILE.sig' }),
      (a) => {
        chosen = async () => (await import('./commands/baseline.ts')).runBaseline({ ...a, ...(await places(a)) });
      })
    .example('$0 --baseline 3600 --monitor 60 --rebase', 'Watch this server, tune at the terminal')
    .example('$0 replay /var/log/audit/audit.log.1 /var/log/audit/audit.log', 'What would it have said?')
    .example("$0 --ignore 'proc:*:/usr/bin/rsync* -> file:*:/srv/mirror/*'", 'Leave a mirror job alone')
    .epilogue('Edges read SUBJECT->OBJECT, for example\n  proc::33:/usr/bin/dash -c@php-fpm8.2->proc::33:/usr/bin/id@php-fpm8.2\nExit status: 0 done, 1 the report could not be written, --fail-on was met or a test alert was not taken, 2 wrong use.')
    .strict()
    .version()
    .help()
    // yargs lays its help out for every command it finds, also when nobody asked; unwrapped that costs little.
    .wrap(args.includes('--help') ? Math.min(110, process.stdout.columns ?? 110) : null)
    .fail((message, error) => {
      if (error instanceof FullmonError) throw error;
      throw new FullmonError(`${(message ?? error.message).replace(/^Not enough non-option.*/, 'replay: name the logs to read')}; see fullmon --help`);
    })
    .parseSync();
  return chosen;
};

const main = async (): Promise<void> => {
  try {
    // yargs drops a lone `-` among positional arguments.
    await parse(process.argv.slice(2).map((arg) => (arg === '-' ? STDIN : arg)))();
  } catch (error) {
    if (!(error instanceof FullmonError)) throw error;
    process.stderr.write(`fullmon: ${error.message.replaceAll('\n', ' ')}\n`);
    process.exitCode = error.exit;
  }
};

void main();
