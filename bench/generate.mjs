#!/usr/bin/env node
// Makes an audit log in every shape that the kernel and auditd write, and the truth about it: the edges that
// fullmon must find, each with how often it happened. The same flags make the same two files.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { damagedLine } from './generator/noise.mjs';
import { seeded } from './generator/random.mjs';
import { makeWorld } from './generator/world.mjs';

const START = 1_700_000_000_000; // ms
const MOST_OPEN = 6; // events that are written at the same time
const LONGEST = 1000; // ms that an event may take to be written; readers give up after two seconds
const DAMAGE = 0.002; // damaged lines an event
const BLOCK = 1 << 20;
const SUBJECTS = ['', '', 'unconfined', 'system_u:system_r:initrc_t:s0', '=/usr/sbin/ntpd (enforce)'];

const header = (time, number) => `msg=audit(${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}:${number}):`;

/** How kernel and auditd write: changes some twenty times a log, as when a machine is booted into another kernel. */
function anyStyle(random) {
  const old = random.chance(0.2);
  return { old, proctitle: !old, eoe: random.chance(0.2), objtype: old && random.chance(0.5), subj: random.pick(SUBJECTS), obj: random.chance(0.2) };
}

/**
 * Writes a log of at least `events` events, of which the share `interleave` has records of others between its own, to `out`.
 * Answers with { truth: Map edge -> count, events, records, interleaved }.
 */
export function generate({ events = 100_000, interleave = 0.3, seed = 1, enriched = false, node = '', out }) {
  const random = seeded(seed);
  const world = makeWorld(random);
  const fd = openSync(out, 'w');
  const truth = new Map();
  const total = { events: 0, records: 0, interleaved: 0, started: 0 };
  const prefix = node === '' ? '' : `node=${node} `;
  let block = '';
  let now = START;
  let serial = 100;
  let open = [];

  const line = text => {
    block += `${text}\n`;
    if (block.length < BLOCK) return;
    writeSync(fd, block, null, 'latin1');
    block = '';
  };
  const freshHeader = () => header(now, (serial += 1));
  const record = (head, [type, body, more]) => `${prefix}type=${type} ${head} ${body}${enriched && more ? `\x1d${more}` : ''}`;

  function writeOne(event) {
    line(event.lines[event.written++]);
    for (const other of open) other.foreign ||= other !== event && other.written > 0 && other.written < other.lines.length;
    if (event.written === event.lines.length) {
      open.splice(open.indexOf(event), 1);
      if (event.foreign) total.interleaved++;
    }
  }
  const drain = () => {
    while (open.length > 0) writeOne(random.pick(open));
  };
  const conflicts = event => open.some(other =>
    other.writes.some(key => event.writes.includes(key) || event.reads.includes(key)) || event.writes.some(key => other.reads.includes(key)));

  function begin({ records, edge, reads, writes }) {
    now += random.chance(0.01) ? random.between(50, 400) : random.between(0, 20);
    serial += random.chance(0.02) ? random.between(2, 9) : 1;
    const head = header(random.chance(0.02) ? now - random.between(1, 6) : now, serial);
    const event = { lines: records.map(each => record(head, each)), reads, writes, written: 0, foreign: false, began: now };
    if (edge !== undefined) truth.set(edge, (truth.get(edge) ?? 0) + 1);
    total.events++;
    total.records += records.length;
    const mixed = records.length > 1 && total.interleaved < interleave * total.events;
    if (!mixed || conflicts(event) || open.length === MOST_OPEN || open.some(other => now - other.began > LONGEST)) drain();
    open.push(event);
    if (!mixed) return drain();
    // some events linger while the others pass by
    for (let n = random.below(8); n > 0 && open.length > 0; n--) writeOne(random.chance(0.8) ? open.at(-1) : random.pick(open));
  }

  /** A boot: all that was open is written, the clock moves on far enough for every reader to give up waiting. */
  function nextStyle() {
    drain();
    now += 3000;
    const overlapping = header(now, random.between(1, serial)); // auditd counts its own messages
    const start = 'op=start ver=3.0.9 format=raw kernel=6.1.0 auid=4294967295 pid=300 uid=0 ses=4294967295 subj=unconfined  res=success';
    line(record(overlapping, ['DAEMON_START', start, 'AUID="unset" UID="root"']));
    line(`${prefix}type=DAEMON_CONFIG ${header(now, 34).slice(0, -1)} config changed, auid=0 pid=1512 subj=unconfined res=success`);
    line(`${prefix}type=CONFIG_CHANGE ${freshHeader().slice(0, -1)} op=set audit_enabled=1 old=1 auid=4294967295 ses=4294967295 res=1`);
    return anyStyle(random);
  }

  line('e="/etc/passwd" inode=1 dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL'); // rotation cut the line
  let style = nextStyle();
  let change = 0;
  while (total.events < events) {
    if (total.events > change + events / 20) {
      change = total.events;
      style = nextStyle();
    }
    for (const event of world.step(style)) begin(event);
    if (random.chance(DAMAGE)) line(damagedLine(random, freshHeader));
  }
  drain();
  writeSync(fd, block, null, 'latin1');
  closeSync(fd);
  return { truth, events: total.events, records: total.records, interleaved: total.interleaved };
}

/** The truth as text: `count<TAB>edge` lines, sorted by edge. */
export const truthText = truth => [...truth].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([edge, count]) => `${count}\t${edge}\n`).join('');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      events: { type: 'string', default: '100000' },
      interleave: { type: 'string', default: '0.3' },
      seed: { type: 'string', default: '1' },
      enriched: { type: 'boolean' },
      node: { type: 'string' },
    },
  });
  const [out, truthFile] = positionals;
  if (!truthFile) {
    console.error('usage: generate.mjs [--events N] [--interleave SHARE] [--seed S] [--enriched] [--node NAME] OUT.log TRUTH');
    process.exit(2);
  }
  const numbers = { events: Number(values.events), interleave: Number(values.interleave), seed: Number(values.seed) };
  const { truth, events, records, interleaved } = generate({ ...values, ...numbers, out });
  writeFileSync(truthFile, truthText(truth), 'latin1');
  console.log(`${events} events in ${records} records, ${interleaved} of them interleaved; ${truth.size} distinct edges`);
}
