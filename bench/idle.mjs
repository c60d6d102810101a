#!/usr/bin/env node
// CPU time of an agent that follows a log in which nothing happens: idle.mjs [SECONDS], ten minutes by default. Prints one JSON object.
// Its children count, too: auditctl is asked how auditing stands. Run `npm run build` first.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const seconds = Number(process.argv[2] ?? 600);
/** Starting up is over after that, s. */
const SETTLE = 15;

const dir = mkdtempSync(join(tmpdir(), 'fullmon-idle-'));
const log = join(dir, 'audit.log');
const fixture = resolve(import.meta.dirname, '../fixtures/suid-shell.log');
writeFileSync(log, '');
const agent = spawn(process.execPath, [...flags(), resolve(import.meta.dirname, '../dist/main.js'), '--auditd', log, '--state', join(dir, 'state'), '--accepted', join(dir, 'none'), '--format', 'json'], { stdio: ['ignore', 'ignore', 'inherit'] });

/** The engine's, from the first line of the program. */
function flags() {
  const [line] = readFileSync(resolve(import.meta.dirname, '../dist/main.js'), 'utf8').split('\n', 1);
  return line.split(' ').filter((word) => word.startsWith('--'));
}

const hertz = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
/** CPU seconds so far: its own, and of children that have ended. */
const used = () => {
  const stat = readFileSync(`/proc/${agent.pid}/stat`, 'latin1');
  const [utime, stime, cutime, cstime] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number);
  return { own: (utime + stime) / hertz, children: (cutime + cstime) / hertz };
};

try {
  await sleep(2000);
  // Something to know: an agent that waits for its first event does less.
  writeFileSync(log, readFileSync(fixture), { flag: 'a' });
  await sleep(SETTLE * 1000);
  const [before, begin] = [used(), performance.now()];
  await sleep(seconds * 1000);
  const [after, end] = [used(), performance.now()];
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'latin1'))?.[1]);
  const wall = (end - begin) / 1000;
  const [own, children] = [after.own - before.own, after.children - before.children];
  const percent = (cpu) => Number(((100 * cpu) / wall).toFixed(3));
  process.stdout.write(`${JSON.stringify({ seconds: Math.round(wall), cpuSeconds: own, childrenSeconds: children, percentOfACore: percent(own + children), own: percent(own), rssMB: Math.round(rss / 1024) })}\n`);
} finally {
  agent.kill('SIGKILL');
  rmSync(dir, { recursive: true });
}
