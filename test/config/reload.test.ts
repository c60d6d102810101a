import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reloading } from '../../src/config/reload.ts';
import { resolveAgent } from '../../src/config/resolve.ts';
import type { Options } from '../../src/config/resolve.ts';
import { FullmonError } from '../../src/input/errors.ts';
import { writes } from '../support/log.ts';
import { builtProgram, start } from '../support/program.ts';

let dir = '';
let main = '';
beforeAll(() => {
  main = builtProgram();
  dir = mkdtempSync(join(tmpdir(), 'fullmon-reload-'));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** What is told when these are the settings one after the other. */
const told = async (settings: readonly (Partial<Options> | FullmonError)[], change: (options: Options) => void): Promise<readonly string[]> => {
  const file = join(dir, 'empty.yaml');
  writeFileSync(file, '');
  const { options } = await resolveAgent({}, file, {});
  const texts: string[] = [];
  const rest = [...settings];
  const reload = reloading(options, () => {
    const next = rest.shift();
    return next instanceof FullmonError ? Promise.reject(next) : Promise.resolve({ ...options, ...next });
  }, (text, severity) => void texts.push(`${severity}: ${text}`));
  reload.add({ change });
  await reload.begin();
  for (const _ of settings) await reload.reload();
  return texts;
};

describe('settings that are read again', () => {
  it('count from then on, or are told to need a restart', async () => {
    const budgets: number[] = [];
    expect(await told([{}, { flood: 5, rebase: true }, { flood: 5, rebase: true, maxEdges: 5, state: '/x' }, { flood: 5, rebase: true, maxEdges: 5, state: '/x' }], ({ flood }) => void budgets.push(flood))).toEqual([
      'low: the configuration was changed: rebase, flood',
      'low: max-edges, state will count after a restart',
    ]);
    expect(budgets).toEqual([5, 5]);
  });

  it('count only as a whole: what is wrong is told, and what was set before goes on', async () => {
    const budgets: number[] = [];
    expect(await told([new FullmonError("/x:1: there is no 'flod'"), { flood: 5 }], ({ flood }) => void budgets.push(flood))).toEqual([
      "medium: the configuration was not taken over: /x:1: there is no 'flod': what was set before goes on",
      'low: the configuration was changed: flood',
    ]);
    expect(budgets).toEqual([5]);
  });

  it('wait until all that go by them are there', async () => {
    const file = join(dir, 'early.yaml');
    writeFileSync(file, '');
    const { options } = await resolveAgent({}, file, {});
    const budgets: number[] = [];
    const reload = reloading(options, () => Promise.resolve({ ...options, flood: 5 }), () => undefined);
    await reload.reload();
    reload.add({ change: ({ flood }) => void budgets.push(flood) });
    expect(budgets).toEqual([]);
    await reload.begin();
    expect(budgets).toEqual([5]);
  });

  it('that one part cannot use are told and tried again the next time', async () => {
    let isTaken = true;
    const texts = await told([{ metrics: 'unix:/x', flood: 1 }, { metrics: 'unix:/x', flood: 1 }, { metrics: 'unix:/x', flood: 1 }], () => {
      if (!isTaken) return;
      isTaken = false;
      throw new FullmonError('metrics: unix:/x is taken');
    });
    // The second time it is free, the third time there is nothing to do.
    expect(texts).toEqual([
      'medium: a part of the configuration was not taken over: metrics: unix:/x is taken: what was set before goes on',
      'low: the configuration was changed: flood, metrics',
      'low: the configuration was changed: flood, metrics',
    ]);
  });
});

it('a hangup makes the agent read its file again while it watches', async () => {
  const [log, config] = [join(dir, 'audit.log'), join(dir, 'fullmon.yaml')];
  const settings = (text: string): void => writeFileSync(config, `auditd: ${log}\nbaseline: 0\nmonitor: 0\nwait: 0.02\nstate: ${join(dir, 'state')}\n${text}`);
  settings('');
  const agent = start([process.execPath, main, '--config', config]);
  await agent.says('no such file yet');
  writeFileSync(log, writes('mirror-1', 1));
  await agent.says('/srv/mirror-1');

  settings('flod: 1\n');
  agent.child.kill('SIGHUP');
  await agent.says("there is no 'flod': is it 'flood'?");

  settings("ignore: ['* -> file:*:/srv/mirror*']\nmax-edges: 5000\n");
  agent.child.kill('SIGHUP');
  await agent.says('"msg":"the configuration was changed: ignore; max-edges will count after a restart"');
  appendFileSync(log, writes('mirror-2', 2) + writes('other', 3));
  await agent.says('/srv/other');
  agent.child.kill('SIGTERM');
  const { status, stdout } = await agent.ended;
  expect(status).toBe(0);
  expect(stdout).not.toContain('/srv/mirror-2');
}, 20_000);
