import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { builtProgram } from '../support/program.ts';
import { startAudit, whyNot } from './harness.ts';

/** How long, s: `FULLMON_SOAK=3600 npx vitest run test/live/soak.test.ts`. */
const seconds = Number(process.env['FULLMON_SOAK'] ?? 0);
/** Events a second that the load is made of. */
const RATE = 1000;
const why = seconds === 0 ? 'FULLMON_SOAK is not set' : whyNot();

/**
 * A server's work, as fast as told: sessions that come and go under random names, a file written again, a peer, now and then a program. It counts what it did,
 * since what a shell does besides is little.
 */
const LOAD = String.raw`
  use strict; use Socket; use Time::HiRes qw(time sleep);
  my ($seconds, $rate, $dir) = @ARGV;
  my @hex = (0 .. 9, 'a' .. 'f');
  my $peer = sockaddr_in(9, inet_aton('127.0.0.1'));
  my ($done, $round, $begin) = (0, 0, time);
  while ((my $gone = time - $begin) < $seconds) {
    # The clock is looked at again before all is made up for: a machine that does not keep up would go on for hours.
    my $most = $done + $rate;
    while ($done < $gone * $rate && $done < $most) {
      my $name = "$dir/sess_" . join('', map $hex[rand @hex], 1 .. 26);
      open my $session, '>', $name or die; close $session; unlink $name;
      open my $counter, '>', "$dir/counter" or die; close $counter;
      socket my $socket, PF_INET, SOCK_DGRAM, 0 or die; connect $socket, $peer; close $socket;
      $done += 4;
      unless (++$round % 20) { system '/bin/true'; $done++ }
    }
    sleep 0.02;
  }
  print "$done\n";
`;

const status = (pid: number, key: string): number => Number(new RegExp(String.raw`^${key}:\s+(\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
const hertz = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
/** CPU seconds of a process and of its children that have ended. */
const cpu = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / hertz;
};

/** Records the kernel threw away since its start. */
const lostSoFar = (): number => Number(/^lost (\d+)/m.exec(spawnSync('auditctl', ['-s'], { encoding: 'utf8' }).stdout)?.[1]);

describe.skipIf(why !== undefined)(`an hour at ${RATE} events a second${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: (seconds + 300) * 1000 }, () => {
  it('takes no more memory at its end than in its middle, and loses nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'fullmon-soak-'));
    // Not where audit's own files are, nor in memory.
    const work = mkdtempSync('/var/tmp/fullmon-soak-');
    const live = await startAudit({ packaged: true });
    const auditd = Number(/^pid (\d+)/m.exec(spawnSync('auditctl', ['-s'], { encoding: 'utf8' }).stdout)?.[1]);
    const out = join(dir, 'out.jsonl');
    const agent = spawn(builtProgram(), ['--auditd', live.log, '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--baseline', String(Math.round(seconds / 6)), '--monitor', '60', '--format', 'json'], {
      stdio: ['ignore', openSync(out, 'w'), 'inherit'],
    });
    try {
      await sleep(2000);
      const { pid = 0 } = agent;
      const memory: number[] = [];
      const before = { fullmon: cpu(pid), auditd: cpu(auditd) };
      const lostBefore = lostSoFar();
      const begin = performance.now();
      const sampler = setInterval(() => memory.push(status(pid, 'VmRSS') / 1024), (seconds * 1000) / 60);
      const { stdout, stderr } = await live.run(`exec perl -e "$(cat <<'LOAD'\n${LOAD}\nLOAD\n)" ${seconds} ${RATE} ${work}`, (seconds + 120) * 1000);
      clearInterval(sampler);
      expect(stderr).toBe('');
      await sleep(2000);
      const wall = (performance.now() - begin) / 1000;
      const used = { fullmon: cpu(pid) - before.fullmon, auditd: cpu(auditd) - before.auditd };
      const lost = lostSoFar() - lostBefore;
      const peak = (from: number, to: number): number => Math.round(Math.max(...memory.slice(Math.floor(memory.length * from), Math.floor(memory.length * to))));
      const lines: { type: string; msg: string; severity?: string; kind?: string }[] = readFileSync(out, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
      const told: Record<string, number> = {};
      for (const { type, kind } of lines) {
        const what = type === 'finding' ? `finding ${kind}` : type;
        told[what] = (told[what] ?? 0) + 1;
      }
      process.stdout.write(`${JSON.stringify({
        seconds: Math.round(wall), events: Number(stdout), perSecond: Math.round(Number(stdout) / seconds), cpuSeconds: used, fullmonBesideAuditd: Number((used.fullmon / used.auditd).toFixed(2)),
        megabytes: { quarters: [peak(0, 0.25), peak(0.25, 0.5), peak(0.5, 0.75), peak(0.75, 1)], peak: Math.round(status(pid, 'VmHWM') / 1024) }, lost, told,
        findings: [...new Set(lines.filter(({ type }) => type === 'finding').map(({ msg }) => msg))],
      })}\n`);
      expect(lines.filter(({ type, kind }) => type === 'finding' && (kind === 'gap' || kind === 'log'))).toEqual([]);
      expect(peak(0.75, 1), 'MiB in the last quarter').toBeLessThanOrEqual(Math.ceil(peak(0.25, 0.5) * 1.1));
    } finally {
      agent.kill('SIGKILL');
      await live.stop();
      rmSync(dir, { recursive: true });
      rmSync(work, { recursive: true });
    }
  });
});
