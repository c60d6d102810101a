// Lines that a log may hold and that say nothing about what happened: torn, overwritten, over-long and empty ones.

const OVERLONG = 200_000;
/** Would be an edge if anybody believed it. */
const EVIL =
  'arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1 pid=2 auid=0 uid=0 euid=0 ses=1 comm="x" exe="/tmp/evil" key=(null)';

/** One line, without its end; `header()` makes a header with a serial that no event has. */
export function damagedLine(random, header) {
  const byte = () => String.fromCharCode(random.pick([0, 1, 9, 13, 27, 0x41, 0x3d, 0x80, 0xff, random.between(11, 255)]));
  const garbage = length => Array.from({ length }, byte).join('');
  return random.pick([
    () => '',
    () => garbage(random.between(1, 300)),
    () => 'type=SYSCALL msg=audit(17000',
    () => 'ame="/etc/shadow" inode=5 dev=fe:00 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL',
    () => `type=SYSCALL ${header()} arch=c000003e syscall=59 success=yes exit=0 a0=55`,
    () => `type=PATH ${header()} item=0 name="/etc/pas`,
    () => `type=EXECVE ${header()} argc=1 a0=${'A'.repeat(random.between(9000, OVERLONG))}`,
    () => 'x'.repeat(random.between(9000, OVERLONG)),
    () => `type=SYSCALL msg=audit(17x0000000.000:1): ${EVIL}`,
    () => 'type= msg=audit(): ',
    () => `${header()} type=SYSCALL arch=c000003e`,
    () => `type=\0\0\0\0 ${header()} \0`,
  ])();
}
