import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { builtProgram, start } from '../support/program.ts';
import type { Running } from '../support/program.ts';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

const why = whyNot();

const run = (...command: readonly string[]): void => {
  const [file = '', ...args] = command;
  const { status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
};

describe.skipIf(why !== undefined)(`rules of a real auditd${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 300_000 }, () => {
  let dir = '';
  let live: LiveAudit | undefined;
  let agent: Running | undefined;

  afterEach(async () => {
    agent?.child.kill('SIGKILL');
    spawnSync('umount', [join(dir, 'mnt')]);
    await live?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  it('do not hold for what is mounted later, until they are loaded again; both is told', async () => {
    dir = mkdtempSync(join(tmpdir(), 'fullmon-mounts-'));
    const place = join(dir, 'mnt');
    mkdirSync(place);
    live = await startAudit();
    const { log } = live;
    const command = [process.execPath, builtProgram(), '--auditd', log, '--baseline', '0', '--monitor', '5', '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--format', 'json'];
    agent = start(command, { timeout: 200_000 });
    const until = (text: string): Promise<void> => vi.waitFor(() => expect(agent?.stdout()).toContain(text), { timeout: 80_000, interval: 200 });
    await agent.says('reading from byte');
    // It looks twice a minute; the first look is what the next one is compared with.
    await live.run('sleep 35');
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', place);
    await until(`mounted since the audit rules were loaded: ${place}: what happens to files there is not recorded until they are loaded again`);
    await live.run(`echo > ${place}/unseen; echo > ${dir}/beside`);

    run('auditctl', '-D');
    run('auditctl', '-R', join(dirname(log), 'scoped.rules'));
    await live.run(`echo > ${place}/seen`);
    await until(`audit rules were loaded again and hold for what is mounted at ${place}`);

    const recorded = readFileSync(log, 'latin1');
    expect(['unseen', 'beside', 'seen'].filter((name) => new RegExp(`/${name}" .*nametype=CREATE`).test(recorded))).toEqual(['beside', 'seen']);
  });
});
