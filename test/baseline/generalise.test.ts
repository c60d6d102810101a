import { existsSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, ms } from '../../src/audit/units.ts';
import { generalise, isPattern } from '../../src/baseline/generalise.ts';
import type { Example, Pattern } from '../../src/baseline/generalise.ts';
import { CANARIES } from '../support/canaries.ts';
import { readLog, replay } from '../support/replay.ts';

const examples = (names: readonly string[]): readonly Example[] => [...new Set(names)].map((name, i) => ({ name: bytes(name), first: ms(1_700_000_000_000 + i * 1000) }));
const patterns = (names: readonly string[]): readonly Pattern[] => generalise(examples(names));
const covers = (found: readonly Pattern[], name: string): boolean => found.some(({ source }) => new RegExp(`^${source}$`).test(name));
const sources = (names: readonly string[]): readonly string[] => patterns(names).map(({ source }) => source);

const run = (alphabet: string, length: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length });
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const BASE62 = DIGITS + LOWER + LOWER.toUpperCase();
const HEX = '0123456789abcdef';
const two = (n: number): string => String(n).padStart(2, '0');
const date = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-12-31'), noInvalidDate: true });

/** What machines name their files. */
const GENERATORS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'uuid': fc.uuid(),
  'hex 4': run(HEX, 4),
  'hex 6': run(HEX, 6).map((s) => `${s}.lock`),
  'hex 8': run(HEX, 8).map((s) => `${s}.tmp`),
  'hex 16 with extension': run(HEX, 16).map((s) => `${s}.jpg`),
  'md5': run(HEX, 32),
  'sha1 with extension': run(HEX, 40).map((s) => `${s}.json`),
  'SHA1': run(HEX.toUpperCase(), 40),
  'hash fan-out': run(HEX, 40).map((s) => `${s.slice(0, 2)}/${s.slice(2)}`),
  'python mkstemp': run(`${LOWER}${DIGITS}_`, 8).map((s) => `tmp${s}`),
  'python mkstemp with suffix': run(`${LOWER}${DIGITS}_`, 8).map((s) => `tmp${s}.part`),
  'php upload': run(BASE62, 6).map((s) => `php${s}`),
  'php session': run(DIGITS + LOWER.slice(0, 22), 26).map((s) => `sess_${s}`),
  'coreutils mktemp': run(BASE62, 10).map((s) => `tmp.${s}`),
  'mkstemp behind a name': run(BASE62, 6).map((s) => `pkgcache.bin.${s}`),
  'word with a run behind it': run(BASE62, 6).map((s) => `backup${s}`),
  'mail': run(BASE62, 6).map((s) => `mail.Rs${s}`),
  'git object': run(BASE62, 6).map((s) => `tmp_obj_${s}`),
  'stamp': date.map((d) => `app-${d.getUTCFullYear()}${two(d.getUTCMonth() + 1)}${two(d.getUTCDate())}-${two(d.getUTCHours())}${two(d.getUTCMinutes())}${two(d.getUTCSeconds())}.sql.gz`),
  'day': date.map((d) => `access.log-${d.toISOString().slice(0, 10)}`),
  'date folders': date.map((d) => `${d.getUTCFullYear()}/${two(d.getUTCMonth() + 1)}/${two(d.getUTCDate())}/${two(d.getUTCHours())}.log`),
  'epoch': fc.integer({ min: 1_700_000_000, max: 1_899_999_999 }).map((n) => `event-${n}.json`),
  'pid': fc.integer({ min: 1000, max: 32_768 }).map((n) => `temp-${n}.rdb`),
  'spool number': fc.integer({ min: 0, max: 99_999_999 }).map((n) => String(n).padStart(10, '0')),
  'borg lock': fc.tuple(run(LOWER + DIGITS, 8), fc.integer({ min: 1000, max: 32_768 })).map(([id, pid]) => `lock.exclusive.${id}.tmp/web1@1234567890.${pid}-0`),
  'exim id': fc.tuple(run(BASE62, 6), run(BASE62, 6), run(BASE62, 2)).map((parts) => `${parts.join('-')}-H`),
  'postgres segment': run('0123456789ABCDEF', 24),
  'postgres relation': fc.integer({ min: 16_384, max: 99_999 }).map((n) => `base/16385/${n}_fsm`),
  'git objects': run(HEX, 40).map((s) => `objects/${s.slice(0, 2)}/${s.slice(2)}`),
  'maildir': fc.tuple(fc.integer({ min: 1_700_000_000, max: 1_799_999_999 }), fc.integer({ min: 100_000, max: 999_999 }), fc.integer({ min: 1000, max: 32_768 }), fc.integer({ min: 10_000, max: 99_999 }))
    .map(([time, micro, pid, size]) => `new/${time}.M${micro}P${pid}.mx1,S=${size}:2,S`),
  'postfix queue': run('0123456789ABCDEF', 10).map((s) => `maildrop/${s}`),
  'systemd private directory': run(BASE62, 6).map((s) => `systemd-private-0123456789abcdef0123456789abcdef-ntpsec.service-${s}`),
  'dpkg': run(DIGITS, 4).map((s) => `status.dpkg-new.${s}`),
  'mariadb': fc.tuple(run(HEX, 4), run(HEX, 2), run(HEX, 2)).map(([a, b, c]) => `#sql-temptable-${a}-${b}-${c}.MAI`),
};

const syllable = fc.tuple(fc.constantFrom('', ...'bcdfghklmnprstvz', 'ch', 'sh', 'tr', 'st', 'cr', 'pl'), fc.constantFrom('a', 'e', 'i', 'o', 'u', 'ai', 'ea'), fc.constantFrom('', '', 'n', 'r', 's', 't', 'l')).map((s) => s.join(''));
const word = fc.array(syllable, { minLength: 1, maxLength: 5 }).map((s) => s.join(''));
const spoken = fc.tuple(word, fc.constantFrom('', '', '.sh', '.php', '.json', '.jpg', '.tmp', '.so', '.log')).map((s) => s.join(''));

const DIRECTORY = '/var/lib/app/';
const many = (generator: fc.Arbitrary<string>, min: number, max: number): fc.Arbitrary<string[]> => fc.uniqueArray(generator.map((name) => DIRECTORY + name), { minLength: min, maxLength: max });
const generators = Object.entries(GENERATORS);

describe('names that machines made', () => {
  it.each(generators)('%s: new ones are known after thirty', (_, generator) => {
    fc.assert(
      fc.property(fc.noBias(many(generator, 30, 40)), fc.noBias(many(generator, 100, 100)), (names, fresh) => {
        const found = patterns(names);
        expect(fresh.filter((name) => covers(found, name)).length).toBeGreaterThanOrEqual(90);
      }),
      { numRuns: 15 },
    );
  });

  it.each(generators)('%s: the pattern covers what it was made of', (_, generator) => {
    fc.assert(
      fc.property(many(generator, 2, 40), (names) => {
        for (const pattern of patterns(names)) {
          expect(isPattern(`^${pattern.source}$`), pattern.source).toBe(true);
          for (const { name } of pattern.covers) expect(covers([pattern], name), `${pattern.source} ${name}`).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it.each(generators)('%s: nothing that a person would write is covered', (_, generator) => {
    fc.assert(
      fc.property(many(generator, 2, 120), fc.array(spoken, { minLength: 30, maxLength: 30 }), (names, words) => {
        const found = patterns(names);
        for (const canary of [...CANARIES, ...words]) expect(covers(found, DIRECTORY + canary), `${found.map(({ source }) => source).join(' ')} covers ${canary}`).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('several kinds in one directory do not spoil one another', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(generators, { minLength: 2, maxLength: 5 }).chain((some) => fc.tuple(...some.map(([, generator]) => many(generator, 10, 30)))), fc.array(spoken, { minLength: 30, maxLength: 30 }), (groups, words) => {
        const found = patterns([...groups.flat(), `${DIRECTORY}index.html`, `${DIRECTORY}config`, `${DIRECTORY}.htaccess`]);
        for (const canary of [...CANARIES, ...words]) expect(covers(found, DIRECTORY + canary), `${found.map(({ source }) => source).join(' ')} covers ${canary}`).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('stay in their directory', () => {
    const found = patterns(Array.from({ length: 20 }, (_, i) => `/var/lib/app/${(i + 1) * 7919}.tmp`));
    expect(found.length).toBe(1);
    for (const name of ['/var/lib/app/x/7919.tmp', '/var/lib/7919.tmp', '/etc/7919.tmp', '/var/lib/app/7919.tmp/x', '/var/lib/app/7919.tmp\n', '/var/lib/app/7919xtmp']) expect(covers(found, name)).toBe(false);
  });
});

describe('a counter', () => {
  it('that has no gap goes on, also to one digit more', () => {
    const found = patterns(Array.from({ length: 9 }, (_, i) => `/spool/job-${i + 1}`));
    expect(covers(found, '/spool/job-10')).toBe(true);
    expect(covers(found, '/spool/job-100')).toBe(false);
  });

  it('that only rises, like a pid, will have more digits one day', () => {
    const pids = [312, 340, 371, 402, 455, 511, 587, 640].map((n) => `/var/lib/redis/temp-${n}.rdb`);
    const later = ['/var/lib/redis/temp-1017.rdb', '/var/lib/redis/temp-4194303.rdb'];
    expect(later.filter((name) => covers(patterns(pids), name))).toEqual(later);
    expect(later.filter((name) => covers(patterns(pids.toReversed()), name))).toEqual([]);
    expect(covers(patterns(pids), '/var/lib/redis/temp-12.rdb')).toBe(false);
  });

  it('takes four numbers to be believed', () => {
    expect(sources(['/srv/v1', '/srv/v2', '/srv/v3'])).toEqual([]);
    expect(sources(['/srv/release-1', '/srv/release-2', '/srv/release-3'])).toEqual([]);
    expect(sources(['/srv/release-1', '/srv/release-2', '/srv/release-3', '/srv/release-4'])).toEqual(['/srv/release-[0-9]{1}']);
  });
});

const rotation = (...numbers: readonly number[]): readonly string[] => numbers.map((n) => `/var/log/nginx/access.log.${n}.gz`);

describe('rotated logs', () => {
  it('go on from two of them', () => {
    const found = patterns(['/var/log/nginx/access.log.1', ...rotation(2, 3)]);
    expect(rotation(4, 9, 10, 14).filter((name) => !covers(found, name))).toEqual([]);
    for (const name of [...rotation(365), '/var/log/nginx/error.log.4.gz', '/var/log/nginx/access.log.4', '/var/log/nginx/access.log.x.gz']) expect(covers(found, name)).toBe(false);
  });

  it.each([[[7, 9]], [[3, 4]], [[2]]])('numbered %j are not rotated', (numbers) => expect(sources(rotation(...numbers))).toEqual([]));

  it('are no releases', () => expect(sources(['/srv/app-1.tgz', '/srv/app-2.tgz', '/srv/lib.so.1', '/srv/v.1.conf', '/srv/v.2.conf'])).toEqual([]));
});

describe('a day in a name', () => {
  const times = ['091501', '101502', '111503', '121504'];

  it.each([
    ['/b/app-20231114-%.sql', '/b/app-[0-9]{8}-[0-9]{6}\\.sql'],
    ['/b/2023-11-14/%.sql', '/b/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{6}\\.sql'],
    ['/b/2023/11/14/%', '/b/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{6}'],
  ])('on which it was seen, like %s, is another one tomorrow', (name, source) => {
    expect(sources(times.map((time) => name.replace('%', time)))).toEqual([source]);
  });

  it.each(['/b/app-20190101-%.sql', '/b/2023-12-24/%', '/b/20231199/%', '/b/2023/%', '/b/11-14/%', '/b/release-2023.11/%'])('of another time, or half of one, like %s, is a word', (name) => {
    expect(sources(times.map((time) => name.replace('%', time)))).toEqual([name.replaceAll('.', String.raw`\.`).replace('%', '[0-9]{6}')]);
  });
});

describe('names that people made', () => {
  it('are never generalised', () => {
    fc.assert(fc.property(fc.uniqueArray(spoken.map((name) => `/srv/${name}`), { minLength: 2, maxLength: 60 }), (names) => void expect(sources(names)).toEqual([])), { numRuns: 300 });
  });

  it.each([
    ['/srv/a', '/srv/b', '/srv/c', '/srv/d', '/srv/e'],
    ['/var/log/syslog', '/var/log/auth.log', '/var/log/kern.log', '/var/log/dpkg.log'],
    ['/home/ann/.bashrc', '/home/bob/.bashrc', '/home/eve/.bashrc', '/home/joe/.bashrc'],
    ['/x/song.mp3', '/x/film.mp4', '/x/pack.7z', '/x/page.h264'],
    ['/lib/a-1.2.so', '/lib/a-1.3.so', '/lib/a-1.4.so', '/lib/a-1.5.so', '/lib/a-1.6.so'],
  ])('%s, %s, ...', (...names) => expect(sources(names)).toEqual([]));
});

describe('what a server would run', () => {
  it.each(['php', 'php7', 'phtml', 'phar', 'jsp', 'jspx', 'aspx', 'cgi', 'pl', 'py', 'sh', 'so', 'service', 'PHP'])('.%s is never generalised', (extension) => {
    fc.assert(fc.property(fc.uniqueArray(run(HEX, 16), { minLength: 5, maxLength: 40 }), (names) => void expect(sources(names.map((name) => `/var/www/${name}.${extension}`))).toEqual([])), { numRuns: 10 });
  });

  it('is not covered by its neighbours', () => {
    fc.assert(
      fc.property(fc.constantFrom(...generators).chain(([, generator]) => many(generator, 5, 60)), fc.constantFrom('.php', '.jsp', '.cgi', '.sh', '.phtml', '.so'), (names, extension) => {
        const found = patterns(names);
        for (const name of names) for (const canary of [name + extension, name.replace(/\.\w+$/, '') + extension]) expect(covers(found, canary)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a directory full of names', () => {
  const SIZE = 200_000;

  // Anything that is not linear would take hours, or fall over.
  it.each([
    ['numbers', (i: number) => `/spool/${i}`],
    ['numbers behind a word', (i: number) => `/spool/f${i}`],
    ['hashes', (i: number) => `/spool/${(i * 2_654_435_761).toString(16).padStart(14, '0')}`],
    ['random runs', (i: number) => `/spool/x${(i * 2_654_435_761).toString(36).padStart(10, 'Z')}`],
    ['words', (i: number) => `/spool/${[...String(i)].map((d) => 'aeioubdlmn'.charAt(Number(d)) + 'o').join('')}`],
    ['words in as many directories', (i: number) => `/spool/${[...String(i)].map((d) => 'aeioubdlmn'.charAt(Number(d)) + 'o').join('')}/${i}.x`],
    ['stems that all differ', (i: number) => `/spool/${[...String(i)].map((d) => 'abcdefghij'.charAt(Number(d))).join('')}${i}`],
    ['nothing but separators', (i: number) => `/spool/${'-'.repeat(i % 200)}${i}`],
  ])('of %s', (_, name) => {
    const found = patterns(Array.from({ length: SIZE }, (_, i) => name(i)));
    expect(found.length).toBeLessThan(SIZE);
  }, 30_000);
});

/** A long recording of real work, where there is one. */
const { FULLMON_RECORDING: recording = '' } = process.env;

it.skipIf(!existsSync(recording))('no pattern of a whole recording (FULLMON_RECORDING) covers what an intruder would write', () => {
  const learned = replay(readLog(recording), { baseline: 3600, monitor: 60 }).flatMap((line) => (line.type === 'ignore' && line.pattern.kind !== 'connect' ? [line.pattern] : []));
  expect(learned.length).toBeGreaterThan(10);
  for (const { source, witnesses } of learned) {
    for (const witness of witnesses) for (const canary of CANARIES) expect(new RegExp(source).test(witness.slice(0, witness.lastIndexOf('/') + 1) + canary), `${source} covers ${canary}`).toBe(false);
  }
});

describe('a hostile name', () => {
  it('is only a name, never a part of an expression', () => {
    const hostile = fc.string({ unit: fc.constantFrom(...String.raw`.*+?()[]{}|^$\/-_ aZ09`, '\n', '\0', '\xff'), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.uniqueArray(hostile, { minLength: 2, maxLength: 12 }), run(HEX, 16), (names, hash) => {
        const all = names.flatMap((name) => [`/${name}/${hash}`, `/${name}/${[...hash].toReversed().join('')}`, `/${name}`]);
        for (const pattern of patterns(all)) for (const { name } of pattern.covers) expect(covers([pattern], name)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a mail in a Maildir', () => {
  const folder = '/home/a/Maildir';
  const learn = ['1796106090.Vfe00I4e27M484936', '1796106099.Vfe00I59c6M565561', '1796106102.Vfe00I4e50M841778', '1796106110.Vfe00I5a0dM80794'];
  it('is known by its folder and host, whatever its moment, number and flags', () => {
    const names = learn.map((name) => `${folder}/new/${name}.mail`);
    expect(covers(patterns(names), `${folder}/new/1796206655.Vfe00I1M7.mail`)).toBe(true);
    expect(covers(patterns(learn.map((name) => `${folder}/cur/${name}.mail:2,`)), `${folder}/cur/1796206655.M7P2237.mail,S=1097,W=1118:2,RS`)).toBe(true);
  });

  it('is nothing else', () => {
    const names = learn.map((name) => `${folder}/new/${name}.mail`);
    for (const other of ['new/x.sh', 'new/1796206655.evil.mail', 'new/1796206655.M7.elsewhere', 'cur/1796206655.M7.mail', 'new/1796206655.M7.mail.sh', 'new/1796206655.M7.mail:2,S/x']) expect(covers(patterns(names), `${folder}/${other}`)).toBe(false);
    expect(covers(patterns(learn.map((name) => `/srv/x/${name}.mail`)), '/srv/x/1796206655.M7P2237.mail')).toBe(false);
  });
});
