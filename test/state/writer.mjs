// Writes audit records of a few daemons as fast as it is told to, stamped with the present, and rotates as auditd does.
// node writer.mjs FILE SECONDS EVENTS_PER_SECOND LINES_PER_FILE FILES_IN_THE_CHAIN
import { chmodSync, closeSync, openSync, renameSync, writeSync } from 'node:fs';

const [, , file, ...numbers] = process.argv;
const [seconds, rate, linesPerFile, files] = numbers.map(Number);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
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

let fd = openSync(file, 'a', 0o600);
let lines = 0;
const rotate = () => {
  chmodSync(file, 0o400);
  closeSync(fd);
  for (let n = files - 1; n > 1; n--) shift(`${file}.${n - 1}`, `${file}.${n}`);
  shift(file, `${file}.1`);
  fd = openSync(file, 'a', 0o600);
  lines = 0;
};
const write = (line, n) => {
  // Now and then in two writes, so that a reader meets the first half alone.
  const cut = n % 7 === 0 ? line.length >> 1 : line.length;
  writeSync(fd, line.slice(0, cut));
  if (cut < line.length) writeSync(fd, line.slice(cut));
  if (++lines === linesPerFile) rotate();
};

const begin = Date.now();
for (let n = 0; Date.now() - begin < seconds * 1000; n++) {
  const stamp = `audit(${(Date.now() / 1000).toFixed(3)}:${n + 1})`;
  for (const [type, body] of records(n)) write(`type=${type} msg=${stamp}: ${body}\n`, n);
  const ahead = (n / rate) * 1000 - (Date.now() - begin);
  if (ahead > 1) Atomics.wait(sleeper, 0, 0, ahead);
}
