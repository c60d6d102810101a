import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { builtProgram } from '../support/program.ts';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

const why = whyNot();
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 90_000, interval: 100 });

const auditctl = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync('auditctl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
};

describe.skipIf(why !== undefined)(`who blinds a real auditd${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 500_000 }, () => {
  let dir = '';
  let live: LiveAudit | undefined;
  let agent: ChildProcess | undefined;
  let said = '';

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'fullmon-blind-'));
    said = '';
  });
  afterEach(async () => {
    agent?.kill('SIGKILL');
    await live?.stop();
    rmSync(dir, { recursive: true });
  }, 60_000);

  const watch = async (log: string): Promise<void> => {
    agent = spawn(process.execPath, [builtProgram(), '--auditd', log, '--baseline', '3600', '--monitor', '1', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--format', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [agent.stdout, agent.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until(() => expect(said).toContain('reading from byte'));
  };
  const says = (...texts: readonly string[]): Promise<void> => until(() => expect(texts.filter((text) => !said.includes(text))).toEqual([]));

  it('is told of: rules deleted, auditing switched off, auditd ended; and all of that coming back', async () => {
    live = await startAudit();
    await watch(live.log);
    // The first look at the kernel is a second after the start.
    await live.run('sleep 3');
    expect(said).not.toContain('"finding"');

    auditctl('-D');
    auditctl('-e', '0');
    await says('remove_rule', 'enabled=0', 'auditing is switched off in the kernel', 'there are no audit rules in the kernel');

    auditctl('-R', join(dirname(live.log), 'scoped.rules'));
    auditctl('-e', '1');
    process.kill(Number(/^pid (\d+)$/m.exec(auditctl('-s'))?.[1]), 'SIGTERM');
    await says('auditing is switched on again', 'there are audit rules again', 'auditd was stopped', 'no audit daemon runs');

    agent?.kill('SIGTERM');
    if (agent) await once(agent, 'exit');
    expect(agent?.exitCode).toBe(0);
    for (const finding of ['auditing is switched off in', 'there are no audit rules in', 'no audit daemon runs']) expect(said.split(finding)).toHaveLength(2);
  });
});
