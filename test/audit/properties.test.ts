import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLog, raw, record, syscall, T0, untrusted } from '../support/log.ts';
import type { Told } from '../support/log.ts';

/** An event as the kernel would have it, and as it is logged. */
interface Logged {
  readonly event: { readonly time: number; readonly serial: number; readonly [said: string]: unknown };
  readonly lines: readonly string[];
}

/** Bytes without NUL, which no name and no argument can hold. */
const name = fc.oneof(
  fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 40 }),
  fc.constantFrom('/etc/passwd', '/tmp/a b', '/var/www/\xc3\xa4"', '(null)', 'DEADBEEF', '', 'a=b msg=audit(1.000:1): pid=1', "x'\ntype=SYSCALL msg=audit(1.000:1): arch=c000003e"),
);
const id = fc.oneof(fc.nat(4_194_304), fc.constantFrom(0, 4_294_967_295));
const word = fc.nat(4_294_967_295);

const call = fc.record({
  arch: fc.constantFrom(0xc000003e, 0x40000003, 0xc00000b7), nr: fc.nat(460), success: fc.boolean(), exit: fc.integer({ min: -133, max: 1000 }), a0: word, a1: word, a2: word, a3: word,
  ppid: id, pid: id, auid: id, uid: id, euid: id, ses: id, notty: fc.boolean(), comm: name, exe: name,
});

const item = fc.record({
  name: fc.option(name, { nil: undefined }), inode: fc.nat(), major: fc.nat(4095), minor: fc.nat(4095), mode: fc.nat(0o177777), nametype: fc.constantFrom('NORMAL', 'PARENT', 'CREATE', 'DELETE', 'UNKNOWN'),
});

const parts = (text: string, size: number): string[] => Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));

/** As the kernel splits long arguments over records. */
const execve = (argv: readonly string[], split: number): string[] => argv.flatMap((arg, i) => {
  const [first = '', ...rest] = arg.length > split ? parts(arg, split).map((part, k) => ` a${i}[${k}]=${untrusted(part)}`) : [` a${i}=${untrusted(arg)}`];
  return [`${i === 0 ? `argc=${argv.length}` : ''}${arg.length > split ? ` a${i}_len=${arg.length}` : ''}${first}`, ...rest];
});

const logged = (serial: number): fc.Arbitrary<Logged> =>
  fc.record({
    syscall: call, argv: fc.option(fc.array(name, { minLength: 1, maxLength: 6 }), { nil: undefined }), split: fc.integer({ min: 5, max: 50 }), cwd: fc.option(name, { nil: undefined }),
    items: fc.array(item, { maxLength: 4 }), saddr: fc.option(fc.uint8Array({ minLength: 2, maxLength: 110 }), { nil: undefined }), title: fc.option(fc.string({ unit: 'binary-ascii', minLength: 1 }), { nil: undefined }),
    after: fc.nat(1999), node: fc.constantFrom('', 'web1'), enriched: fc.boolean(), noise: fc.boolean(),
  }).map(({ syscall: made, argv, split, cwd, items, saddr, title, after, node, enriched, noise }) => {
    // Calls at one time are of different processes; what one process does next is not logged before its exec.
    const s = { ...made, pid: made.pid - (made.pid % 8) + (serial % 8) };
    const suffix = (text: string): string => (enriched ? `\x1d${text}` : '');
    const line = (type: string, body: string): string => `${node && `node=${node} `}${record(type, body, serial, after)}`;
    const saddrHex = saddr && Buffer.from(saddr).toString('hex').toUpperCase();
    const fields = {
      arch: s.arch.toString(16), syscall: String(s.nr), success: s.success ? 'yes' : 'no', exit: String(s.exit), a0: `7ffc${s.a0.toString(16).padStart(8, '0')}`, a1: s.a1.toString(16),
      a2: s.a2.toString(16), a3: s.a3.toString(16), ppid: String(s.ppid), pid: String(s.pid), auid: String(s.auid), uid: String(s.uid), euid: String(s.euid), tty: s.notty ? '(none)' : 'pts0',
      ses: String(s.ses), comm: untrusted(s.comm), exe: untrusted(s.exe),
    };
    return {
      event: {
        node, time: T0 + after, serial, syscall: s,
        ...(argv && { argv }), ...(cwd !== undefined && { cwd }), ...(saddrHex && { saddr: saddrHex }), ...(title !== undefined && { proctitle: title }),
        ...(items.length > 0 && { paths: items.map((i) => ({ name: i.name, inode: i.inode, dev: i.major * 2 ** 20 + i.minor, mode: i.mode, nametype: i.nametype === 'UNKNOWN' ? 'other' : i.nametype })) }),
      },
      lines: [
        ...(noise ? [line('AVC', 'apparmor="STATUS" info="same as current profile, skipping" pid=1')] : []),
        line('SYSCALL', syscall(fields) + suffix('ARCH=x86_64 SYSCALL=execve AUID="root" exe="/other"')),
        ...(noise ? [line('BPRM_FCAPS', 'fver=0 fp=0 fi=0 fe=0 pid=1')] : []),
        ...(argv ? execve(argv, split).map((body) => line('EXECVE', body)) : []),
        ...(saddrHex ? [line('SOCKADDR', `saddr=${saddrHex}${suffix('SADDR={ saddr_fam=inet laddr=1.2.3.4 lport=80 }')}`)] : []),
        ...(cwd === undefined ? [] : [line('CWD', ` cwd=${untrusted(cwd)}`)]),
        ...items.map((i, k) => line('PATH', `item=${k} name=${i.name === undefined ? '(null)' : untrusted(i.name)} inode=${i.inode} dev=${i.major.toString(16).padStart(2, '0')}:${i.minor.toString(16).padStart(2, '0')} mode=0${i.mode.toString(8)} ouid=0 ogid=0 rdev=00:00 nametype=${i.nametype} cap_fp=0 cap_fi=0${suffix('OUID="root" mode=0 name="/other"')}`)),
        ...(title === undefined ? [] : [line('PROCTITLE', `proctitle=${untrusted(title)}`)]),
      ],
    };
  });

const events = fc.nat(1e9).chain((first) => fc.tuple(logged(first), logged(first + 1), logged(first + 2), logged(first + 3)));
const text = (lines: readonly string[]): Buffer => raw(lines.map((line) => `${line}\n`).join(''));

/** What is read when the bytes come in pieces that end at the given places. */
const readCut = (bytes: Buffer, cuts: readonly number[]) => {
  const log = openLog();
  let from = 0;
  for (const cut of cuts.map((c) => c % (bytes.length + 1)).toSorted((a, b) => a - b)) {
    // In memory of its own, overwritten afterwards, as a reader does who reuses his buffer.
    const chunk = Buffer.from(bytes.subarray(from, cut));
    log.feed(chunk);
    chunk.fill('"');
    from = cut;
  }
  log.feed(bytes.subarray(from));
  log.end();
  return { events: log.events, losses: log.losses };
};

const cuts = fc.array(fc.nat(), { maxLength: 30 });
const bySerial = (list: readonly Told[]): Told[] => list.toSorted((a, b) => a.serial - b.serial);

describe('reading', () => {
  it('gives back what the kernel encoded, however the bytes were cut', () => {
    fc.assert(fc.property(events, cuts, (list, where) => {
      const { events: read, losses } = readCut(text(list.flatMap((e) => e.lines)), where);
      expect(bySerial(read)).toEqual(list.map((e) => e.event));
      expect(losses).toMatchObject({ rejected: new Map(), evicted: 0, orphaned: 0, truncated: 0 });
    }), { numRuns: 300 });
  });

  it('gives the same events however their records interleave', () => {
    fc.assert(fc.property(events, fc.array(fc.nat(3), { maxLength: 60 }), (list, turns) => {
      const left = list.map((e) => [...e.lines]);
      const mixed = [...turns.map((turn) => left[turn]?.shift() ?? []), ...left].flat();
      const { events: read } = readCut(text(mixed), []);
      expect(bySerial(read)).toEqual(list.map((e) => e.event));
    }), { numRuns: 300 });
  });

  it('gives the same events when some began long before they were logged', () => {
    fc.assert(fc.property(events, fc.array(fc.nat(3), { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 1e6 }), (list, turns, which, ago) => {
      const old = (line: string): string => line.replace(/audit\((\d+)/, (_, seconds: string) => `audit(${Number(seconds) - ago}`);
      const left = list.map((e, i) => (i === which ? e.lines.map(old) : [...e.lines]));
      const mixed = [...turns.map((turn) => left[turn]?.shift() ?? []), ...left].flat();
      // The log stood here before, by the record of another host, which is nobody's here.
      const { events: read } = readCut(text([`node=other ${record('LOGIN', 'pid=1 auid=0 ses=1', 0, 1999)}`, ...mixed]), []);
      expect(bySerial(read).filter((e) => e.login === undefined)).toEqual(list.map(({ event }, i) => (i === which ? { ...event, time: event.time - ago * 1000 } : event)));
    }), { numRuns: 200 });
  });
});

/** What a line is, said by other means. */
const verdict = (line: string): 'no record' | 'bad header' | 'over-long line' | 'record' => {
  if (line.length > 65536) return 'over-long line';
  if (/^node=[^ ]* type=[^ ]+ msg=audit\(\d{1,11}\.\d{3}:\d{1,15}\)/.test(line) || /^type=[^ ]+ msg=audit\(\d{1,11}\.\d{3}:\d{1,15}\)/.test(line)) return 'record';
  if (/^node=[^ ]*$/.test(line)) return 'bad header';
  return /^(?:node=[^ ]* )?type=/.test(line) ? 'bad header' : 'no record';
};

const checkDamaged = (bytes: Buffer, where: readonly number[]): void => {
  const lines = bytes.toString('latin1').split('\n').map((line) => line.replace(/\r$/, '')).filter((line) => line !== '');
  const whole = readCut(bytes, []);
  const { losses } = whole;
  expect(losses.lines).toBe(lines.length);
  const verdicts = lines.map(verdict);
  for (const reason of ['no record', 'bad header', 'over-long line'] as const) expect(losses.rejected.get(reason) ?? 0).toBe(verdicts.filter((v) => v === reason).length);
  const bad = [...losses.rejected].filter(([reason]) => reason.startsWith('bad ') && reason !== 'bad header').reduce((sum, [, n]) => sum + n, 0);
  expect(bad).toBeLessThanOrEqual(verdicts.filter((v) => v === 'record').length);
  expect(readCut(bytes, where)).toEqual(whole);
};

describe('damaged and hostile bytes', () => {
  it('never throw, and are accepted or counted line by line', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b).toString('latin1')),
      fc.constantFrom('\n', '\r\n', 'type=', 'SYSCALL', 'PATH', 'EXECVE', ' msg=audit(', '1.000:1', ')', ':', ' ', '=', '"', '\x1d', '\0', 'node=', 'a0', 'a1[0]', '_len', 'name', 'exe', 'pid=1', 'arch=c000003e', '6C73', 'a'.repeat(70_000)),
    );
    fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), cuts, (pieces, where) => checkDamaged(raw(pieces.join('')), where)), { numRuns: 500 });
  });

  it('made from real records by damage never throw, and are accepted or counted line by line', () => {
    const damage = fc.record({ at: fc.nat(), remove: fc.oneof(fc.constant(0), fc.nat(30)), insert: fc.oneof(fc.uint8Array({ maxLength: 3 }).map((b) => Buffer.from(b).toString('latin1')), fc.constantFrom('\n', '"', ' ', '=', '\x1d', '\0')) });
    fc.assert(fc.property(events, fc.array(damage, { minLength: 1, maxLength: 8 }), cuts, (list, damages, where) => {
      let log = list.flatMap((e) => e.lines).join('\n');
      for (const { at, remove, insert } of damages) {
        const p = at % (log.length + 1);
        log = log.slice(0, p) + insert + log.slice(p + remove);
      }
      checkDamaged(raw(log), where);
    }), { numRuns: 500 });
  });

  it('cost the event only the record they hit', () => {
    fc.assert(fc.property(events, fc.nat(), fc.nat(), (list, which, at) => {
      const lines = list.flatMap((e) => e.lines);
      const victim = which % lines.length;
      const line = lines[victim] ?? '';
      const hit = (line.match(/:(\d+)\)/) ?? [])[1];
      const { events: read } = readCut(text(lines.toSpliced(victim, 1, line.slice(0, at % line.length))), []);
      for (const { event } of list) if (String(event.serial) !== hit) expect(read).toContainEqual(event);
    }), { numRuns: 200 });
  });
});
