// Writes audit records of a few daemons, and rotates as auditd does. What is fed to it on stdin says how much: each line `EVENTS BYTES [NAME]` is a burst
// of so many events, as fast as they can be written, into files of so many bytes; it answers `done`. All of it goes to a second file, too.
// node writer.mjs FILE FILES_IN_THE_CHAIN COPY
import { chmodSync, closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , file, chain, copy] = process.argv;
const files = Number(chain);
const shift = (from, to) => {
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
};

// Pids that nobody has here: /proc knows nothing of them.
const DAEMONS = [4190001, 4190002, 4190003];
const letters = (n) => [...n.toString(26)].map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26))).join('');

const call = (nr, { pid, ppid = 1 }, exe, args) =>
  `arch=c000003e syscall=${nr} success=yes exit=0 ${args} items=1 ppid=${ppid} pid=${pid} auid=4294967295 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=4294967295 comm="x" exe="${exe}" key=(null)`;

/** The n-th event: daemons that write again and again to what they know, now and then to something new, and start programs. */
const records = (n) => {
  const daemon = { pid: DAEMONS[n % DAEMONS.length] };
  if (n % 5 === 4) {
    const child = { pid: 4190100 + (n % 1000), ppid: daemon.pid };
    const program = `/usr/bin/${n % 35 === 34 ? `tool-${letters(n)}` : 'tool'}`;
    return [['SYSCALL', call(59, child, program, 'a0=1 a1=2 a2=3 a3=8')], ['EXECVE', `argc=2 a0="tool" a1="${n}"`], ['CWD', 'cwd="/"'], ['PROCTITLE', 'proctitle="tool"']];
  }
  const name = n % 13 === 12 ? `new/${letters(n)}` : `known/${letters(n % 50)}`;
  return [
    ['SYSCALL', call(257, daemon, `/usr/sbin/daemon${n % DAEMONS.length}`, 'a0=ffffff9c a1=1 a2=241 a3=1b6')], ['CWD', 'cwd="/srv"'],
    ['PATH', `item=0 name="${name}" inode=${100 + n} dev=fe:00 mode=0100644 ouid=33 ogid=33 rdev=00:00 nametype=CREATE`], ['PROCTITLE', 'proctitle="daemon"'],
  ];
};

const all = openSync(copy, 'a', 0o600);
let fd = openSync(file, 'a', 0o600);
let size = 0;
const rotate = () => {
  chmodSync(file, 0o400);
  closeSync(fd);
  for (let n = files - 1; n > 1; n--) shift(`${file}.${n - 1}`, `${file}.${n}`);
  shift(file, `${file}.1`);
  fd = openSync(file, 'a', 0o600);
  size = 0;
};

let n = 0;
/** Each event has a millisecond of its own, so that a time names it: in a burst this clock goes ahead. By two seconds it would be another clock. */
let stamp = 0;
const burst = (events, bytes, name) => {
  for (const end = n + events; n < end; n++) {
    stamp = Math.max(Date.now(), stamp + 1);
    for (const [type, text] of records(name === undefined ? n : 0)) {
      const body = name === undefined ? text : text.replace(/name="[^"]*"/, `name="${name}"`);
      const line = `type=${type} msg=audit(${(stamp / 1000).toFixed(3)}:${n + 1}): ${body}\n`;
      writeSync(all, line);
      // Now and then in two writes, so that a reader meets the first half alone.
      const cut = n % 7 === 0 ? line.length >> 1 : line.length;
      writeSync(fd, line.slice(0, cut));
      if (cut < line.length) writeSync(fd, line.slice(cut));
      size += line.length;
      if (size >= bytes) rotate();
    }
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const [events, bytes, name] = line.split(' ');
  burst(Number(events), Number(bytes), name);
  process.stdout.write('done\n');
}
