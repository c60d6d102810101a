// A small file system and the system calls on it: names in every form that a program may use, and the edge that each call is.
import { posix } from 'node:path';
import { bytes, file as fileNode } from './grammar.mjs';

const O = { WRONLY: 1, RDWR: 2, CREAT: 0x40, EXCL: 0x80, TRUNC: 0x200, APPEND: 0x400, CLOEXEC: 0x80000 };
const S = { IFMT: 0o170000, IFREG: 0o100000, IFIFO: 0o10000, IFDIR: 0o40000 };
const CWD = 'cwd';
const FAILURE = { exists: -17, missing: -2, denied: -13 };
/** UTF-8 bytes, unless the text is meant to be no UTF-8 at all. */
const asBytes = text => (text.includes('\xff') ? text : bytes(text));
const PATHS = [
  '/', '/tmp', '/etc', '/etc/cron.d', '/srv/data', '/srv/data/in', '/srv/data/out/2026', '/var/www/html', '/var/www/uploads', '/var/lib/app',
  '/var/lib/app/sync', '/var/log/nginx', '/var/spool/my jobs', '/home/deploy', '/home/deploy/.ssh', '/home/deploy/bin', '/root', '/usr/local/bin',
  '/opt/app', '/opt/app/jobs', '/srv/ü/x', '/srv/a->b', '/srv/50%', '/srv/@home', '/srv/\x01\xff',
].map(asBytes);
const NAMES = [
  'a.txt', 'index.html', 'passwd', 'x', 'y.tmp', '.hidden', '...', 'a b', 'a"b', "it's", 'ü.txt', 'x->proc::0:sshd', '100%', 'me@home', '%41', 'a=b',
  'key="x"', 'tab\there', 'new\nline', 'type=SYSCALL msg=audit(1.2:3): exe=', '\x1b[2J', '\xff\xfe', 'null)', '(null)', '(none)', 'cap_fp=0', '-rf',
  'C3A9', 'DEADBEEF', '12345678', 'sess_4f1e0c', 'a'.repeat(200), 'ß'.repeat(90), 'end.',
].map(asBytes);
const NAMES_PER_DIRECTORY = 12;
const FIRST_INODE = 5_300_000;
const FIRST_NAMELESS = 9_000_000;
const SECRET = /^\/(etc|root|home)/;
const UNPROTECTED = /^\/(srv|tmp)/;
/** Known to the kernel by number only: no record ever names them. */
const HIDDEN = 4;

const isDirectory = ({ mode }) => (mode & S.IFMT) === S.IFDIR;
/** Does the call take a directory descriptor? */
const isAt = call => /at2?$/.test(call) && call !== 'creat';
const base = path => path.slice(path.lastIndexOf('/') + 1);
const join = (dir, name) => (dir === '/' ? `/${name}` : `${dir}/${name}`);
/** What the kernel calls the directory of a name: all before the last part, or the working directory when there is nothing before it. */
const parentName = (text, cwd) => {
  const bare = text.replace(/\/+$/, '');
  return bare.includes('/') ? bare.slice(0, bare.lastIndexOf('/') + 1) : cwd;
};

const key = ({ dev, inode: number }) => `${dev}:${number}`;
const item = (name, entry, type) => ({ name, dev: entry.dev, inode: entry.inode, mode: entry.mode, uid: entry.uid, type });
const dirItem = (place, dir) => item(place.parent, { ...dir, mode: 0o40755 }, 'PARENT');
/** Is the name below a directory descriptor? */
const isBelow = place => place.at !== CWD && !place.absolute;
const present = dir => [...dir.files].filter(([, { mode }]) => (mode & S.IFMT) === S.IFREG || (mode & S.IFMT) === S.IFIFO);
/** A call as { call, args, paths, edge?, exit, success, special?, touches }; `args` may hold 'cwd' for AT_FDCWD and null for a pointer. */
const done = (call, args, paths, more) => ({ call, args, paths, exit: 0, success: true, touches: [], ...more });
const failed = (call, args, paths, exit, more) => done(call, args, paths, { exit, success: false, ...more });

export function makeFiles(random) {
  let inode = FIRST_INODE;
  const free = [];
  /** Files by the number that the record of an edge named absolutely, so that a descriptor tells which file it is. */
  const known = new Map();
  const dirs = [...PATHS, ...Array.from({ length: HIDDEN }, () => null)].map((path, n) => ({
    path,
    dev: path?.startsWith('/srv/data') ? '08:01' : 'fe:00',
    // the same number may mean another directory on another device
    inode: path?.startsWith('/srv/data/') ? FIRST_INODE + 1 + (n % 3) : ++inode,
    uid: 0,
    label: `inner${n}`,
    named: false,
    names: Array.from({ length: NAMES_PER_DIRECTORY }, () => random.pick(NAMES)),
    files: new Map(),
  }));
  const visible = dirs.filter(({ path }) => path !== null);

  const newFile = (dir, mode) => {
    const reused = free.length > 0 && random.chance(0.5) ? free.pop() : undefined;
    return { dev: dir.dev, inode: reused?.dev === dir.dev ? reused.inode : ++inode, mode, uid: dir.uid, linked: false };
  };
  const forget = entry => known.delete(key(entry));
  const remember = (entry, place) => {
    if (place.absolute && !entry.linked) {
      known.delete(key(entry));
      known.set(key(entry), { entry, path: place.path });
      if (known.size > 400) known.delete(known.keys().next().value);
    } else forget(entry);
  };
  const isKnown = (entry, place) => known.get(key(entry))?.path === place.path;

  /** How a process may name `name` in `dir`: { text, at, parent, path, absolute }; null when it cannot. */
  function locate(p, dir, name, { at, slash = '' }) {
    const forms = dir.path === null ? { descriptor: at ? 1 : 0 } : { absolute: 5, messy: 1, relative: 3, descriptor: at && dir.named ? 2 : 0 };
    const form = random.weighted(forms);
    if (form === 'descriptor') {
      if (!at) return null;
      const text = random.chance(0.3) ? `${base(dir.path ?? '') || dir.label}/${name}` : name;
      const path = join(dir.path ?? `{${key(dir)}}`, name);
      return { text, at: random.between(3, 30), parent: parentName(text, p.cwd), path, absolute: false };
    }
    const whole = join(dir.path, name);
    const way = posix.relative(p.cwd, dir.path);
    const text = slash && form !== 'messy' ? whole + slash
      : form === 'absolute' ? whole
      : form === 'messy' ? random.pick([`/${whole}`, whole.replaceAll('/', '//'), ...['./', 'in/../', './/./'].map(detour => join(dir.path, detour + name))])
      : way ? `${way}/${name}` : random.chance(0.3) ? `./${name}` : name;
    const absolute = text.startsWith('/');
    // an absolute name says nothing about the descriptor before it
    return { text, at: at && absolute && random.chance(0.2) ? random.between(3, 30) : CWD, parent: parentName(text, p.cwd), path: whole, absolute };
  }

  const anyDir = p => (random.chance(0.6) ? p.home : random.chance(0.1) ? random.pick(dirs) : random.pick(visible));
  const absentName = dir => random.pick(dir.names.filter(name => !dir.files.has(name)));



  function open(p, calls) {
    const call = random.pick(calls);
    const dir = anyDir(p);
    const files = present(dir);
    const create = call === 'creat' || random.chance(0.6);
    const exists = files.length > 0 && random.chance(0.6);
    const [name, old] = exists ? random.pick(files) : [absentName(dir)];
    if (name === undefined) return null;
    // what is read from places that hold secrets may be told, so nothing is
    const read = SECRET.test(dir.path) ? O.WRONLY : 0;
    const access = random.pick([read, O.WRONLY, O.WRONLY, O.RDWR, O.TRUNC, O.WRONLY | O.APPEND, O.WRONLY | O.TRUNC, O.RDWR | O.CLOEXEC]);
    let flags = call === 'creat' ? O.CREAT | O.WRONLY | O.TRUNC : access | (create ? O.CREAT : 0);
    const place = locate(p, dir, name, { at: isAt(call) });
    if (!place) return null;
    // without O_CREAT the record of an existing file has no directory: below a descriptor only the file's own number may tell its name
    if (exists && !create && isBelow(place) && !isKnown(old, place)) return null;
    const excluded = exists && create && call !== 'creat' && random.chance(0.1);
    if (excluded) flags |= O.EXCL;
    const [mode, rights] = [flags.toString(16), create ? '1b6' : '0'];
    const args = {
      creat: [null, rights],
      open: [null, mode, rights],
      openat: [place.at, null, mode, rights],
      openat2: [place.at, null, null, '18'],
    }[call];
    const special = call === 'openat2' ? [['OPENAT2', `oflag=0${flags.toString(8)} mode=0${create ? '666' : '0'} resolve=0x0`]] : [];
    const exit = random.between(3, 40);
    const parents = create ? [dirItem(place, dir)] : [];
    if (exists) {
      const paths = [...parents, item(place.text, old, 'NORMAL')];
      const more = { special, touches: [dir, old] };
      if (excluded) return failed(call, args, paths, FAILURE.exists, more);
      if (UNPROTECTED.test(dir.path) && random.chance(0.05)) return failed(call, args, paths, FAILURE.denied, more);
      if (!(flags & (O.WRONLY | O.RDWR | O.TRUNC))) return done(call, args, paths, { ...more, exit });
      if (create) dir.named ||= place.absolute;
      if (place.absolute) remember(old, place);
      return done(call, args, paths, { ...more, exit, edge: fileNode('WRITE', place.path) });
    }
    if (!create) return failed(call, args, [{ name: place.text, type: 'UNKNOWN' }], FAILURE.missing, { special });
    const entry = newFile(dir, 0o100644);
    dir.files.set(name, entry);
    dir.named ||= place.absolute;
    remember(entry, place);
    const paths = [...parents, item(place.text, entry, 'CREATE')];
    return done(call, args, paths, { special, exit, edge: fileNode('CREATE', place.path), touches: [dir, entry] });
  }

  function make(p, calls) {
    const call = random.pick(calls);
    const dir = anyDir(p);
    const fails = random.chance(0.05) && dir.files.size > 0;
    const name = fails ? random.pick([...dir.files.keys()]) : absentName(dir);
    if (name === undefined) return null;
    const directory = call.startsWith('mkdir');
    const place = locate(p, dir, name, { at: isAt(call), slash: directory && random.chance(0.1) ? '/' : '' });
    if (!place) return null;
    const args = [...(isAt(call) ? [place.at] : []), null, directory ? '1ed' : '11a4', '0'];
    if (fails) return failed(call, args, [dirItem(place, dir)], FAILURE.exists, { touches: [dir] });
    dir.named ||= place.absolute;
    const entry = newFile(dir, directory ? 0o40755 : 0o10644);
    dir.files.set(name, entry);
    remember(entry, place);
    return done(call, args, [dirItem(place, dir), item(place.text, entry, 'CREATE')], { edge: fileNode('CREATE', place.path), touches: [dir, entry] });
  }

  function remove(p, calls) {
    const call = random.pick(calls);
    const dir = anyDir(p);
    const entries = [...dir.files].filter(([, entry]) => call === 'unlinkat' || isDirectory(entry) === (call === 'rmdir'));
    const fails = entries.length === 0 || random.chance(0.08);
    const [name, entry] = fails ? [absentName(dir)] : random.pick(entries);
    if (name === undefined) return null;
    const place = locate(p, dir, name, { at: isAt(call) });
    if (!place) return null;
    const args = isAt(call) ? [place.at, null, entry && isDirectory(entry) ? '200' : '0'] : [null];
    if (fails) return failed(call, args, [dirItem(place, dir)], FAILURE.missing, { touches: [dir] });
    dir.named ||= place.absolute;
    dir.files.delete(name);
    forget(entry);
    if (!entry.linked) free.push(entry);
    return done(call, args, [dirItem(place, dir), item(place.text, entry, 'DELETE')], { edge: fileNode('DELETE', place.path), touches: [dir, entry] });
  }

  function rename(p, calls) {
    const call = random.pick(calls);
    const [from, to] = [anyDir(p), anyDir(p)];
    const sources = present(from);
    if (sources.length === 0 || from.dev !== to.dev) return null;
    const [name, entry] = random.pick(sources);
    const target = random.chance(0.3) && present(to).length > 0 ? random.pick(present(to))[0] : absentName(to);
    const replaced = target && to.files.get(target);
    if (target === undefined || replaced === entry || (replaced && replaced.inode === entry.inode)) return null;
    const at = isAt(call);
    const [old, next] = [locate(p, from, name, { at }), locate(p, to, target, { at })];
    if (!old || !next) return null;
    const args = at ? [old.at, null, next.at, null] : [null, null];
    // As the recordings have it: the directory of the new name comes first.
    const parents = [dirItem(next, to), dirItem(old, from)];
    if (random.chance(0.04)) return failed(call, args, parents, FAILURE.missing, { touches: [from, to, entry] });
    from.named ||= old.absolute;
    to.named ||= next.absolute;
    from.files.delete(name);
    to.files.set(target, entry);
    if (next.absolute) remember(entry, next);
    else forget(entry);
    if (replaced) forget(replaced);
    const paths = [...parents, item(old.text, entry, 'DELETE'), ...(replaced ? [item(next.text, replaced, 'DELETE')] : []), item(next.text, entry, 'CREATE')];
    return done(call, args, paths, { edge: fileNode('RENAME', next.path), touches: [from, to, entry, ...(replaced ? [replaced] : [])] });
  }

  function link(p, calls) {
    const call = random.pick(calls);
    const symbolic = call.startsWith('symlink');
    const [from, to] = [p.home, anyDir(p)];
    const target = absentName(to);
    const sources = present(from);
    if (target === undefined || (!symbolic && (sources.length === 0 || from.dev !== to.dev || from.path === null))) return null;
    const next = locate(p, to, target, { at: isAt(call) });
    if (!next) return null;
    to.named ||= next.absolute;
    if (symbolic) {
      const entry = newFile(to, 0o120777);
      to.files.set(target, { ...entry, linked: true });
      forget(entry);
      const aim = { name: random.pick(['/etc/passwd', '../x', 'a b']), type: 'UNKNOWN' };
      const paths = [dirItem(next, to), aim, item(next.text, entry, 'CREATE')];
      return done(call, isAt(call) ? [null, next.at, null] : [null, null], paths, { edge: fileNode('LINK', next.path), touches: [to, entry] });
    }
    const [name, entry] = random.pick(sources);
    const old = locate(p, from, name, { at: false });
    entry.linked = true;
    forget(entry);
    to.files.set(target, entry);
    const paths = [dirItem(next, to), item(old.text, entry, 'NORMAL'), item(next.text, entry, 'CREATE')];
    const args = isAt(call) ? [CWD, null, next.at, null] : [null, null];
    return done(call, args, paths, { edge: fileNode('LINK', next.path), touches: [to, from, entry] });
  }

  const ARGS = {
    chmod: [null, '1a4'], fchmodat: [CWD, null, '1a4'], fchmodat2: [CWD, null, '1a4', '100'],
    chown: [null, '21', '21'], lchown: [null, '21', '21'], fchownat: [CWD, null, '21', '21'],
    setxattr: [null, null, null, 'c'], lsetxattr: [null, null, null, 'c'], removexattr: [null, null], utimensat: [CWD, null, null, '0'],
    fchmod: ['fd', '1a4'], fchown: ['fd', '21', '21'], fsetxattr: ['fd', null, null, 'c'],
  };

  /** Mode, owner, times or attributes of a file that has a name in the record. */
  function attribute(p, calls) {
    const call = random.pick(calls);
    const dir = anyDir(p);
    const files = present(dir);
    if (files.length === 0) return null;
    const fails = random.chance(0.05);
    const [name, entry] = fails ? [absentName(dir)] : random.pick(files);
    const place = name === undefined ? null : locate(p, dir, name, { at: isAt(call) });
    if (!place || (entry && isBelow(place) && !isKnown(entry, place))) return null;
    const args = ARGS[call].map(argument => (argument === CWD ? place.at : argument));
    if (fails) return failed(call, args, [{ name: place.text, type: 'UNKNOWN' }], FAILURE.missing);
    if (place.absolute) remember(entry, place);
    return done(call, args, [item(place.text, entry, 'NORMAL')], { edge: fileNode('ATTR', place.path), touches: [dir, entry] });
  }

  /** The same through a descriptor: the record has a number and no name. */
  function attributeByDescriptor(p, calls) {
    const call = random.pick(calls);
    const nameless = { dev: 'fe:00', inode: FIRST_NAMELESS + random.below(50), mode: 0o100600, uid: 0 };
    const { entry, path } = (random.chance(0.97) && random.pick([...known.values()].slice(-60))) || { entry: nameless, path: `{${key(nameless)}}` };
    const descriptor = random.between(3, 30);
    const args = call === 'utimensat' ? [descriptor, '0', null, '0'] : ARGS[call].map(argument => (argument === 'fd' ? descriptor : argument));
    return done(call, args, [item(null, entry, 'NORMAL')], { edge: fileNode('ATTR', path), touches: [entry] });
  }

  const OPERATIONS = [
    [40, open, ['open', 'openat', 'openat', 'openat2', 'creat']],
    [6, make, ['mkdir', 'mkdirat', 'mknod', 'mknodat']],
    [14, remove, ['unlink', 'unlinkat', 'rmdir']],
    [14, rename, ['rename', 'renameat', 'renameat2']],
    [5, link, ['link', 'linkat', 'symlink', 'symlinkat']],
    [9, attribute, Object.keys(ARGS).filter(call => ARGS[call][0] !== 'fd')],
    [6, attributeByDescriptor, [...Object.keys(ARGS).filter(call => ARGS[call][0] === 'fd'), 'utimensat']],
  ];

  return {
    dirs: visible,
    /** Something that process `p` (cwd, home) does to a file with one of the calls that `has` allows. */
    operation(p, has) {
      for (;;) {
        const weights = Object.fromEntries(OPERATIONS.map(([weight], n) => [n, weight]));
        const [, act, calls] = OPERATIONS[random.weighted(weights)];
        const allowed = calls.filter(has);
        const result = allowed.length > 0 ? act(p, allowed) : null;
        if (result) return { ...result, touches: result.touches.map(key) };
      }
    },
  };
}
