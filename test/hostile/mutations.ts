import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Numbers below a bound, by chance, but the same for each seed. */
export type Random = (below: number) => number;

export const seeded = (seed: number): Random => {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
};

/** The lines of all logs below some folders, one char a byte. */
export const linesOf = (...folders: readonly string[]): readonly string[] =>
  folders.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(?:log|txt)(?:\.gz)?$/.test(name)).toSorted().flatMap((name) => {
      const bytes = readFileSync(join(folder, name));
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1').split('\n').filter((line) => line !== '');
    }));

const FAKE = 'type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=0 uid=0 euid=0 tty=(none) ses=1 comm="x" exe="/tmp/evil" key=(null)';

/** What an attacker would like to see in a report, or a parser take for something else. */
const HOSTILE = [
  '\x1d', '\r', '\0', '\x1b[2J', '\x1b]0;x\x07', '->', '\u00e2\u0080\u00ae', '__proto__', 'constructor', 'toString', '"', '"\x1d', "'", '\\', ' ', '=', ':', '@', '%', '%00', '>', '(null)', '(none)', '\xff\xfe', '\xc0\xaf', '\x85',
  '../'.repeat(50), '/./'.repeat(100), '//', 'A'.repeat(9000), '41'.repeat(4096), 'a0=41 '.repeat(1000), '*'.repeat(2000), '((a+)+)+$', `\n${FAKE}`, `\x1d${FAKE}`, `\r${FAKE}`, ` ${FAKE}`, ` exe=2F746D702F6576696C`, ' pid=1 ppid=1',
  'msg=audit(1700000000.000:1):', '-1', '0', '4294967295', '4294967296', '18446744073709551615', '9'.repeat(400), 'NaN', '1e9', '0x7f', 'ffffffffffffffff', ' items=99999999', ' argc=999999999', ' a0_len=99999999 a0[0]=41', ' a999999=41', ' saddr=0200', ' saddr=', ' item=999999999',
] as const;

const YEAR = 31_557_600;

const position = (line: string, random: Random): number => random(line.length + 1);

type Mutation = (line: string, random: Random, lines: readonly string[]) => string;

const MUTATIONS: readonly Mutation[] = [
  // a byte
  (line, random) => {
    const at = position(line, random);
    return line.slice(0, at) + String.fromCharCode(random(256)) + line.slice(at + 1);
  },
  (line, random) => {
    const at = position(line, random);
    return line.slice(0, at) + (HOSTILE[random(HOSTILE.length)] ?? '') + line.slice(at + random(4));
  },
  // the value of a field
  (line, random) => {
    const at = line.indexOf('=', position(line, random));
    return at < 0 ? line : `${line.slice(0, at + 1)}${HOSTILE[random(HOSTILE.length)] ?? ''}${line.slice(at + 1 + random(12))}`;
  },
  (line, random) => line.slice(0, position(line, random)),
  (line, random) => line.slice(position(line, random)),
  (line, random) => {
    const at = position(line, random);
    return line.slice(0, at) + line.slice(at + random(40));
  },
  (line, random) => {
    const at = position(line, random);
    const span = line.slice(at, at + random(60));
    return line.slice(0, at) + span.repeat(random(20) === 0 ? random(2000) : random(5)) + line.slice(at);
  },
  (line, random, lines) => line.slice(0, position(line, random)) + (lines[random(lines.length)] ?? '').slice(random(60)),
  // a number
  (line, random) => {
    const at = line.slice(position(line, random)).search(/\d/);
    return at < 0 ? line : line.slice(0, at) + random(2 ** 31) + line.slice(at + 1);
  },
  (line, random) => line.replace(/ pid=\d+/, ` pid=${random(8) === 0 ? random(4_194_304) : random(3000)}`).replace(/ ppid=\d+/, ` ppid=${random(3000)}`),
  (line, random) => line.replace(/ ses=\d+/, ` ses=${random(100_000)}`).replace(/ e?uid=\d+/g, (id) => `${id.slice(0, id.indexOf('=') + 1)}${random(100_000)}`),
  // another time: a clock that steps
  (line, random) => line.replace(/audit\((\d+)/, (_, seconds: string) => `audit(${Number(seconds) + (random(50) === 0 ? (random(5) - 2) * YEAR : random(7) - 3)}`),
  (line, random) => line.replace(/:(\d+)\)/, (_, serial: string) => `:${Number(serial) + random(9) - 4})`),
  // a name: the one thing that anybody chooses
  (line, random) => line.replace(/ (name|exe|comm|cwd|proctitle|a\d+)=("[^"]*"|[0-9A-F]+)/g, (whole, field: string) =>
    (random(2) === 0 ? whole : ` ${field}=${Buffer.from(`/${HOSTILE[random(HOSTILE.length)] ?? ''}${random(1_000_000)}`, 'latin1').toString('hex').toUpperCase()}`)),
  (line) => `node=${line}`,
];

/** One line of the corpus, as it is or damaged in up to four ways; it may have become several. */
const mutant = (lines: readonly string[], at: number, random: Random): string => {
  let line = lines[at % lines.length] ?? '';
  for (let n = random(5); n > 0; n--) line = MUTATIONS[random(MUTATIONS.length)]?.(line, random, lines) ?? line;
  return line;
};

/** So many mutants with their numbers, as bytes with their newlines: the same for each seed; mostly one line after the other, as they belong together. */
export const mutants = function* (lines: readonly string[], count: number, seed: number): Generator<readonly [n: number, bytes: Buffer]> {
  const random = seeded(seed);
  let at = 0;
  for (let n = 0; n < count; n++) {
    at = random(200) === 0 ? random(lines.length) : at + 1;
    yield [n, Buffer.from(`${mutant(lines, at, random)}\n`, 'latin1')];
  }
};
