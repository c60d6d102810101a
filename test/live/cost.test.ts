import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

// What the rules cost those who work under them: FULLMON_COST=rounds (five are good) on a machine that has nothing else to do.
const rounds = Number(process.env['FULLMON_COST'] ?? 0);
const why = rounds > 0 ? whyNot() : 'FULLMON_COST is not set';

/** In a directory of their own; `n`: operations. */
const WORK = [
  { name: 'files made, written and deleted', n: 20_000, script: `perl -e 'for (1..20000) { open F, ">f$_" or die; print F "x"; close F; unlink "f$_" }'` },
  { name: 'files opened for reading', n: 100_000, script: `perl -e 'for (1..100000) { open F, "/etc/hostname" or die; close F }'` },
  { name: 'programs started', n: 2000, script: 'for i in {1..2000}; do /bin/true; done' },
  { name: 'connections tried', n: 20_000, script: `perl -MSocket -e '$a = pack_sockaddr_in(9, inet_aton("127.0.0.1")); for (1..20000) { socket S, PF_INET, SOCK_STREAM, 0; connect S, $a; close S }'` },
  { name: 'archive of many files read', n: 1, script: 'tar cf - -C /usr share/doc share/perl lib/python3 2>/dev/null | cat >/dev/null' },
  { name: 'calls that no rule is about', n: 1_000_000, script: 'dd if=/dev/zero of=/dev/null bs=1 count=500000 status=none' },
] as const;

const auditctl = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync('auditctl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
};

/** CPU time of the daemon so far, seconds. */
const ofAuditd = (): number => {
  const stat = readFileSync(`/proc/${/^pid (\d+)$/m.exec(auditctl('-s'))?.[1]}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(stat[11]) + Number(stat[12])) / 100;
};

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

describe.skipIf(why !== undefined)(`the cost of the rules${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 3_600_000 }, () => {
  let live: LiveAudit | undefined;
  afterEach(async () => live?.stop(), 60_000);

  it('is measured with them and without, in turns', async () => {
    live = await startAudit({ packaged: true });
    const audit = live;
    const rules = join(dirname(audit.log), 'scoped.rules');
    /** Seconds: on the clock, of the CPU, and of auditd's. */
    const measure = async (script: string): Promise<readonly [real: number, cpu: number, auditd: number]> => {
      const before = ofAuditd();
      const { stderr } = await audit.run(`d=$(mktemp -d); cd $d; TIMEFORMAT='took %R %U %S'; time { ${script}; }; cd /; rm -rf $d`, 300_000);
      const [, real = '', user = '', system = ''] = /took (\S+) (\S+) (\S+)/.exec(stderr) ?? [];
      return [Number(real), Number(user) + Number(system), ofAuditd() - before];
    };
    const rows: string[] = [];
    for (const { name, n, script } of WORK) {
      const all: { readonly with: (readonly [number, number, number])[]; readonly without: (readonly [number, number, number])[] } = { with: [], without: [] };
      for (let round = 0; round < rounds; round++) {
        auditctl('-D');
        all.without.push(await measure(script));
        auditctl('-R', rules);
        all.with.push(await measure(script));
      }
      const of = (runs: readonly (readonly [number, number, number])[], i: 0 | 1 | 2): number => median(runs.map((run) => run[i]));
      const [real, cpu] = [of(all.with, 0) / of(all.without, 0), of(all.with, 1) / of(all.without, 1)];
      const each = ((of(all.with, 1) - of(all.without, 1)) / n) * 1e6;
      rows.push(`| ${name} | ${of(all.without, 1).toFixed(2)} s | ${of(all.with, 1).toFixed(2)} s | ${cpu.toFixed(2)} | ${real.toFixed(2)} | ${n === 1 ? '' : `${each.toFixed(1)} µs`} | ${of(all.with, 2).toFixed(2)} s |`);
      expect(cpu).toBeGreaterThan(0);
    }
    process.stdout.write(`\n| median of ${rounds} | CPU without | CPU with | ratio | on the clock | each | auditd's own CPU |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`);
  });
});
