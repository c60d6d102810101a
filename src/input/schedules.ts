import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** Something that is due some time, and what shows that it ran. */
export interface ScheduledJob {
  readonly name: string;
  readonly by: 'cron' | 'timer';
  /** Absolute path of the program or script, links followed: as the audit log will name it. */
  readonly program: string;
}

const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** There if, and only if, systemd runs. */
const SYSTEMD = '/run/systemd/system';
const PERIODS = ['hourly', 'daily', 'weekly', 'monthly'];
/** What run-parts takes for a script. */
const SCRIPT = /^[A-Za-z0-9_-]+$/;
/** Words of a command line that say nothing about which job it is. */
const WRAPPER =
  /^(?:\[|test|cd|if|then|else|elif|fi|for|do|done|while|case|esac|command|exec|eval|export|set|true|false|exit|echo|printf|umask|sleep|perl|nice|ionice|chronic|env|sudo|su|runuser|setpriv|flock|timeout|time|nohup|stdbuf|systemd-cat|systemd-run|(?:ba|da|z|k)?sh|python[\d.]*|ruby[\d.]*|node|php[\d.]*)$/;

const attempt = <T>(get: () => T, otherwise: T): T => {
  try {
    return get();
  } catch {
    return otherwise;
  }
};

const list = (dir: string): readonly string[] => attempt(() => readdirSync(dir), []).toSorted();

const isProgram = (path: string): boolean =>
  attempt(() => {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  }, false);

const isDirectory = (path: string): boolean => attempt(() => statSync(path).isDirectory(), false);

const isFile = (path: string): boolean => attempt(() => statSync(path).isFile(), false);

/** The program that a job's command line is about: the first one that is no mere wrapper, else the first at all. */
export const programOf = (command: string, root = '/'): string | undefined => {
  // Behind a lone % stands what cron feeds to the command.
  const words = command.replace(/(?<!\\)%.*$/, '').split(/[\s;&|()<>{}"'`]+/).filter((word) => word !== '' && !/^[-$!]|^\w+=/.test(word));
  let fallback: string | undefined;
  for (const word of words) {
    const path = word.startsWith('/') ? (isFile(join(root, word)) ? word : undefined) : DIRECTORIES.map((dir) => join(dir, word)).find((at) => !word.includes('/') && isProgram(join(root, at)));
    if (path === undefined || path.startsWith('/dev/')) continue;
    if (!WRAPPER.test(basename(path))) return path;
    fallback ??= path;
  }
  return fallback;
};

const resolved = (path: string, root: string): string => {
  const real = attempt(() => realpathSync(join(root, path)), join(root, path));
  return root === '/' ? real : real.slice(root.length);
};

/** Lines of a crontab that run something; `fields`: how many stand before the command. */
const commands = (text: string, hasUser: boolean): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [first = ''] = fields;
    if (first === '' || first.startsWith('#') || /^\w+\s*=/.test(line.trim())) return [];
    return [fields.slice((first.startsWith('@') ? 1 : 5) + (hasUser ? 1 : 0)).join(' ')];
  });

const cronJobs = (root: string): readonly ScheduledJob[] => {
  const at = (path: string): string => join(root, path);
  const job = (source: string, program: string | undefined): readonly ScheduledJob[] => (program === undefined ? [] : [{ name: `cron: ${source} ${program}`, by: 'cron', program: resolved(program, root) }]);
  const table = (path: string, hasUser: boolean): readonly ScheduledJob[] =>
    commands(attempt(() => readFileSync(at(path), 'latin1'), ''), hasUser)
      // Scripts of a period are listed one by one; what makes way for a timer where systemd runs never runs there.
      .filter((command) => !/\/etc\/cron\.(?:hourly|daily|weekly|monthly)\b/.test(command) && !(command.includes(SYSTEMD) && isDirectory(at(SYSTEMD))))
      .flatMap((command) => job(path, programOf(command, root)));
  const scripts = PERIODS.flatMap((period) => list(at(`/etc/cron.${period}`)).filter((name) => SCRIPT.test(name)).map((name) => `/etc/cron.${period}/${name}`).filter((path) => isProgram(at(path))));
  return [
    ...table('/etc/crontab', true),
    ...list(at('/etc/cron.d')).filter((name) => SCRIPT.test(name)).flatMap((name) => table(`/etc/cron.d/${name}`, true)),
    // Run by run-parts under this very name.
    ...scripts.map((path): ScheduledJob => ({ name: `cron: ${path}`, by: 'cron', program: path })),
    ...['/var/spool/cron/crontabs', '/var/spool/cron'].flatMap((dir) => list(at(dir)).filter((name) => isFile(join(at(dir), name))).flatMap((name) => table(`${dir}/${name}`, false))),
  ];
};

const isTimer = (item: unknown): item is { readonly unit: string; readonly activates: string } =>
  typeof item === 'object' && item !== null && 'unit' in item && typeof item.unit === 'string' && 'activates' in item && typeof item.activates === 'string';

/** What `systemctl list-timers --output=json` and `systemctl show --property=Id,ExecStart` say. */
export const timerJobs = (timers: string, services: string, root = '/'): readonly ScheduledJob[] => {
  const programs = new Map<string, string>();
  for (const block of services.split(/\n\n+/)) {
    const id = /^Id=(.+)$/m.exec(block)?.[1];
    const argv = /^ExecStart=\{ path=.*? ; argv\[\]=(.*?) ; ignore_errors=/m.exec(block)?.[1];
    const program = argv === undefined ? undefined : programOf(argv, root);
    if (id !== undefined && program !== undefined) programs.set(id, resolved(program, root));
  }
  const all: unknown = attempt(() => JSON.parse(timers), []);
  return (Array.isArray(all) ? all : []).filter(isTimer).flatMap(({ unit, activates }) => {
    const program = programs.get(activates);
    return program === undefined ? [] : [{ name: `timer: ${unit}`, by: 'timer', program }];
  });
};

const run = async (argv: readonly string[], signal: AbortSignal | undefined): Promise<string> => {
  const { stdout } = await promisify(execFile)('systemctl', argv, { timeout: 10_000, ...(signal && { signal }), encoding: 'utf8', maxBuffer: 2 ** 22 });
  return stdout;
};

const systemdTimers = async (signal?: AbortSignal): Promise<readonly ScheduledJob[]> => {
  try {
    const timers = await run(['list-timers', '--all', '--output=json'], signal);
    const all: unknown = JSON.parse(timers);
    const services = (Array.isArray(all) ? all : []).filter(isTimer).map(({ activates }) => activates);
    return services.length === 0 ? [] : timerJobs(timers, await run(['show', '--property=Id,ExecStart', '--', ...services], signal));
  } catch {
    // No systemd here, or none that answers.
    return [];
  }
};

/** The jobs of cron below `root`, and the timers of systemd where it runs; what cannot be read has none. */
export const readSchedules = async (root = '/', signal?: AbortSignal): Promise<readonly ScheduledJob[]> => [...cronJobs(root), ...(root === '/' ? await systemdTimers(signal) : [])];

/** The same for the core, which knows bytes; or those that somebody who may look at all of them found. */
export const readJobs = async (found?: readonly ScheduledJob[], signal?: AbortSignal): Promise<readonly ScheduledJob[]> => (found ?? (await readSchedules('/', signal))).map((job) => ({ ...job, program: Buffer.from(job.program).toString('latin1') }));
