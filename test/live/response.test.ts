import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/detect/line.ts';
import { idOf, toJson } from '../../src/report/sinks/format.ts';
import { run } from '../support/program.ts';
import { finding, incident } from '../support/told.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../docs/examples');
const canBlock = process.geteuid?.() === 0 && ['/usr/sbin/nft', '/usr/bin/jq', '/usr/bin/unshare'].every((tool) => existsSync(tool)) && ['/sbin/ip', '/usr/sbin/ip', '/usr/bin/ip'].some((tool) => existsSync(tool));

/** Says of each address whether a connection from there is answered, in a network of its own. */
const REACH = `
const net = require('node:net');
const server = net.createServer((s) => s.end()).listen(7, '127.0.0.1', async () => {
  for (const localAddress of process.argv.slice(1)) {
    const answered = await new Promise((resolve) => {
      const socket = net.connect({ port: 7, host: '127.0.0.1', localAddress }, () => resolve(true)).on('error', () => resolve(false));
      setTimeout(() => { socket.destroy(); resolve(false); }, 150);
    });
    console.log(localAddress + (answered ? ' reaches' : ' is blocked'));
  }
  process.exit();
});`;

const from = (origin: string, severity: 'critical' | 'medium' = 'critical'): Line => incident('aaa', severity, 'opened', { origin });
const json = (line: Line): string => toJson(line, idOf(line), 'json');

/** Does it in a network of its own, with the lines of the script as they come on its stdin. */
const inRoom = (words: string, ...lines: readonly Line[]): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> =>
  run(['/usr/bin/unshare', '-n', '/bin/sh', '-euc', `
    PATH=$PATH:/usr/sbin:/sbin
    ip link set lo up
    for address in 198.51.100.7 198.51.100.8 192.0.2.5; do ip address add $address/32 dev lo; done
    nft -f '${join(EXAMPLES, 'block.nft')}'
    reach() { '${process.execPath}' -e "$REACH" "$@"; }
    REACH='${REACH.replaceAll("'", '"')}'
    ${lines.map((line) => `printf '%s' '${json(line)}' | '${join(EXAMPLES, 'block.sh')}' 1s 2>/dev/null`).join('\n')}
    ${words}`]);

describe.skipIf(!canBlock)('the script that blocks', () => {
  it('blocks whence a grave incident came, for its time, and nobody who is protected', async () => {
    const { stdout, stderr } = await inRoom('reach 198.51.100.7 198.51.100.8 192.0.2.5; sleep 1.2; reach 198.51.100.7', from('198.51.100.7'), from('198.51.100.8', 'medium'), from('192.0.2.5'));
    expect([stdout.split('\n'), stderr]).toEqual([['198.51.100.7 is blocked', '198.51.100.8 reaches', '192.0.2.5 reaches', '198.51.100.7 reaches', ''], '']);
  });

  it('puts nothing into a rule that is no address', async () => {
    const { stdout } = await inRoom('nft list set inet fullmon blocked4 | grep elements || echo none', from('198.51.100.7 }; flush ruleset; #'), from('$(reboot)'), finding('auditd has stopped'));
    expect(stdout).toBe('none\n');
  });
});

describe('active response', () => {
  it('is documented with the script and the table that are tested', () => {
    const doc = readFileSync(join(EXAMPLES, '../active-response.md'), 'utf8');
    for (const name of ['block.sh', 'block.nft']) expect(doc).toContain(`(examples/${name})`);
  });
});
