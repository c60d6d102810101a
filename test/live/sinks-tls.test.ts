import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveMail } from '../support/mail.ts';
import type { MailServer } from '../support/mail.ts';
import { builtProgram, run } from '../support/program.ts';
import { portOf } from '../support/sinks.ts';

const canCertify = spawnSync('openssl', ['version']).status === 0;

let dir = '';
let file = '';
let main = '';
let mails: readonly MailServer[] = [];
let logged = '';
let posted = 0;
const closing: (() => void)[] = [];

const mail = (name: string, port = 0): string => `  - { type: mail, name: ${name}, host: localhost, port: ${port}, tls: ${name}, from: a@b.example, to: [c@d.example] }\n`;

describe.skipIf(!canCertify)('servers with a certificate', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    main = builtProgram();
    dir = mkdtempSync(join(tmpdir(), 'fullmon-tls-'));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);
    const secure = { key: readFileSync(key), cert: readFileSync(cert) };
    const web = createHttps(secure, (request, response) => {
      request.resume().on('end', () => {
        posted++;
        response.writeHead(204).end();
      });
    });
    const syslog = createTls(secure, (socket) => {
      socket.on('data', (chunk: Buffer) => (logged += chunk.toString())).on('error', () => undefined);
    });
    for (const server of [web, syslog]) {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      closing.push(() => server.close());
    }
    mails = [await serveMail(0, { ...secure, disabledCommands: [] }), await serveMail(0, { ...secure, secure: true })];
    file = join(dir, 'fullmon.yaml');
    writeFileSync(file, `sinks:
  - { type: webhook, url: "https://localhost:${portOf(web)}/" }
  - { type: syslog, to: "tls:localhost:${portOf(syslog)}" }
${mail('starttls', mails[0]?.port)}${mail('implicit', mails[1]?.port)}`, { mode: 0o600 });
  }, 120_000);
  afterAll(async () => {
    for (const close of closing) close();
    for (const mail of mails) await mail.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('are told nothing as long as nobody vouches for them, and all once somebody does', async () => {
    const strange = await run([process.execPath, main, 'test-alert', '--config', file]);
    expect([strange.status, strange.stdout.match(/^\w+: failed: .*(?:self-signed|certificate)/gim)?.length]).toEqual([1, 4]);
    expect([posted, logged, mails.flatMap((server) => server.mails)]).toEqual([0, '', []]);
    const known = await run(['/usr/bin/env', `NODE_EXTRA_CA_CERTS=${join(dir, 'cert.pem')}`, process.execPath, main, 'test-alert', '--config', file]);
    expect([known.status, known.stdout]).toEqual([0, 'webhook: delivered\nsyslog: delivered\nstarttls: delivered\nimplicit: delivered\n']);
    expect([posted, logged.match(/^\d+ <26>1 \S+ \S+ fullmon \d+ test-/g)?.length, mails.map((server) => server.mails.length)]).toEqual([1, 1, [1, 1]]);
  });
});
