import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, uid, UNSET } from '../../src/audit/units.ts';
import { FILE_KINDS, parseEdge, parseObject, parseSubject, printEdge, printSubject } from '../../src/behaviour/edge.ts';
import type { Edge, EdgeObject } from '../../src/behaviour/edge.ts';

const anyBytes = (minLength: number) => fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), minLength, maxLength: 24 }).map(bytes);
/** What an attacker would try. */
const nasty = fc.constantFrom('->', 'proc::0:sshd', '%3E', '%', ':', '@cron', ' -c', 'a\nb', '\x1b[31m', '\xff\xfe', '__proto__', 'file:CREATE:/x', '?').map(bytes);
const text = (minLength: number) => fc.oneof({ weight: 2, arbitrary: anyBytes(minLength) }, { weight: 1, arbitrary: nasty });

const subject = fc.record({
  container: text(0),
  login: fc.oneof(fc.constant(UNSET), fc.nat(0xfffffffe)).map(uid),
  euid: fc.nat(0xfffffffe).map(uid),
  exe: text(1),
  script: text(0),
  service: text(0),
});
const object: fc.Arbitrary<EdgeObject> = fc.oneof(
  subject.map((s) => ({ kind: 'exec' as const, name: bytes(printSubject(s)) })),
  fc.record({ kind: fc.constantFrom('connect' as const, 'listen' as const, 'sock' as const, 'trace' as const, 'kernel' as const, ...FILE_KINDS), name: text(0) }),
);
const edge: fc.Arbitrary<Edge> = fc.record({ subject, object });

describe('an edge in print', () => {
  it('is read back as it was, whatever bytes are in it', () => {
    fc.assert(fc.property(edge, (e) => void expect(parseEdge(printEdge(e))).toEqual(e)), { numRuns: 2000 });
  });

  it('has one arrow, is printable, and holds no blank but that between program and script', () => {
    fc.assert(
      fc.property(edge, (e) => {
        const printed = printEdge(e);
        const sides = printed.split('->');
        expect(sides.length).toBe(2);
        for (const side of sides) expect(side).toMatch(/^[\x21-\x7e]+(?: [\x21-\x7e]+)?$/);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['proc::33:/usr/sbin/php-fpm8.2->proc::33:/usr/bin/dash -c@php-fpm8.2'],
    ['proc::997:/usr/bin/node->host:203.0.113.66:4444'],
    ['proc::997/997:/usr/bin/python3.11 /opt/app/jobs/sync.py@cron->host:api.example.test:80'],
    ['proc::0/0:/usr/bin/bash@sshd->file:WRITE:/root/.ssh/authorized_keys'],
    ['proc::997:/usr/bin/nc->listen:0.0.0.0:31337'],
    ['proc::0/0:/usr/bin/strace@sshd->trace:/usr/sbin/nginx'],
    ['proc:web:0:/usr/sbin/nginx->kernel:mount:/mnt'],
    ['proc::0:?->proc::0:/usr/sbin/sshd@?'],
  ])('%s is read and printed alike', (printed) => {
    const parsed = parseEdge(printed);
    expect(parsed && printEdge(parsed)).toBe(printed);
  });

  it.each(['', '->', 'proc::0:a', 'proc::0:a->', '->file:CREATE:/a', 'proc::x:a->file:CREATE:/a', 'proc::0: a->file:CREATE:/a', 'proc::0:a->file:MAKE:/a', 'a->b', 'proc::0:a b c->file:CREATE:/a'])(
    '%j is none',
    (printed) => expect(parseEdge(printed)).toBeUndefined(),
  );

  it('is undefined, never an exception, for any text', () => {
    fc.assert(fc.property(fc.string(), (any) => void [parseSubject(any), parseObject(any), parseEdge(any)]));
  });
});
