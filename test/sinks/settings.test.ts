import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from '../../src/config/file.ts';

let dir = '';
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-sinks-'))));
afterAll(() => rmSync(dir, { recursive: true }));

/** What is wrong with one sink, without where; what counts if nothing is. */
const read = (...sinks: readonly string[]): unknown => {
  const file = join(dir, 'fullmon.yaml');
  writeFileSync(file, `sinks:\n${sinks.map((sink) => `  - ${sink}\n`).join('')}`, { mode: 0o600 });
  const found = readFile(file);
  return found.kind === 'read' ? found.layer.sinks : found.faults.map((fault) => fault.replace(/^.*?:\d+: /, ''));
};

describe('sinks in the configuration file', () => {
  it.each([
    ['{ type: file, path: /x }', { type: 'file', path: '/x', format: 'json', threshold: 'low' }],
    ['{ type: file, path: /x, maintenance: none }', { type: 'file', path: '/x', format: 'json', threshold: 'low', maintenance: 'none' }],
    ['{ type: syslog }', { type: 'syslog', to: 'unix:/dev/log', facility: 'daemon', format: 'json', threshold: 'low' }],
    ['{ type: syslog, name: far, to: "tls:[2001:db8::1]:6514", format: ecs, threshold: high }', { type: 'syslog', name: 'far', to: 'tls:[2001:db8::1]:6514', facility: 'daemon', format: 'ecs', threshold: 'high' }],
    ['{ type: mail, from: a@b.example, to: [c+d@e.example] }', { type: 'mail', host: 'localhost', port: 25, from: 'a@b.example', to: ['c+d@e.example'], hourly: 10, threshold: 'medium' }],
    ['{ type: webhook, url: "https://x.example/y" }', { type: 'webhook', url: 'https://x.example/y', format: 'json', threshold: 'medium' }],
    ['{ type: command, argv: [/bin/x, "a b"], timeout: 5 }', { type: 'command', argv: ['/bin/x', 'a b'], timeout: 5, format: 'json', threshold: 'medium' }],
  ])('are read: %s', (text, sink) => expect(read(text)).toEqual([sink]));

  it.each([
    ['{ type: pager }', 'sinks.type: expected type: file, syslog, mail, webhook or command'],
    ['{ type: file }', "sinks: 'path' is missing"],
    ['{ type: file, path: relative }', 'sinks.path: expected a path from / on'],
    ['{ type: file, path: /x, treshold: high }', "sinks: there is no 'treshold': is it 'threshold'?"],
    ['{ type: file, path: /x, name: ../up }', 'sinks.name: expected lower-case letters, digits and -'],
    ['{ type: syslog, to: "udp:host" }', 'sinks.to: expected udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT or unix:PATH'],
    ['{ type: mail, from: "a@b.example\\nBcc: c@d.example", to: [e@f.example] }', 'sinks.from: expected an address like ops@example.com'],
    ['{ type: mail, from: a@b.example, to: [root] }', 'sinks.to: expected an address like ops@example.com'],
    ['{ type: mail, from: a@b.example, to: [e@f.example], hourly: 0 }', 'sinks.hourly: expected 1 to 1000'],
    ['{ type: webhook, url: "https://user:secret@x.example/" }', 'sinks.url: a password does not belong here: put an Authorization header into a headers-file'],
    ['{ type: webhook, url: "file:///etc/passwd" }', 'sinks.url: expected a URL that begins with https:// or http://'],
    ['{ type: command, argv: "rm -rf /" }', 'sinks.argv: expected a list: a program and its arguments'],
    ['{ type: command, argv: [page] }', 'sinks.argv: expected a program, as a path from / on, and its arguments'],
  ])('are refused with a word: %s', (text, fault) => expect(read(text)).toEqual([fault]));

  it('need names of their own', () => {
    expect(read('{ type: syslog }', '{ type: syslog, to: "udp:h:514" }')).toEqual(['sinks: two have the same name: give each a name of its own']);
    expect(read('{ type: syslog }', '{ type: syslog, name: far, to: "udp:h:514" }')).toHaveLength(2);
  });
});
