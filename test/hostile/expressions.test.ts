import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allRows } from '../../src/audit/rows.ts';
import { bytes, ms } from '../../src/audit/units.ts';
import { newBaseline } from '../../src/baseline/baseline.ts';
import type { BaselineState } from '../../src/baseline/baseline.ts';
import { parseBaseline, printBaseline } from '../../src/baseline/exchange.ts';
import { isPattern } from '../../src/baseline/generalise.ts';
import { acceptedBy, readRules } from '../../src/shell/rules.ts';
import { sighting } from '../support/sighting.ts';

/** A name that would keep most of these busy for years. */
const LONG = 'a'.repeat(4000);
const EXPLODING = ['(a+)+b', '(a|aa)+b', '(\\w+)+b', '(a*)*b', '((a+)+)+b', '(?:a+)+b', '(?=(a+))*b', '(a+)+$'];

const ignores = async (glob: string, name: string): Promise<boolean> => {
  const [rule] = await readRules('--ignore', [`* -> ${glob}`]);
  return rule?.('proc::33:/x' as never, name as never, ms(0)) === true;
};

describe('a glob', () => {
  it.each([...EXPLODING, `${'*a'.repeat(1000)}*b`, '('.repeat(2000), `${'(a*'.repeat(500)}b`])('does not take for ever: no. %#', async (glob) => {
    expect(await ignores(glob, LONG)).toBe(false);
    expect(await ignores(glob, `${LONG}(a+)+c`)).toBe(false);
  });

  it.each(['/usr/bin/g++', '/srv/(a+)+b', '/tmp/x%20(deleted)', '/srv/a|b', '/srv/{a,b}', '/srv/^a$', '/srv/!a', '/srv/@(a)', '/srv/"a"', "/srv/'a'", '/srv/+(a)', '/srv/a.b', '/srv/\\d'])('has no other syntax than * ? [a-z]: %s is itself', async (name) => {
    const glob = name.replace('\\', '\\\\');
    expect(await ignores(glob, name)).toBe(true);
    for (const other of ['/usr/bin/g', '/usr/bin/ggg', '/srv/aab', '/tmp/x%20deleted', '/srv/a', '/srv/b', '/srv/aXb', '/srv/7']) expect(await ignores(glob, other)).toBe(false);
  });

  it.each([
    ['/srv/[^0-9]', '/srv/a', true], ['/srv/[!0-9]', '/srv/a', true], ['/srv/[!0-9]', '/srv/7', false], ['/srv/[[:digit:]]x', '/srv/7x', true], ['/srv/[[:digit:]]x', '/srv/ax', false], ['/srv/\\*', '/srv/*', true], ['/srv/\\*', '/srv/a', false],
  ])('%s and %s: %s', async (glob, name, expected) => expect(await ignores(glob, name)).toBe(expected));

  it.each(['a\\', 'a\\\\\\\\', 'x'.repeat(5000), '[z-a]'])('that cannot be used is refused when it is read: no. %#', async (glob) => {
    await expect(readRules('--ignore', [`* -> ${glob}`])).rejects.toThrow(/^--ignore: cannot use the glob/);
  });

  it('in what was accepted is told when it cannot be used, and the others count', async () => {
    const told: string[] = [];
    const decision = { at: '2026-01-01T00:00:00Z', by: 'root' };
    const rule = await acceptedBy('accepted.jsonl', ['* -> a\\', '* -> (a+)+b', '* -> file:CREATE:/srv/*'].map((glob) => ({ glob, ...decision })), (text) => void told.push(text));
    expect(told).toEqual([expect.stringMatching(/^accepted\.jsonl: cannot use the glob/)]);
    expect(rule('proc::33:/x' as never, 'file:CREATE:/srv/a' as never, ms(0))).toBe(true);
    expect(rule('proc::33:/x' as never, LONG as never, ms(0))).toBe(false);
  });

  it('is refused or answers, whatever it is made of', async () => {
    const part = fc.constantFrom('*', '?', '(', ')', '+', '|', '[', ']', '{', '}', '!', '@', '^', '$', '\\', 'a', 'a*', '(a', ')+', '[a-z]', '"', '.', '/', '[[:alpha:]]', ',');
    await fc.assert(fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 60 }), async (parts) => {
      try {
        await ignores(`${parts.join('')}b`, LONG);
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringContaining('cannot use the glob') });
      }
    }), { numRuns: 300 });
  });
});

const holding = (source: string): BaselineState => ({
  ...newBaseline(ms(60_000)).save(true),
  groups: allRows([[0, {
    node: sighting('proc::33:/usr/sbin/nginx->file:CREATE:/x').node, kind: 'create', ripe: 1, settled: 0, names: allRows([]),
    patterns: allRows([[source, bytes('/tmp/a'), ms(0), ms(0), 1, 0, 1, 0] as const]),
  }] as const]),
});

describe('a pattern in a state or a file', () => {
  const NESTED = ['^(a+)+b$', '^([0-9a-z]+)*b$', '^.*.*.*b$', '^a*a*b$', `^${'[0-9a-z]{1,200}'.repeat(9)}b$`, `^${'[0-9a-z]{1,200}a'.repeat(9)}b$`, `^${'(?:,[SW]=[0-9]{1,12}){0,2}'.repeat(20)}b$`, '^(?=(a+)+b)$', '^a', 'a$', '^[a-z]+$', '^(a)\\1$', '^($'];

  it.each(NESTED)('that none of ours could be is refused when it is read: %s', (source) => {
    expect(isPattern(source)).toBe(false);
    expect(() => newBaseline(ms(60_000), holding(source))).toThrow('no pattern');
    expect(() => parseBaseline(printBaseline(holding(source), ms(0)))).toThrow('says nothing known in line 2');
  });

  it('that is one of ours is taken', () => {
    expect(parseBaseline(printBaseline(holding('^/tmp/sort[0-9A-Za-z]{6}$'), ms(0))).entries).toHaveLength(1);
  });
});

const run = (applet: string): string => `proc::33:/usr/sbin/nginx->proc::33:/usr/bin/busybox ${applet}@nginx`;

describe('a program that calls itself a pattern', () => {
  it.each(['^(', '^.*$', '^(a+)+$', '^/.*$', '^/srv/[0-9a-f]{8}$'])('is one program after a restart, and stands for no other: %s', (applet) => {
    const escaped = applet.replaceAll('%', '%25');
    const before = newBaseline(ms(60_000));
    before.learn(sighting(run(escaped)));
    before.learn(sighting(`proc::33:/usr/bin/busybox ${escaped}@nginx->file:CREATE:/srv/a`));
    const after = newBaseline(ms(60_000), before.save(true));
    expect(after.knows(sighting(run(escaped)))).toBe(true);
    expect(after.knows(sighting(run('/srv/0123abcd')))).toBe(false);
    expect(after.knows(sighting('proc::33:/usr/bin/busybox /srv/0123abcd@nginx->file:CREATE:/srv/a'))).toBe(false);
  });
});
