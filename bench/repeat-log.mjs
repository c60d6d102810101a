#!/usr/bin/env node
// Makes a long log with a real server's variety: repeats a recording, moving time and serials on and
// changing the random parts of file names, so that names stay new and keep their shape.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

const HEADER = /audit\((\d+)\.(\d+):(\d+)\)/;
const PAUSE = 60; // seconds between one repetition and the next
const BLOCK = 1 << 20;

/** A file name with its random runs changed, each to another of the same shape. */
const otherName = (name, round) =>
  name.replace(/(?=[a-z]*\d[a-z]*\d)[0-9a-z]{6,}/g, run =>
    run
      .replace(/\d/g, digit => (Number(digit) + round) % 10)
      .replace(/[a-f]/g, letter => String.fromCharCode(97 + ((letter.charCodeAt(0) - 97 + round) % 6))));

/**
 * Writes `count` records to `out`, repeating those of `recording` (plain or .gz) as often as it takes.
 * The first round is the recording itself, without the lines that have no audit header.
 */
export function repeatLog(recording, count, out) {
  const raw = readFileSync(recording);
  const records = [];
  for (const line of (recording.endsWith('.gz') ? gunzipSync(raw) : raw).toString('latin1').split('\n')) {
    const header = HEADER.exec(line);
    if (header) records.push({ line, text: header[0], seconds: Number(header[1]), ms: header[2], serial: Number(header[3]) });
  }
  if (records.length === 0) throw new Error(`${recording} holds no audit record`);
  const span = records.at(-1).seconds - records[0].seconds + PAUSE;
  const serials = records.reduce(([low, top], { serial }) => [Math.min(low, serial), Math.max(top, serial)], [Infinity, 0]);
  const step = serials[1] - serials[0] + 1;

  const fd = openSync(out, 'w');
  let block = '';
  for (let n = 0; n < count; n++) {
    const round = Math.floor(n / records.length);
    const { line, text, seconds, ms, serial } = records[n % records.length];
    let next = line;
    if (round > 0) {
      next = next.replace(text, `audit(${seconds + round * span}.${ms}:${serial + round * step})`);
      if (next.startsWith('type=PATH')) next = next.replace(/name="([^"]*)"/, (_, name) => `name="${otherName(name, round)}"`);
    }
    block += `${next}\n`;
    if (block.length > BLOCK) {
      writeSync(fd, block, null, 'latin1');
      block = '';
    }
  }
  writeSync(fd, block, null, 'latin1');
  closeSync(fd);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [recording, count, out] = process.argv.slice(2);
  if (!out || !(Number(count) > 0)) {
    console.error('usage: repeat-log.mjs RECORDING[.gz] RECORDS OUT');
    process.exit(2);
  }
  repeatLog(recording, Number(count), out);
  console.log(`${count} records`);
}
