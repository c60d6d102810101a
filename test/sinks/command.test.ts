import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytes } from '../../src/audit/units.ts';
import { hear, settings } from '../support/sinks.ts';
import type { Heard } from '../support/sinks.ts';
import { finding, incident, phase } from '../support/told.ts';

let dir = '';
let heard: Heard | undefined;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'fullmon-command-'))));
afterEach(async () => {
  await heard?.hearers.close();
  heard = undefined;
  rmSync(dir, { recursive: true });
});

/** A program of these shell words, which knows the directory as $1. */
const program = (words: string): string => {
  const file = join(dir, 'program');
  writeFileSync(file, `#!/bin/sh\n${words}\n`, { mode: 0o700 });
  return file;
};
const open = async (words: string, more: object = {}): Promise<Heard> => (heard = await hear(settings({ type: 'command', argv: [program(words), dir, 'a b', '$(id)'], ...more }), undefined));
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });
const linesIn = (name: string): readonly string[] => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8').trimEnd().split('\n') : []);

describe('a command', () => {
  it('runs once an incident, in order, with the JSON on stdin, its arguments as they are and an environment of its own', async () => {
    const { hearers } = await open('cat >> "$1/in"; env >> "$1/env"; printf "%s|" "$@" >> "$1/args"');
    for (const line of [phase('collect'), incident('one', 'high'), incident('one', 'high', 'closed'), incident('two', 'medium', 'opened', { command: bytes('$(touch /tmp/x); `id`\n') }), incident('three', 'low'), finding('auditd has stopped')]) hearers.tell(line);
    await soon(() => expect(linesIn('in')).toHaveLength(3));
    expect(linesIn('in').map((line) => JSON.parse(line).id)).toEqual(['one-opened', 'two-opened', expect.any(String)]);
    await soon(() => expect(linesIn('args')).toEqual([`${dir}|a b|$(id)|`.repeat(3)]));
    const names = linesIn('env').map((line) => line.split('=', 1)[0]).filter((name) => name !== '_' && name !== 'PWD' && name !== 'OLDPWD' && name !== 'SHLVL');
    expect([...new Set(names)].toSorted()).toEqual(['FULLMON_ID', 'LANG', 'PATH']);
  });

  it('that fails is run again until it succeeds, and why is told', async () => {
    const { hearers, findings } = await open('echo "no route" >&2; [ -e "$1/ok" ] || exit 3; cat >> "$1/in"');
    hearers.tell(incident('one', 'high'));
    await soon(() => expect(findings).toEqual([expect.stringMatching(/^high: sink command: cannot deliver: \/.*\/program ends with status 3: no route; /)]));
    writeFileSync(join(dir, 'ok'), '');
    await soon(() => expect(linesIn('in').map((line) => JSON.parse(line).id)[0]).toBe('one-opened'));
  });

  it('that does not end is killed with all that it started', async () => {
    heard = await hear(settings({ type: 'command', argv: [program('sleep 60 & echo $! > "$1/child"; wait'), dir], timeout: 1 }), undefined);
    heard.hearers.tell(incident('one', 'high'));
    await soon(() => expect(linesIn('child')).toHaveLength(1));
    const [child = ''] = linesIn('child');
    await soon(() => expect(isRunning(child)).toBe(false));
  });

  it('is refused where others may write it, or where it is none', async () => {
    const file = program('true');
    chmodSync(file, 0o777);
    heard = await hear(settings({ type: 'command', argv: [file] }, { type: 'command', name: 'gone', argv: [join(dir, 'none')] }), undefined);
    heard.hearers.tell(incident('one', 'high'));
    await soon(() => expect(heard?.findings.toSorted()).toEqual([
      expect.stringMatching(/^high: sink command: .*\/program: may be written by others: a command must be a program of root's that nobody else may write/),
      expect.stringMatching(/^high: sink gone: .*\/none: ENOENT/),
    ]));
  });
});

const isRunning = (pid: string): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
};
