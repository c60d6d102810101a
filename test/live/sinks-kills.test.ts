import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { builtProgram, run, start } from '../support/program.ts';
import { ipv4, openScene } from '../support/scene.ts';
import { freePort, receive } from '../support/sinks.ts';

const ROUNDS = Number(process.env['FULLMON_KILLS'] ?? 6);

const openedIn = (lines: string): readonly string[] =>
  lines.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line)).filter(({ type, state }) => type === 'incident' && state === 'opened').map(({ incident }) => `${incident}-opened`);

it(`loses no incident on the way to a webhook that comes and goes, killed ${ROUNDS} times`, { timeout: 180_000 + ROUNDS * 10_000 }, async () => {
  const main = builtProgram();
  const dir = mkdtempSync(join(tmpdir(), 'fullmon-kills-'));
  const log = join(dir, 'audit.log');
  const port = await freePort();
  const config = join(dir, 'fullmon.yaml');
  writeFileSync(config, `
auditd: ${log}
baseline: 0
monitor: 0
wait: 0.01
state: ${join(dir, 'state')}
sinks:
  - { type: webhook, url: "http://127.0.0.1:${port}/", threshold: low }
`, { mode: 0o600 });
  const scene = openScene();
  let pid = 1;
  const happens = (): void => {
    const before = scene.lines.length;
    pid++;
    scene.wait(1_000_000).connect({ pid, exe: `/usr/bin/tool${pid}` }, ipv4('203.0.113.66', 443));
    appendFileSync(log, scene.lines.slice(before).map((line) => `${line}\n`).join(''));
  };
  writeFileSync(log, '');
  const posted: string[] = [];
  const agent = () => start([process.execPath, main, '--config', config]);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const receiver = round % 2 === 0 ? undefined : await receive(port);
      const one = agent();
      // What is there when it starts for the first time is last week's.
      if (round === 0) await one.says('reading from byte');
      for (let i = 0; i < 5; i++) {
        happens();
        await sleep(Math.random() * 250);
      }
      one.child.kill('SIGKILL');
      await one.ended;
      posted.push(...(receiver?.posted ?? []).map(({ headers }) => String(headers['x-fullmon-id'])));
      await receiver?.close();
    }
    const receiver = await receive(port);
    const last = agent();
    const { stdout } = await run([process.execPath, main, 'replay', log, '--baseline', '0', '--monitor', '0', '--format', 'json']);
    const wanted = openedIn(stdout);
    expect(wanted.length).toBe(ROUNDS * 5);
    await vi.waitFor(() => {
      const heard = new Set([...posted, ...receiver.posted.map(({ headers }) => String(headers['x-fullmon-id']))]);
      expect(wanted.filter((id) => !heard.has(id))).toEqual([]);
    }, { timeout: 120_000, interval: 50 });
    last.child.kill('SIGTERM');
    await last.ended;
    await receiver.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});
