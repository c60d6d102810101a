// Writes numbered lines as fast as it can and rotates as auditd does: the chain upwards, 0400 on what was closed, then a new file.
// node writer.mjs FILE ROTATIONS LINES_PER_FILE FILES_IN_THE_CHAIN [MS_BETWEEN_ROTATIONS]
import { chmodSync, closeSync, openSync, renameSync, writeSync } from 'node:fs';

const [, , file, rotations, lines, files, pause = '0'] = process.argv;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const shift = (from, to) => {
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
};

let number = 0;
for (let rotation = 0; rotation <= Number(rotations); rotation++) {
  const fd = openSync(file, 'a', 0o600);
  for (let line = 0; line < Number(lines); line++) {
    const text = `${number} ${'x'.repeat(number % 97)}\n`;
    // Now and then a line in two writes, so that a reader meets its first half alone.
    const cut = number % 7 === 0 ? text.length >> 1 : text.length;
    writeSync(fd, text.slice(0, cut));
    if (cut < text.length) writeSync(fd, text.slice(cut));
    number++;
  }
  chmodSync(file, 0o400);
  closeSync(fd);
  if (rotation === Number(rotations)) break;
  for (let n = Math.min(Number(files) - 1, rotation + 1); n > 1; n--) shift(`${file}.${n - 1}`, `${file}.${n}`);
  shift(file, `${file}.1`);
  if (Number(pause) > 0) Atomics.wait(sleeper, 0, 0, Number(pause));
}
process.stdout.write(`${number}\n`);
