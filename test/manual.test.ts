import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtProgram, run } from './support/program.ts';

const main = builtProgram();
const read = (path: string): string => readFileSync(resolve(import.meta.dirname, '..', path), 'utf8');
const help = async (...command: readonly string[]): Promise<string> => (await run([main, ...command, '--help'])).stdout;

const COMMANDS = ['replay', 'show', 'accept', 'revoke', 'maintenance', 'relearn', 'baseline', 'config', 'test-alert', 'prepare'];

describe('the manual', () => {
  const manual = read('docs/manual.md');
  let own = '';
  beforeAll(async () => (own = await help()));

  it('names each command that the help names, and no other', () =>
    expect([...own.slice(0, own.indexOf('Options:')).matchAll(/^ {2}fullmon ([a-z-]+)/gm)].map(([, name]) => name).toSorted()).toEqual(COMMANDS.toSorted()));
  it.each(COMMANDS)('tells how to call %s', (command) => expect(manual).toContain(`\`fullmon ${command}\``));

  it('describes each flag of each command', async () => {
    const flags = new Set([own, ...(await Promise.all(COMMANDS.map((command) => help(command))))].flatMap((text) => [...text.matchAll(/^ +--([a-z-]+)/gm)].map(([, flag]) => flag)));
    for (const usual of ['help', 'version']) flags.delete(usual);
    expect(flags.size).toBeGreaterThan(20);
    expect([...flags].filter((flag) => !manual.includes(`\`--${flag}\``))).toEqual([]);
  });

  it('is the page that man shows', () => {
    const page = read('dist/fullmon.8');
    expect(page).toContain('.SH EXIT STATUS');
    expect([...page.matchAll(/^\.SH "?([A-Z ]+)"?$/gm)].map(([, name]) => name).slice(1)).toEqual([...manual.matchAll(/^## (.*)$/gm)].map(([, name]) => name));
  });
});
