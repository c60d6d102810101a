import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { BEHAVIOURS, type Behaviour } from '../attacks/behaviours.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { startAudit, whyNot, type LiveAudit, type Ran } from './harness.ts';

// Each behaviour of ../attacks/behaviours.ts is done for real, after a baseline of ordinary work, and replayed as if it were the first thing to
// happen after it. FULLMON_ATTACKS=all does all that can be done here; otherwise what a bare Debian with node can do.

const why = whyNot();
const all = process.env['FULLMON_ATTACKS'] === 'all';
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Lines of the log with the ms at which they were written. */
type Stamped = readonly (readonly [number, string])[];

const stamped = (log: string): Stamped =>
  readdirSync(dirname(log))
    .filter((name) => /^audit\.log(\.\d+)?$/.test(name))
    .toSorted((a, b) => Number(/\d+$/.exec(b)?.[0] ?? 0) - Number(/\d+$/.exec(a)?.[0] ?? 0))
    .flatMap((name) => readFileSync(join(dirname(log), name), 'latin1').split('\n'))
    .flatMap((line) => {
      const [, seconds, millis] = /msg=audit\((\d+)\.(\d+):/.exec(line) ?? [];
      return seconds === undefined ? [] : [[Number(seconds) * 1000 + Number(millis), line] as const];
    });

interface Window {
  readonly from: number;
  readonly to: number;
}

/** What session `ses` left running, as if the service manager had started it: the kernel's unset login uid and session. */
const asDaemons = (log: Stamped, ses: string): Stamped => {
  const session = new RegExp(` ses=${ses}(?= |$)`);
  return log.flatMap(([time, line]) =>
    !session.test(line) ? [[time, line] as const]
    : line.startsWith('type=LOGIN') ? []
    : [[time, line.replace(/ auid=\d+/, ' auid=4294967295').replace(session, ' ses=4294967295')] as const]);
};

/** What one who found the hole in the application of ordinary.sh sends for it to run. */
const throughHole = (script: string): string => {
  const query = encodeURIComponent(script).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `exec 3<>/dev/tcp/127.0.0.1/8083; printf 'GET /?%s HTTP/1.0\\r\\n\\r\\n' '${query}' >&3; cat <&3`;
};

const between = (log: Stamped, { from, to }: Window): readonly string[] => log.flatMap(([time, line]) => (time >= from && time < to ? [line] : []));

/** Stamps are of a clock that ticks every few ms, so there is some silence around. */
const during = async (work: () => Promise<unknown>): Promise<Window> => {
  await sleep(30);
  const from = Date.now();
  await sleep(30);
  await work();
  await sleep(30);
  return { from, to: Date.now() };
};

describe.skipIf(why !== undefined)(`attacks on a server whose work is known${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 900_000 }, () => {
  const stops: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  }, 60_000);

  const attackersMachine = async (audit: LiveAudit): Promise<void> => {
    const [command = '', ...args] = [...audit.beside, process.execPath, file('../attacks/attacker.mjs')];
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    stops.push(async () => child.stdin.end());
    await once(child.stdout, 'data');
  };

  it('tells each of them, and is silent about ordinary work', async () => {
    const audit = await startAudit({ logs: 99, room: true });
    stops.push(audit.stop);
    await attackersMachine(audit);

    const commands = [...new Set(BEHAVIOURS.flatMap(({ needs = [] }) => needs))];
    const { stdout } = await audit.run(`for c in ${commands.join(' ')}; do command -v $c >/dev/null || echo $c; done`);
    const missing = new Set(stdout.split('\n'));
    const done = BEHAVIOURS.filter(({ needs = [] }) => needs.every((command) => !missing.has(command)) && (all || needs.every((command) => command === 'perl')));

    const ordinary = readFileSync(file('../attacks/ordinary.sh'), 'utf8');
    const work = async (part: string): Promise<string> => {
      const { status, stdout, stderr } = await audit.run(`set -- ${part}\n${ordinary}`);
      expect(status, stderr).toBe(0);
      return stdout;
    };
    let daemons = '';
    const learned = await during(async () => {
      daemons = (await work('services')).trim();
      for (const { before } of done) if (before !== undefined) await audit.run(before);
      for (let day = 0; day < (all ? 12 : 3); day++) await work('day');
    });
    const quiet = await during(() => work('day'));
    const windows = new Map<Behaviour, Window>();
    const said = new Map<Behaviour, Ran>();
    for (const behaviour of done) windows.set(behaviour, await during(async () => said.set(behaviour, await audit.run(behaviour.by === 'web' ? throughHole(behaviour.attack) : behaviour.attack))));

    const log = asDaemons(stamped(audit.log), daemons);
    expect(daemons).toMatch(/^\d+$/);
    const known = between(log, learned);
    // Learning begins with the first event.
    const baseline = (learned.to - (log.find(([time]) => time >= learned.from)?.[0] ?? learned.from)) / 1000;
    const told = (window: Window) => alertsOf(replay([...known, ...between(log, window)], { baseline, monitor: 60 }));

    expect(told(quiet).map(({ edge }) => edge)).toEqual([]);

    const results = [...windows].map(([behaviour, window]) => {
      const alerts = told(window);
      return { behaviour, alerts, said: said.get(behaviour), found: alerts.find(({ edge }) => behaviour.tells.test(edge)) };
    });
    if (all) report(results, missing);
    expect(results.filter(({ behaviour, found }) => found === undefined && behaviour.silent === undefined).map(({ behaviour, alerts }) => [behaviour.id, ...alerts.map(({ edge }) => edge)])).toEqual([]);
    expect(results.filter(({ behaviour, found }) => found !== undefined && behaviour.silent !== undefined).map(({ behaviour }) => behaviour.id)).toEqual([]);
    expect(results.filter(({ found }) => found !== undefined).length).toBeGreaterThanOrEqual(all ? 0.95 * results.length : 15);
  });
});

const report = (results: readonly { readonly behaviour: Behaviour; readonly said: Ran | undefined; readonly alerts: ReturnType<typeof alertsOf>; readonly found: ReturnType<typeof alertsOf>[number] | undefined }[], missing: ReadonlySet<string>): void => {
  const rows = results.map(({ behaviour: { id, technique }, alerts, found }) => {
    const gravest = alerts.reduce<ReturnType<typeof alertsOf>[number] | undefined>((most, one) => (most === undefined || one.score > most.score ? one : most), undefined);
    return `| ${id} | ${technique} | ${gravest?.severity ?? '-'} | ${alerts.length} | ${found ? `${found.severity}: \`${found.edge}\`` : 'not told'} |`;
  });
  const untold = results.filter(({ found }) => found === undefined);
  const undone = BEHAVIOURS.filter(({ id }) => !results.some(({ behaviour }) => behaviour.id === id));
  console.log([
    '| behaviour | technique | gravest | edges | told |', '|---|---|---|---|---|', ...rows, '',
    `${results.length - untold.length} of ${results.length} told.`,
    ...untold.map(({ behaviour: { id, silent }, alerts, said }) => `not told: ${id}: ${silent ?? [said?.status, said?.stderr, ...alerts.map(({ edge }) => edge)].join('\n  ')}`),
    ...undone.map(({ id, needs = [] }) => `not done: ${id}: needs ${needs.filter((command) => missing.has(command)).join(', ')}`),
  ].join('\n'));
};
