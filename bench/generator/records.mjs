// Events as the kernel and auditd write them: field order, quoting and record order are those of the audit code.
import { UNSET, bytes } from './grammar.mjs';
import { ARCHES } from './syscalls.mjs';

const EXECVE_LIMIT = 7500; // bytes that the kernel puts into one EXECVE record
const PROCTITLE_LIMIT = 128;
const ALL = '000001ffffffffff'; // capabilities
const NAMES = { 0: 'root', 33: 'www-data', 101: 'postgres', 997: 'app', 998: 'worker', 1000: 'deploy', 1001: bytes('ünal'), [UNSET]: 'unset' };

const hex = text => Buffer.from(text, 'latin1').toString('hex').toUpperCase();
const isPlain = text => !/[^\x21-\x7e]|"/.test(text);

/** An untrusted string: in quotes when it is printable, else in hex; null is a name that the kernel does not have. */
export const untrusted = text => (text === null ? '(null)' : isPlain(text) ? `"${text}"` : hex(text));

/** What ENRICHED adds: the names of the users and groups in { key: id }. */
const named = ids => Object.entries(ids).map(([key, id]) => `${key}="${NAMES[id] ?? `unknown(${id})`}"`).join(' ');

function syscall(call, style) {
  const { process: p, args } = call;
  const { auid, uid, gid, euid } = p;
  const ids = `auid=${auid} uid=${uid} gid=${gid} euid=${euid} suid=${euid} fsuid=${euid} egid=${gid} sgid=${gid} fsgid=${gid}`;
  return [
    'SYSCALL',
    `arch=${ARCHES[call.arch].code} syscall=${call.number} ${call.personality ? 'per=400000 ' : ''}success=${call.success ? 'yes' : 'no'} exit=${call.exit} ` +
      `a0=${args[0]} a1=${args[1]} a2=${args[2]} a3=${args[3]} items=${call.paths.length} ppid=${p.ppid} pid=${p.pid} ${ids} ` +
      `tty=${p.tty} ses=${p.ses} comm=${untrusted(p.comm)} exe=${untrusted(p.exe)} ${style.subj ? `subj=${style.subj} ` : ''}key=${untrusted(call.key)}`,
    `ARCH=${call.arch} SYSCALL=${call.name} ${named({ AUID: auid, UID: uid, GID: gid, EUID: euid, SUID: euid, FSUID: euid, EGID: gid, SGID: gid, FSGID: gid })}`,
  ];
}

/** EXECVE records: a new one where the arguments do not fit, an argument that does not fit at all in numbered pieces. */
function execve(argv) {
  const bodies = [`argc=${argv.length}`];
  let room = EXECVE_LIMIT;
  const add = text => {
    if (text.length > room) {
      bodies.push('');
      room = EXECVE_LIMIT;
    }
    bodies[bodies.length - 1] += text;
    room -= text.length;
  };
  argv.forEach((argument, n) => {
    const whole = ` a${n}=${untrusted(argument)}`;
    if (whole.length < EXECVE_LIMIT) return add(whole);
    const digits = hex(argument);
    const step = EXECVE_LIMIT - 60;
    for (let piece = 0; piece * step < digits.length; piece++)
      add(`${piece === 0 ? ` a${n}_len=${digits.length}` : ''} a${n}[${piece}]=${digits.slice(piece * step, (piece + 1) * step)}`);
  });
  return bodies.map(body => ['EXECVE', body]);
}

function path(item, index, style) {
  const caps = style.old ? 'cap_fp=0000000000000000 cap_fi=0000000000000000 cap_fe=0 cap_fver=0' : 'cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0';
  const { inode: number, dev, mode, uid } = item;
  const inode = number && `inode=${number} dev=${dev} mode=0${mode.toString(8)} ouid=${uid} ogid=${uid} rdev=00:00 ${style.obj ? 'obj=unconfined ' : ''}`;
  return [
    'PATH',
    `item=${index} name=${untrusted(item.name)} ${inode ?? ''}${style.objtype ? 'objtype' : 'nametype'}=${item.type} ${caps}`,
    inode && named({ OUID: uid, OGID: uid }),
  ];
}

/** The records of one event as [type, body, what ENRICHED adds], in the order of the log. */
export function kernelRecords(call, style) {
  const records = [...call.before, syscall(call, style)];
  if (call.fcaps) records.push(['BPRM_FCAPS', `fver=0 fp=0 fi=0 fe=0 old_pp=${ALL} old_pi=0 old_pe=${ALL} old_pa=0 pp=${ALL} pi=0 pe=${ALL} pa=0 frootid=0`]);
  if (call.argv) records.push(...execve(call.argv));
  records.push(...call.special);
  if (call.saddr) records.push(['SOCKADDR', `saddr=${call.saddr}`, 'SADDR={ unknown family=7 "x" }']);
  if (call.target) {
    const t = call.target;
    records.push(['OBJ_PID', `opid=${t.pid} oauid=${t.auid} ouid=${t.uid} oses=${t.ses} ocomm=${untrusted(t.comm)}`, named({ OAUID: t.auid, OUID: t.uid })]);
  }
  if (call.cwd !== undefined) records.push(['CWD', `cwd=${untrusted(call.cwd)}`]);
  // old kernels have what a link leads to before the directory of the link
  const [first, second, ...rest] = call.paths;
  const paths = style.old && first?.type === 'PARENT' && rest.length === 1 ? [second, first, ...rest] : call.paths;
  paths.forEach((item, n) => records.push(path(item, n, style)));
  const title = call.process.title.join('\0').slice(0, PROCTITLE_LIMIT);
  if (style.proctitle && !call.loseProctitle) records.push(['PROCTITLE', `proctitle=${untrusted(title)}`]);
  if (style.eoe) records.push(['EOE', '']);
  return records;
}
