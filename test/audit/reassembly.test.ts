import { describe, expect, it } from 'vitest';
import { EVENT_TIMEOUT, MAX_OPEN, MAX_OVER } from '../../src/audit/reassembler.ts';
import { ms } from '../../src/audit/units.ts';
import { openLog, raw, read, record, syscall, T0 } from '../support/log.ts';
import type { Log } from '../support/log.ts';

/** An exec by process `serial`. */
const exec = (serial: number, after = 0): readonly string[] => [
  record('SYSCALL', syscall({ pid: String(serial) }), serial, after),
  record('EXECVE', `argc=1 a0="x${serial}"`, serial, after),
  record('CWD', `cwd="/${serial}"`, serial, after),
  record('PATH', `item=0 name="/bin/x${serial}" inode=${serial} nametype=NORMAL`, serial, after),
  record('PROCTITLE', `proctitle="x${serial}"`, serial, after),
];
const whole = (serial: number) => ({ serial, syscall: { pid: serial }, argv: [`x${serial}`], cwd: `/${serial}`, paths: [{ inode: serial }], proctitle: `x${serial}` });
const serials = (log: Log): number[] => log.events.map((e) => e.serial);

const by = (pid: number, serial: number, after: number): string => record('SYSCALL', syscall({ pid: String(pid) }), serial, after);
const daemon = (serial: number, after: number): string => record('DAEMON_START', 'op=start ver=3.0.9 auid=0 pid=300 uid=0 ses=1 res=success', serial, after);

describe('an event', () => {
  it('is delivered with its PROCTITLE, before any further line', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, -1));
    expect(log.events).toEqual([]);
    log.write(...exec(1).slice(-1));
    expect(log.events).toMatchObject([whole(1)]);
  });

  it('is delivered with its EOE where there is one', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, -1), record('EOE', '', 1));
    expect(serials(log)).toEqual([1]);
  });

  it('is delivered once when both come', () => {
    const log = read(...exec(1), record('EOE', '', 1));
    expect(log.events).toMatchObject([whole(1)]);
    expect(log.losses).toMatchObject({ orphaned: 0, rejected: new Map() });
  });

  it('without an end is delivered once the log has gone on for two seconds', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, -1), ...exec(2, 5), ...exec(3, 4 + EVENT_TIMEOUT));
    expect(serials(log)).toEqual([2, 3]);
    log.write(...exec(4, 5 + EVENT_TIMEOUT).slice(0, 1));
    expect(serials(log)).toEqual([2, 3, 1]);
  });

  it('without an end stays in order with others of its kind', () => {
    const log = openLog();
    for (const [serial, after] of [[1, 0], [2, 1], [3, 9000], [4, 9001], [5, 30_000]] as const) log.write(...exec(serial, after).slice(0, -1));
    expect(serials(log)).toEqual([1, 2, 3]);
    log.end();
    expect(serials(log)).toEqual([1, 2, 3, 4, 5]);
  });

  it('without an end is delivered when the log is silent for two seconds', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, -1));
    log.idle(ms(T0 + EVENT_TIMEOUT - 1));
    expect(log.events).toEqual([]);
    log.idle(ms(T0 + EVENT_TIMEOUT));
    expect(serials(log)).toEqual([1]);
    log.idle(ms(T0 + 2 * EVENT_TIMEOUT));
    expect(serials(log)).toEqual([1]);
  });

  it('without an end is delivered at the end of the log, with its last line unfinished', () => {
    const log = openLog();
    log.feed(raw(exec(1).slice(0, 4).join('\n')));
    log.end();
    expect(log.events).toMatchObject([{ serial: 1, paths: [{ inode: 1 }] }]);
  });

  it('goes on in the next file', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, 2));
    log.endFile();
    expect(log.events).toEqual([]);
    log.write(...exec(1).slice(2));
    expect(log.events).toMatchObject([whole(1)]);
  });

  it('may begin with what comes before the SYSCALL', () => {
    const { events } = read(
      record('LOGIN', 'pid=5 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1'), record('SYSCALL', syscall({ pid: '5' })), record('PROCTITLE', 'proctitle="sshd"'),
      record('KERN_MODULE', 'name="overlay"', 2), record('NETFILTER_CFG', 'table=x', 2), record('SYSCALL', syscall({ syscall: '313' }), 2), record('PROCTITLE', 'proctitle="modprobe"', 2),
    );
    expect(events).toMatchObject([{ login: { pid: 5, ses: 7 }, syscall: { pid: 5 } }, { module: 'overlay', syscall: { nr: 313 } }]);
  });

  it('may lack the SYSCALL', () => {
    expect(read(record('CWD', 'cwd="/tmp"'), record('PATH', 'item=0 name="x"')).events).toEqual([
      { node: '', time: T0, serial: 1, cwd: '/tmp', paths: [{ name: 'x', inode: -1, dev: 0, mode: 0, nametype: 'other' }] },
    ]);
  });

  it('is made of the records of one node', () => {
    const { events } = read(...exec(1).map((line) => `node=web1 ${line}`), ...exec(1).map((line) => `node=web2 ${line}`), ...exec(1));
    expect(events).toMatchObject([{ node: 'web1', ...whole(1) }, { node: 'web2', ...whole(1) }, { node: '', ...whole(1) }]);
  });

  it('of auditd itself is numbered by auditd: that is no boot, before or behind it', () => {
    const log = openLog();
    log.write(record('SYSCALL', syscall(), 50_000), daemon(7, 1000), record('SYSCALL', syscall(), 50_001, 2000), daemon(900_000, 3000), record('SYSCALL', syscall(), 50_002, 4000));
    log.end();
    expect(log.breaks).toEqual([]);
    expect(log.events.length).toBe(5);
  });

  it('of the same serial at another time is another event: the machine has booted', () => {
    const log = read(...exec(1).slice(0, -1), ...exec(1, 60_000), ...exec(1, 90_000));
    expect(log.events.map((e) => e.time - T0).toSorted((a, b) => a - b)).toEqual([0, 60_000, 90_000]);
    expect(log.events.map((e) => e.argv)).toEqual([['x1'], ['x1'], ['x1']]);
  });

  it('that tells nothing is none', () => {
    const log = read(record('USER_ACCT', "msg='x'"), record('BPRM_FCAPS', 'x=1', 2), record('PROCTITLE', 'proctitle="x"', 2), record('EOE', '', 3));
    expect(log.events).toEqual([]);
    expect(log.losses).toMatchObject({ lines: 4, orphaned: 1 });
  });

  it('that has been delivered is not changed by late records', () => {
    const log = read(...exec(1), record('PATH', 'item=1 name="/late"', 1), record('PROCTITLE', 'proctitle="late"', 1), record('PROCTITLE', 'proctitle="later"', 1));
    expect(log.events).toMatchObject([whole(1), { serial: 1, paths: [{ name: '/late' }], proctitle: 'late' }]);
    expect(log.losses.orphaned).toBe(1);
  });
});

describe('events whose records interleave', () => {
  it('are told apart', () => {
    const [a, b, c] = [exec(1), exec(2), exec(3)];
    expect(read(...a.flatMap((line, i) => [line, b[i] ?? '', c[i] ?? ''])).events).toMatchObject([whole(1), whole(2), whole(3)]);
  });

  it('are told apart by their node too', () => {
    expect(read(...exec(1).flatMap((line) => [`node=web1 ${line}`, `node=web2 ${line}`])).events).toMatchObject([{ node: 'web1', ...whole(1) }, { node: 'web2', ...whole(1) }]);
  });

  it('of more than two nodes under one serial are cut short, but none is lost', () => {
    const started = exec(1).slice(0, 4);
    const { events } = read(...['web1', 'web2', 'web3'].flatMap((node) => started.map((line) => `node=${node} ${line}`)));
    expect(events.map((e) => [e.node, e.cwd])).toEqual([['web1', '/1'], ['web2', '/1'], ['web3', '/1']]);
  });

  it('are delivered once each when going on with one ends another of its process, and that one it', () => {
    const log = openLog();
    log.write(...exec(5).slice(0, 2), by(5, 20, 1), by(6, 20, 2), ...exec(5).slice(2, 4));
    for (let serial = 30; serial < 60; serial++) log.write(by(serial, serial, 3));
    for (const times of [2, 4, 6]) log.idle(ms(T0 + times * EVENT_TIMEOUT));
    for (let serial = 60; serial < 90; serial++) log.write(by(serial, serial, 6 * EVENT_TIMEOUT));
    log.end();
    const calls = log.events.flatMap((event) => (event.syscall === undefined ? [] : [[event.serial, event.syscall.pid]]));
    expect(calls.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d)).toEqual([[5, 5], [20, 5], [20, 6], ...Array.from({ length: 60 }, (_, i) => [30 + i, 30 + i])]);
  });

  it('are of the process that the first SYSCALL names, whatever comes under their number later', () => {
    const log = read(...exec(1).slice(0, 4), record('SYSCALL', syscall({ pid: '9', exe: '"/bin/other"' }), 1), ...exec(1).slice(4));
    expect(log.events).toMatchObject([whole(1)]);
    expect(Object.fromEntries(log.losses.rejected)).toEqual({ 'bad SYSCALL': 1 });
  });

  it('are not torn when the log is read long after it was written', () => {
    const log = openLog();
    log.idle(ms(T0 + 1e10));
    log.write(...exec(1).slice(0, 2));
    for (let serial = 2; serial < 2000; serial++) log.write(...exec(serial));
    log.write(...exec(1).slice(2));
    expect(log.events.at(-1)).toMatchObject(whole(1));
  });

  it('may lie far apart within two seconds', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, 2));
    for (let serial = 2; serial < 1000; serial++) log.write(...exec(serial, serial));
    log.write(...exec(1).slice(2));
    expect(log.events).toHaveLength(999);
    expect(log.events.at(-1)).toMatchObject(whole(1));
  });

  it('may be stamped a little out of order', () => {
    const log = read(...exec(1, 20).slice(0, 3), ...exec(2, 16), ...exec(1, 20).slice(3), ...exec(3, 18));
    expect(log.events).toMatchObject([whole(2), whole(1), whole(3)]);
  });

  // A record is stamped when its call began: one that blocked is logged long after.
  it.each([['seconds', 4000], ['minutes', 127_000], ['hours', 8_000_000]])('are not torn by one that began %s ago, nor is that one', (_, ago) => {
    const log = openLog();
    log.write(...exec(1).slice(0, 2), ...exec(2, -ago).slice(0, 2), ...exec(3, 4).slice(0, 2), ...exec(1).slice(2), ...exec(2, -ago).slice(2), ...exec(3, 4).slice(2));
    expect(log.events).toMatchObject([whole(1), { ...whole(2), time: T0 - ago }, whole(3)]);
  });

  it('are not torn when the first in a long while had begun long before', () => {
    const log = read(...exec(1, -60_000), ...exec(2, -9000).slice(0, 2), ...exec(3), ...exec(2, -9000).slice(2));
    expect(log.events).toMatchObject([whole(1), whole(3), whole(2)]);
  });

  it('are not torn by many that began long ago', () => {
    const log = openLog();
    log.write(...exec(1).slice(0, 2));
    for (let serial = 2; serial < 500; serial++) log.write(...exec(serial, -9000 * serial));
    log.write(...exec(1).slice(2));
    expect(log.events.at(-1)).toMatchObject(whole(1));
  });

  it('are not torn by a node whose clock is wrong', () => {
    const early = exec(2, 3_600_000).map((line) => `node=early ${line}`);
    const log = openLog();
    log.write(...exec(1).slice(0, 2), ...early.slice(0, 2), ...exec(3, 1).slice(0, 2), ...early.slice(2), ...exec(3, 1).slice(2), ...exec(1).slice(2));
    expect(log.events).toMatchObject([whole(2), whole(3), whole(1)]);
  });

  it('that nothing ends are delivered when the clock was set back', () => {
    const log = openLog();
    log.write(...exec(1, 3_600_000).slice(0, 4));
    for (let serial = 2; serial < 3000; serial++) log.write(...exec(serial, serial).slice(0, 4));
    expect(log.events.length).toBeGreaterThan(900);
    expect(log.events[0]).toMatchObject({ serial: 1 });
    log.idle(ms(T0 + 3000 + EVENT_TIMEOUT));
    expect(log.events).toHaveLength(2999);
  });

  it('that nothing ends, however many a leap of the clock leaves behind, are ended a few at a time and in order', () => {
    const log = openLog();
    for (let serial = 1; serial <= 1000; serial++) log.write(...exec(serial).slice(0, 4));
    for (let serial = 1001; serial <= 1100; serial++) {
      const before = log.events.length;
      log.write(...exec(serial, 3_600_000));
      expect(log.events.length - before).toBeLessThanOrEqual(MAX_OVER + 1);
    }
    log.end();
    expect(serials(log).filter((serial) => serial <= 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  });

  it('are bounded: the oldest are finished early, and counted', () => {
    const log = openLog();
    for (let serial = 1; serial <= MAX_OPEN + 100; serial++) log.write(...exec(serial).slice(0, 4));
    expect(serials(log)).toEqual(Array.from({ length: 99 }, (_, i) => i + 1));
    expect(log.losses.evicted).toBe(99);
    log.end();
    expect(log.events).toHaveLength(MAX_OPEN + 100);
    expect(log.events[5000]).toMatchObject({ serial: 5001, syscall: { pid: 5001 }, cwd: '/5001' });
  });
});

describe('losses', () => {
  it('are counted by reason, and no line is forgotten', () => {
    const { losses, events } = read(
      ...exec(1), 'hello', 'type=SYSCALL msg=audit(x): y', record('SYSCALL', 'pid=1'), record('PATH', 'x'), record('PATH', 'y'), `type=X${'x'.repeat(70_000)}`, record('USER_END', 'x'), '', '\r', '\0',
    );
    expect(events).toMatchObject([whole(1), { serial: 1 }]);
    expect(losses.lines).toBe(exec(1).length + 8);
    expect(Object.fromEntries(losses.rejected)).toEqual({ 'no record': 2, 'bad header': 1, 'bad SYSCALL': 1, 'bad PATH': 2, 'over-long line': 1 });
  });
});
