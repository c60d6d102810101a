import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { T0 } from '../support/log.ts';
import { capture } from '../support/capture.ts';
import { builtProgram, run } from '../support/program.ts';
import type { Ran } from '../support/program.ts';
import { ipv4, openScene } from '../support/scene.ts';
import type { Actor, Scene } from '../support/scene.ts';

const NODE: Actor = { pid: 500, exe: '/usr/bin/node' };
const CURL: Actor = { pid: 600, exe: '/usr/bin/curl' };
const HOUR = 3_600_000;

/** As dnsmasq stamps it, on clocks that are `ahead` of UTC, ms. */
const stamp = (after: number, ahead = 0): string => {
  const [, day = '', month = '', , clock = ''] = new Date(T0 + after + ahead).toUTCString().split(' ');
  return `${month} ${String(Number(day)).padStart(2)} ${clock}`;
};
let serial = 0;
const answered = (after: number, name: string, address: string, ahead = 0): string => {
  const line = `${stamp(after, ahead)} dnsmasq[17]: ${++serial} 127.0.0.1/5353`;
  return `${line} query[A] ${name} from 127.0.0.1\n${line} reply ${name} is ${address}\n`;
};

let main = '';
let dir = '';
const file = (name: string, content: Buffer | string): string => {
  const path = join(dir, name);
  writeFileSync(path, content, 'latin1');
  return path;
};
beforeAll(() => {
  main = builtProgram();
  dir = mkdtempSync(join(tmpdir(), 'fullmon-dns-'));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

const replay = (scene: Scene, ...args: readonly string[]): Promise<Ran> =>
  run([process.execPath, main, 'replay', file('audit.log', `${scene.lines.join('\n')}\n`), '--monitor', '60', '--format', 'json', ...args]);
/** The unseen hosts, and the address behind each. */
const hosts = ({ stdout }: Ran): readonly string[] =>
  stdout.split('\n').filter((line) => line.includes('"type":"edge"')).map((line): { readonly msg: string; readonly address?: string } => JSON.parse(line)).map(({ msg, address }) => `${msg.slice(msg.indexOf('->host:') + 7)}${address === undefined ? '' : ` ${address}`}`);

describe('a replay with --dns', () => {
  it('calls hosts by the names that were asked for, up to a second late', async () => {
    const scene = openScene().connect(NODE, ipv4('203.0.113.7', 80)).wait(60_000).connect(NODE, ipv4('203.0.113.8', 80)).connect(NODE, ipv4('10.0.0.1', 53));
    const log = file('late.log', `${answered(1000, 'api.example.test', '203.0.113.7')}${answered(62_000, 'cdn.example.test', '203.0.113.8')}${answered(63_000, 'ns.example.test', '10.0.0.1')}`);
    expect(hosts(await replay(scene, '--baseline', '0', '--dns', log))).toEqual(['api.example.test:80 203.0.113.7:80', '203.0.113.8:80', '10.0.0.1:53']);
  });

  it('tells a novel name for a known address, and a bare address among those of a known name', async () => {
    const scene = openScene();
    let log = '';
    for (let i = 0; i < 8; i++) {
      log += answered(i * 10_000, 'api.example.test', `203.0.113.${i + 1}`);
      scene.connect(NODE, ipv4(`203.0.113.${i + 1}`, 80)).connect(CURL, ipv4(`203.0.113.${i + 1}`, 80)).wait(10_000);
    }
    scene.wait(60_000);
    log += answered(140_000, 'api.example.test', '203.0.113.40') + answered(145_000, 'evil.test', '203.0.113.1');
    scene.connect(NODE, ipv4('203.0.113.40', 80)).connect(CURL, ipv4('203.0.113.9', 80)).wait(10_000).connect(NODE, ipv4('203.0.113.1', 80));
    const ran = await replay(scene, '--baseline', '100', '--dns', file('novel.log.gz', gzipSync(log)));
    expect(hosts(ran)).toEqual(['203.0.113.9:80', 'evil.test:80 203.0.113.1:80']);
    expect(ran.stdout).not.toContain('+ignore');
  });

  it('finds the zone and the year of a log that leaves them out', async () => {
    const scene = openScene().connect(NODE, ipv4('127.0.0.1', 80)).wait(HOUR).connect(NODE, ipv4('203.0.113.7', 80));
    for (const ahead of [-7, 0, 5.75]) {
      const log = file('zone.log', `${answered(0, 'old.example.test', '203.0.113.7', ahead * HOUR)}${answered(HOUR - 1000, 'api.example.test', '203.0.113.7', ahead * HOUR)}`);
      expect(hosts(await replay(scene, '--baseline', '0', '--dns', log)), `${ahead}`).toEqual(['127.0.0.1:80', 'api.example.test:80 203.0.113.7:80']);
    }
  });

  it('believes in a capture only the resolver that it is told', async () => {
    const scene = openScene().wait(1000).connect(NODE, ipv4('203.0.113.7', 80));
    const packets = ['10.0.0.1', '203.0.113.66'].flatMap((server, i) => {
      const name = i === 0 ? 'api.example.test' : 'trusted.test';
      return [{ at: T0 + i, from: '10.0.0.5', to: server, name }, { at: T0 + i, from: server, to: '10.0.0.5', name, answers: [[name, '203.0.113.7']] as const }];
    });
    const path = file('dns.pcap', capture(...packets));
    expect(hosts(await replay(scene, '--baseline', '0', '--dns', `pcap:${path}@10.0.0.1`))).toEqual(['api.example.test:80 203.0.113.7:80']);
    const none = await replay(scene, '--baseline', '0', '--dns', `pcap:${path}@10.0.0.2`);
    expect(hosts(none)).toEqual(['203.0.113.7:80']);
    expect(none.stderr).toContain('no answer of 10.0.0.2');
  });

  it.each([['resolved', 'while it happens'], ['unbound', 'while it happens'], ['/nonexistent.log', 'name a file'], ['pcap:/nonexistent.pcap@10.0.0.1', 'no such file']])('refuses %s with a word of advice', async (source, advice) => {
    const { status, stderr } = await replay(openScene().connect(NODE, ipv4('203.0.113.7', 80)), '--dns', source);
    expect(status).toBe(2);
    expect(stderr).toContain(advice);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
