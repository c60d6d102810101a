import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SYSCALLS } from '../../src/audit/syscalls.ts';
import { UNSET } from '../../src/audit/units.ts';
import { decodeAddress } from '../../src/behaviour/address.ts';
import { createFullmon } from '../../src/fullmon.ts';
import { openLog, raw } from '../support/log.ts';
import type { Told } from '../support/log.ts';

// Samples of real audit logs that other projects collected, with what their parsers make of them. Their licences differ, so they are
// no part of this project: the folder has one folder a source, named as below.
const { FULLMON_CORPORA: folder } = process.env;

// ---- the logs -------------------------------------------------------------------------------------------------------

/** The lines of the record samples in a file, without the comments that their collectors put between. */
const linesOf = (file: string): string[] => {
  const lines = readFileSync(file, 'latin1').split('\n');
  return file.endsWith('.yaml') ? lines.map((line) => line.trim()).filter((line) => line.startsWith('type=')) : lines.filter((line) => !line.startsWith('#'));
};

const logs = (folder === undefined ? [] : readdirSync(folder, { recursive: true, encoding: 'utf8' }))
  .filter((name) => /\.(?:log|txt|yaml)$/.test(name) && basename(name) !== 'README.txt')
  .toSorted().map((name) => ({ name, lines: linesOf(join(folder ?? '', name)) }));

const readLines = (lines: readonly string[]) => {
  const log = openLog();
  log.feed(raw(lines.join('\n')));
  log.end();
  return log;
};

/** What these samples hold that is no record, on purpose. */
const REJECTED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'elastic+go-libaudit/auparse/testdata/audit-rhel7.log': { 'bad header': 1 },
  'log2timeline+plaso/selinux.log': { 'bad header': 4, 'no record': 1 },
};

describe.skipIf(folder === undefined)('the collected logs (skipped unless FULLMON_CORPORA names their folder)', () => {
  it('are there', () => {
    expect(logs.length).toBeGreaterThan(100);
    expect(logs.reduce((sum, log) => sum + log.lines.length, 0)).toBeGreaterThan(5000);
  });

  it.each(logs)('$name: each line is understood or rejected for a reason', ({ name, lines }) => {
    const { losses, events } = readLines(lines);
    expect(losses).toMatchObject({ lines: lines.filter((line) => line !== '').length, evicted: 0, truncated: 0 });
    expect(Object.fromEntries(losses.rejected)).toEqual(REJECTED[name] ?? {});
    // Each SYSCALL has its event, and no event has lost it to another.
    const calls = new Set(lines.flatMap((line) => /^(?:node=\S+ )?type=SYSCALL msg=audit\(([\d.:]+)\)/.exec(line)?.[1] ?? []));
    expect(events.filter((e) => e.syscall !== undefined)).toHaveLength(calls.size);
  });

  it.each(logs)('$name: goes all the way without learning', ({ lines }) => {
    const told: unknown[] = [];
    const fullmon = createFullmon({ baseline: 0, monitor: 60, rebase: false, ignored: () => false }, (line) => void told.push(line));
    fullmon.feed(raw(lines.join('\n')));
    fullmon.end();
    expect(fullmon.losses).toEqual(readLines(lines).losses);
    expect(told.length > 0).toBe(fullmon.state().phase !== 'waiting');
  });
});

// ---- the goldens ----------------------------------------------------------------------------------------------------

type Text = Readonly<Record<string, string>>;

/** Compares field by field; a golden that does not have a field says nothing about it. */
const comparison = () => {
  const differences: string[] = [];
  const comparing = { fields: 0, differences, field: (where: string, name: string, ours: unknown, golden: unknown): void => {
    if (golden === undefined) return;
    comparing.fields++;
    if (!isDeepStrictEqual(ours, golden)) differences.push(`${where} ${name}: ${JSON.stringify(ours)?.slice(0, 200)} instead of ${JSON.stringify(golden).slice(0, 200)}`);
  } };
  return comparing;
};
type Comparison = ReturnType<typeof comparison>;

/** Goldens hold UTF-8. */
const bytes = (text: string | undefined): string | undefined => text && Buffer.from(text).toString('latin1');
const numeric = (text: string | undefined): number | undefined => (text === undefined ? undefined : text === 'unset' ? UNSET : Number(text));
const low32 = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(BigInt(text.startsWith('0x') ? text : `0x${text}`) & 0xffffffffn));
const octal = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number.parseInt(text.replace('0o', ''), 8));
const device = (text: string | undefined): number | undefined => text?.split(':').reduce((sum, part) => sum * 2 ** 20 + Number.parseInt(part, 16), 0);
const nameType = (text: string | undefined): string | undefined => (text === 'UNKNOWN' ? 'other' : text);
const errno = new Map(Object.entries(constants.errno));
const outcome = (text: string | undefined): number | undefined => (text === undefined ? undefined : errno.has(text) ? -(errno.get(text) ?? 0) : Number(text));

const ARCHES = new Map([['x86_64', 0xc000003e], ['i386', 0x40000003], ['aarch64', 0xc00000b7]]);
const callName = (call: Told['syscall']): string | undefined => call && new RegExp(`(?:^|\\s)${call.nr}\\s+(\\S+)`).exec(SYSCALLS.get(call.arch) ?? '')?.[1];

/** What all records of one time and serial told. */
const eventOf = (events: readonly Told[], time: number, serial: number): Partial<Told> =>
  Object.assign({}, ...events.filter((e) => e.time === time && e.serial === serial));

const comparePath = (to: Comparison, where: string, ours: NonNullable<Told['paths']>[number] | undefined, golden: Text): void => {
  to.field(where, 'name', ours?.name, bytes(golden['name']));
  to.field(where, 'inode', ours?.inode, numeric(golden['inode']));
  to.field(where, 'dev', ours?.dev, device(golden['dev']));
  to.field(where, 'mode', ours?.mode, octal(golden['mode']));
  to.field(where, 'nametype', ours?.nametype, nameType(golden['nametype'] ?? golden['objtype']));
};

const compareCall = (to: Comparison, where: string, ours: Told['syscall'], golden: Text): void => {
  for (const key of ['a0', 'a1', 'a2', 'a3'] as const) to.field(where, key, ours?.[key], low32(golden[key]));
  for (const key of ['ppid', 'pid', 'auid', 'uid', 'euid', 'ses'] as const) to.field(where, key, ours?.[key], numeric(golden[key]));
  for (const key of ['comm', 'exe'] as const) to.field(where, key, ours?.[key], bytes(golden[key]));
  to.field(where, 'exit', ours?.exit, outcome(golden['exit']));
  to.field(where, 'success', ours?.success, golden['result'] && golden['result'] === 'success');
  to.field(where, 'arch', ours?.arch, ARCHES.get(golden['arch'] ?? ''));
  to.field(where, 'syscall', callName(ours), golden['syscall']);
  to.field(where, 'tty', ours?.notty, golden['tty'] && golden['tty'] === '(none)');
};

interface Socket {
  readonly family: string | undefined;
  readonly addr: string | undefined;
  readonly port: string | undefined;
  readonly path: string | undefined;
}
const FAMILIES: Text = { ipv4: 'ip', ipv6: 'ip', unix: 'unix', netlink: 'other', 0: 'other' };

const compareSocket = (to: Comparison, where: string, ours: Partial<Told>, golden: Socket): void => {
  const address = decodeAddress(ours.saddr ?? '', ours.syscall?.arch ?? 0);
  to.field(where, 'family', address?.family, golden.family && FAMILIES[golden.family]);
  to.field(where, 'addr', address?.family === 'ip' ? address.host : undefined, golden.addr);
  to.field(where, 'port', address?.family === 'ip' ? address.port : undefined, numeric(golden.port));
  to.field(where, 'path', address?.family === 'unix' ? address.name : undefined, bytes(golden.path));
};

// go-libaudit, auparse: one object a record.
interface Record1 {
  readonly '@timestamp': string;
  readonly record_type: string;
  readonly sequence: number;
  readonly data?: Text;
}

const compareRecord = (to: Comparison, where: string, ours: Partial<Told>, type: string, d: Text): void => {
  switch (type) {
    case 'syscall': return compareCall(to, where, ours.syscall, d);
    case 'path': return comparePath(to, where, ours.paths?.[Number(d['item'])], d);
    case 'cwd': return to.field(where, 'cwd', ours.cwd, bytes(d['cwd']));
    case 'proctitle': return to.field(where, 'proctitle', ours.proctitle?.replaceAll('\0', ' '), bytes(d['proctitle']));
    case 'execve': return to.field(where, 'argv', ours.argv, Array.from({ length: Number(d['argc']) }, (_, i) => bytes(d[`a${i}`])));
    case 'sockaddr': return compareSocket(to, where, ours, { family: d['family'], addr: d['addr'], port: d['port'], path: d['path'] });
    case 'login':
      for (const key of ['pid', 'auid', 'ses'] as const) to.field(where, key, ours.login?.[key], numeric(d[key]));
      return;
    default:
  }
};

// go-libaudit, aucoalesce: one object an event, many events a file.
interface Coalesced {
  readonly test_name: string;
  readonly event: {
    readonly '@timestamp': string;
    readonly sequence: number;
    readonly record_type: string;
    readonly result?: string;
    readonly session?: string;
    readonly user?: { readonly ids?: Text };
    readonly process?: { readonly pid: string; readonly ppid: string; readonly name: string; readonly exe: string; readonly title: string; readonly cwd: string; readonly args?: readonly string[] };
    readonly data?: Text;
    readonly paths?: readonly Text[];
  };
}

const defined = (fields: Readonly<Record<string, string | undefined>>): Text => Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

const compareCoalesced = (to: Comparison, where: string, ours: Partial<Told>, golden: Coalesced['event']): void => {
  const { data = {}, process: p, user } = golden;
  if (golden.record_type === 'login') compareRecord(to, where, ours, 'login', defined({ pid: p?.pid, auid: user?.ids?.['auid'], ses: golden.session }));
  if (data['syscall'] === undefined) return;
  compareCall(to, where, ours.syscall, defined({ ...data, ...user?.ids, pid: p?.pid, ppid: p?.ppid, exe: p?.exe, comm: p?.name, ses: golden.session, result: golden.result }));
  to.field(where, 'title', ours.proctitle?.replaceAll('\0', ' '), bytes(p?.title));
  to.field(where, 'cwd', ours.cwd, bytes(p?.cwd));
  to.field(where, 'argv', ours.argv, p?.args?.map(bytes));
  compareSocket(to, where, ours, { family: data['socket_family'], addr: data['socket_addr'], port: data['socket_port'], path: data['socket_path'] });
  to.field(where, 'paths', ours.paths?.length, golden.paths?.length);
  for (const [i, path] of (golden.paths ?? []).entries()) comparePath(to, `${where} path ${i}`, ours.paths?.[i], path);
};

// laurel: one object an event, bytes outside ASCII as %xx.
interface Laurel {
  readonly ID: string;
  readonly NODE?: string;
  readonly SYSCALL?: Readonly<Record<'syscall' | 'exit' | 'ppid' | 'pid' | 'auid' | 'uid' | 'euid' | 'ses', number>> & Readonly<Record<'arch' | 'success' | 'comm' | 'exe' | 'tty', string>> & { readonly SYSCALL?: string; readonly ARGV: readonly string[] };
  readonly EXECVE?: { readonly ARGV: readonly string[] };
  readonly CWD?: { readonly cwd: string };
  readonly PATH?: readonly (Text & { readonly inode?: number })[];
  readonly PROCTITLE?: { readonly ARGV: readonly string[] };
  readonly SOCKADDR?: readonly { readonly saddr: string }[];
  readonly LOGIN?: readonly Readonly<Record<'pid' | 'auid' | 'ses', number>>[];
  readonly OBJ_PID?: readonly { readonly opid: number }[];
}

const unescaped = (text: string): string => Buffer.from(text).toString('latin1').replace(/%([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

const compareLaurel = (to: Comparison, where: string, ours: Partial<Told>, golden: Laurel): void => {
  const { SYSCALL: call } = golden;
  to.field(where, 'node', ours.node, golden.NODE);
  if (call) {
    for (const key of ['exit', 'ppid', 'pid', 'auid', 'uid', 'euid', 'ses'] as const) to.field(where, key, ours.syscall?.[key], call[key]);
    for (const key of ['comm', 'exe'] as const) to.field(where, key, ours.syscall?.[key], unescaped(call[key]));
    to.field(where, 'syscall', ours.syscall?.nr, call.syscall);
    to.field(where, 'SYSCALL', callName(ours.syscall), call.SYSCALL);
    to.field(where, 'arch', ours.syscall?.arch, low32(call.arch));
    to.field(where, 'success', ours.syscall?.success, call.success === 'yes');
    to.field(where, 'tty', ours.syscall?.notty, call.tty === '(none)');
    for (const [i, key] of (['a0', 'a1', 'a2', 'a3'] as const).entries()) to.field(where, key, ours.syscall?.[key], low32(call.ARGV[i]));
  }
  to.field(where, 'argv', ours.argv, golden.EXECVE?.ARGV.map(unescaped));
  to.field(where, 'cwd', ours.cwd, golden.CWD && unescaped(golden.CWD.cwd));
  to.field(where, 'proctitle', ours.proctitle?.split('\0'), golden.PROCTITLE?.ARGV.map(unescaped));
  to.field(where, 'saddr', ours.saddr, golden.SOCKADDR && raw(unescaped(golden.SOCKADDR[0]?.saddr ?? '')).toString('hex').toUpperCase());
  to.field(where, 'login', ours.login, golden.LOGIN?.[0] && { pid: golden.LOGIN[0].pid, auid: golden.LOGIN[0].auid, ses: golden.LOGIN[0].ses });
  to.field(where, 'opid', ours.objectPid, golden.OBJ_PID?.[0]?.opid);
  to.field(where, 'paths', ours.paths?.length, golden.PATH?.length);
  for (const [i, path] of (golden.PATH ?? []).entries()) comparePath(to, `${where} path ${i}`, ours.paths?.[i], defined({ ...path, inode: path.inode?.toString() }));
};

/** Where a golden is not what we want to read. */
const OTHERWISE: readonly (readonly [difference: RegExp, why: string])[] = [
  [/^ubuntu-17\.04\S+ EXECVE with multiple keys argv: \["docker","inspect"\]/, 'the sample has a stray apostrophe behind its last argument; the kernel writes none, so it is damage'],
  [/record-syscall-nullkey\.\w+ 1678283440\.683:225 (?:SYSCALL )?ses: 1999999 /, 'a session of more than 32 bits, made up for the sample'],
  [/^record-syscall-nullkey\.json 1678283440\.683:225 proctitle: undefined /, 'records in reverse order, made up for the sample: a PROCTITLE ends its event, so one in front begins none'],
];

// ---- compared -------------------------------------------------------------------------------------------------------

/** The goldens below a folder, each with the events of the log beside it. */
const goldens = (under: string, golden: RegExp, log: string) => {
  if (folder === undefined) return [];
  return readdirSync(join(folder, under)).filter((name) => golden.test(name)).toSorted().map((name) => {
    const beside = join(folder, under, name.replace(golden, log));
    expect(existsSync(beside), beside).toBe(true);
    return { name, text: readFileSync(join(folder, under, name), 'utf8'), read: () => readLines(linesOf(beside)).events };
  });
};

/** A value as a naive reader takes it. */
const decoded = (key: string, value: string): string => {
  if (value.startsWith('"')) return value.slice(1, -1);
  return ['name', 'cwd', 'exe', 'comm'].includes(key) && /^(?:[0-9A-F]{2})+$/.test(value) ? Buffer.from(value, 'hex').toString() : value;
};

const expectSame = ({ differences, fields }: Comparison, atLeast: number, otherwise: number): void => {
  expect(differences.filter((d) => !OTHERWISE.some(([difference]) => difference.test(d)))).toEqual([]);
  expect(differences).toHaveLength(otherwise);
  expect(fields).toBeGreaterThanOrEqual(atLeast);
};

describe.skipIf(folder === undefined)('what others read in the collected logs (skipped unless FULLMON_CORPORA names their folder)', () => {
  it('a naive reader, field by field: the same', () => {
    const to = comparison();
    for (const { name, lines } of logs) {
      const { events } = readLines(lines);
      const items = new Map<string, number>();
      for (const line of lines) {
        const [, type = '', time = '', serial = '', body = ''] = /^(?:node=\S+ )?type=(SYSCALL|PATH|CWD|SOCKADDR) msg=audit\((\d+\.\d+):(\d+)\): (.*)/.exec(line.split('\x1d', 1)[0] ?? '') ?? [];
        const where = `${name} ${time}:${serial} ${type}`;
        const ours = eventOf(events, Number(time.replace('.', '')), Number(serial));
        const d: Text = Object.fromEntries([...body.matchAll(/(?<=^|\s)(\w+)=("[^"]*"|\S*)/g)].toReversed().flatMap(([, key = '', value = '']) => (value === '(null)' ? [] : [[key, decoded(key, value)]])));
        if (type === 'SYSCALL') {
          const { success, syscall, arch, ...rest } = d;
          compareCall(to, where, ours.syscall, defined({ ...rest, result: success && (success === 'yes' ? 'success' : 'fail') }));
          to.field(where, 'syscall', ours.syscall?.nr, numeric(syscall));
          to.field(where, 'arch', ours.syscall?.arch, low32(arch));
        } else if (type === 'PATH') {
          const i = items.get(where) ?? 0;
          items.set(where, i + 1);
          comparePath(to, `${where} ${i}`, ours.paths?.[i], d);
        } else {
          to.field(where, 'cwd', ours.cwd, bytes(d['cwd']));
          to.field(where, 'saddr', ours.saddr, d['saddr']);
        }
      }
    }
    expectSame(to, 25_000, 1);
  });

  it('go-libaudit, record by record: the same', () => {
    const to = comparison();
    for (const { name, text, read } of goldens('elastic+go-libaudit/auparse/testdata', /\.log\.golden$/, '.log')) {
      const events = read();
      const golden: readonly (Record1 | null)[] = JSON.parse(text);
      for (const r of golden) if (r) compareRecord(to, `${name} ${r.sequence} ${r.record_type}`, eventOf(events, Date.parse(r['@timestamp']), r.sequence), r.record_type, r.data ?? {});
    }
    expectSame(to, 250, 0);
  });

  it('go-libaudit, event by event: the same', () => {
    const to = comparison();
    for (const { name, text, read } of goldens('elastic+go-libaudit/aucoalesce/testdata', /\.json\.golden$/, '.yaml')) {
      const events = read();
      const golden: readonly Coalesced[] = JSON.parse(text);
      for (const { test_name, event } of golden) compareCoalesced(to, `${name} ${test_name}`, eventOf(events, Date.parse(event['@timestamp']), event.sequence), event);
    }
    expectSame(to, 500, 1);
  });

  it('laurel: the same', () => {
    const to = comparison();
    for (const { name, text, read } of goldens('threathunters-io+laurel/src/testdata', /\.json$/, '.txt')) {
      const events = read();
      for (const line of text.split('\n').filter((l) => l !== '')) {
        const golden: Laurel = JSON.parse(line);
        const [time = '', serial = ''] = golden.ID.split(':');
        compareLaurel(to, `${name} ${golden.ID}`, eventOf(events, Number(time.replace('.', '')), Number(serial)), golden);
      }
    }
    expectSame(to, 350, 2);
  });
});
