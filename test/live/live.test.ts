import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startAudit, whyNot, type LiveAudit, type LiveOptions } from './harness.ts';

const why = whyNot();
let live: LiveAudit | undefined;
const start = async (options?: LiveOptions): Promise<LiveAudit> => (live = await startAudit(options));

const lines = (path: string): string[] => readFileSync(path, 'latin1').split('\n');
const calls = ({ log }: LiveAudit, key: string): string[] => lines(log).filter((line) => line.startsWith('type=SYSCALL') && line.includes(` key="${key}"`));

describe.skipIf(why !== undefined)(`a real auditd${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 400_000 }, () => {
  afterEach(async () => live?.stop(), 60_000);

  it('writes what a script executes, creates and connects to', async () => {
    const audit = await start();
    const { status, stdout } = await audit.run('f=$(mktemp); echo $f; rm $f; exec 3<>/dev/tcp/127.0.0.1/9');
    expect(status).toBe(1);
    expect(calls(audit, 'PROCESS').filter((line) => line.includes(' exe="/usr/bin/mktemp"'))).toHaveLength(1);
    expect(calls(audit, 'FILEMOD').filter((line) => line.includes(' comm="mktemp"'))).toHaveLength(1);
    expect(lines(audit.log).filter((line) => line.includes(` name="${stdout.trim()}"`) && line.includes(' nametype=CREATE'))).toHaveLength(1);
    expect(calls(audit, 'NETCONN').filter((line) => line.includes(' exit=-111 '))).toHaveLength(1);
    expect(lines(audit.log).filter((line) => line.includes(' saddr=020000097F000001'))).toHaveLength(1);
  });

  it('audits nobody else, enriches the log if asked, and leaves no rule and no process', async () => {
    const audit = await start({ format: 'ENRICHED' });
    const { stdout } = await audit.run('sleep 1000 >/dev/null & echo $!');
    const own = lines(audit.log).filter((line) => / key="[A-Z]/.test(line));
    expect(own.filter((line) => !line.includes(` auid=${audit.auid} `))).toEqual([]);
    expect(own[0]).toContain('\x1dARCH=');
    await audit.stop();
    await vi.waitFor(() => expect(() => process.kill(Number(stdout), 0)).toThrow('ESRCH'), 10_000);
    await expect(start()).resolves.toHaveProperty('log');
  });

  it('rotates under load into files of 1 MB, and nothing is lost', async () => {
    const audit = await start({ logs: 9 });
    await audit.run('d=$(mktemp -d); cd $d; for i in {1..2000}; do : > made-$i; done; rm -r $d', 120_000);
    const files = readdirSync(dirname(audit.log)).filter((name) => name.startsWith('audit.log'));
    expect(files.length).toBeGreaterThan(3);
    const made = files.flatMap((name) => lines(join(dirname(audit.log), name))).filter((line) => / name="made-\d+" .* nametype=CREATE/.test(line));
    expect(made).toHaveLength(2000);
  });

  it('ends a script that does not end', async () => {
    const audit = await start();
    await expect(audit.run('sleep 1000 & wait', 300)).rejects.toThrow('still running after 300 ms');
  });
});
