import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, copyFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtProgram } from '../support/program.ts';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

const find = (program: string): string => spawnSync('which', [program], { encoding: 'utf8' }).stdout.trim();
const busybox = find('busybox');
const why = whyNot() ?? (find('runc') === '' ? 'runc is not installed' : busybox === '' ? 'busybox is not installed' : undefined);

describe.skipIf(why !== undefined)(`a container that runc starts${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'fullmon-container-'));
  const id = 'c0ffee'.repeat(11).slice(0, 64);
  let live: LiveAudit | undefined;

  beforeAll(async () => {
    if (why !== undefined) return;
    mkdirSync(join(dir, 'rootfs/bin'), { recursive: true });
    copyFileSync(busybox, join(dir, 'rootfs/bin/busybox'));
    for (const applet of ['sh', 'sleep', 'id', 'touch']) symlinkSync('busybox', join(dir, 'rootfs/bin', applet));
    expect(spawnSync('runc', ['spec', '--bundle', dir], { encoding: 'utf8' }).stderr).toBe('');
    const spec: { process: { terminal: boolean; args: string[] }; root: { readonly: boolean }; linux: { cgroupsPath?: string } } = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
    spec.process.terminal = false;
    spec.root.readonly = false;
    // As docker calls it. It lives for longer than the agent's look at the log takes.
    spec.linux.cgroupsPath = `/docker/${id}`;
    spec.process.args = ['sh', '-c', '/bin/sleep 2; /bin/id; /bin/touch /x'];
    writeFileSync(join(dir, 'config.json'), JSON.stringify(spec));
    live = await startAudit();
  }, 120_000);

  afterAll(async () => {
    await live?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('is named by its short id in each edge of what runs inside, and the host is not', async () => {
    if (live === undefined) return;
    const out = join(dir, 'out.jsonl');
    const fd = openSync(out, 'w');
    const agent = spawn(builtProgram(), ['--auditd', live.log, '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--baseline', '0', '--monitor', '1', '--wait', '0.1', '--format', 'json'], { stdio: ['ignore', fd, 'pipe'] });
    closeSync(fd);
    let said = '';
    agent.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    try {
      await vi.waitFor(() => expect(said).toContain('reading'), 20_000);
      const { status, stderr } = await live.run(`runc run --bundle ${dir} ${id}; /usr/bin/id`);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const edges = (): readonly string[] => readFileSync(out, 'utf8').split('\n').slice(0, -1).map((line): { type: string; msg: string } => JSON.parse(line)).filter(({ type }) => type === 'edge').map(({ msg }) => msg);
      const inside = `proc:${id.slice(0, 12)}:`;
      await vi.waitFor(() => expect(edges().filter((edge) => edge.startsWith(inside)).map((edge) => edge.slice(edge.indexOf('->') + 2).replace(/@.*/, '').replace(/^proc:[^:]*:[^:]*:/, 'runs '))).toEqual(
        ['runs /bin/busybox sleep', 'runs /bin/busybox id', 'runs /bin/busybox touch', 'file:CREATE:/x']), 20_000);
      expect(edges().filter((edge) => edge.includes('/usr/bin/id')).every((edge) => edge.startsWith('proc::'))).toBe(true);
    } finally {
      agent.kill('SIGKILL');
    }
  });
});
