import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printObject, printSubject } from '../src/behaviour/edge.ts';
import { bytes, ms, uid, UNSET } from '../src/audit/units.ts';
import { ignoring as readIgnored } from '../src/shell/rules.ts';
import type { Rule } from '../src/shell/rules.ts';

const subject = printSubject({ container: bytes(''), login: uid(UNSET), euid: uid(33), exe: bytes('/usr/bin/rsync'), script: bytes(''), service: bytes('cron') });
const file = (name: string) => printObject({ kind: 'create', name: bytes(name) });

const ignoring = (...ignore: readonly string[]): Promise<Rule> => readIgnored(ignore.map((edge) => ({ edge })), () => undefined);

/** Does a rule ignore that somebody creates a file of this name? */
const ignores = async (glob: string, name: string): Promise<boolean> => (await ignoring(`* -> ${glob}`))(subject, file(name), ms(0));

describe('what is ignored', () => {
  it.each([
    ['file:CREATE:/srv/mirror/a', '/srv/mirror/a', true],
    ['file:CREATE:/srv/mirror/*', '/srv/mirror/a', true],
    ['file:CREATE:/srv/mirror/*', '/srv/mirror/a/b/.c', true],
    ['file:CREATE:/srv/mirror/**', '/srv/mirror/a/b/.c', true],
    ['file:CREATE:/srv/**/*.tmp', '/srv/mirror/a/b.tmp', true],
    ['file:CREATE:/srv/mirror/*', '/srv/mirrors/a', false],
    ['file:CREATE:/srv/mirror/*', '/x/file:CREATE:/srv/mirror/a', false],
    ['file:*:/srv/*/tmp/*.json', '/srv/a/tmp/b/tmp/c.json', true],
    ['file:*:/srv/*/tmp/*.json', '/srv/a/tmp/c.json.php', false],
    ['file:CREATE:/srv/?', '/srv/a', true],
    ['file:CREATE:/srv/?', '/srv/ab', false],
    ['file:CREATE:/srv/[0-9]*', '/srv/7', true],
    ['file:CREATE:/srv/[0-9]*', '/srv/x', false],
    ['file:CREATE:/srv/x.y', '/srv/xzy', false],
    ['file:CREATE:/srv/{a,b}', '/srv/a', false],
    ['*', '/anything at all', true],
  ])('%s and %s: %s', async (glob, name, expected) => expect(await ignores(glob, name)).toBe(expected));

  it('is decided on both sides', async () => {
    const ignored = await ignoring('proc::33:/usr/bin/rsync* -> file:*:/srv/*', 'proc:*:/usr/bin/nothing -> *');
    expect(ignored(subject, file('/srv/a'), ms(0))).toBe(true);
    expect(ignored(subject, file('/etc/a'), ms(0))).toBe(false);
  });

  it('is found wherever the stars have to be', async () => {
    const piece = fc.stringMatching(/^[ab/:]{1,3}$/);
    const any = fc.stringMatching(/^[ab/:]{0,4}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(piece, any), { minLength: 1, maxLength: 6 }), async (parts) => {
        const glob = parts.map(([text]) => text).join('*');
        const name = parts.map(([text, rest], i) => (i === parts.length - 1 ? text : text + rest)).join('');
        expect((await ignoring(`x -> y*${glob}`))('x' as never, `y${name}` as never, ms(0))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('does not take longer than the name is long, whatever the name', async () => {
    const ignored = await ignoring(`* -> ${'*a'.repeat(12)}*b`);
    // With backtracking this would go on for years.
    expect(ignored(subject, file('a'.repeat(4000)), ms(0))).toBe(false);
  });
});
