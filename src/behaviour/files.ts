import type { Event, PathItem } from '../audit/event.ts';
import type { Bytes } from '../audit/units.ts';
import { NONE, UNKNOWN } from './edge.ts';
import type { FileKind } from './edge.ts';
import { isDenied, Trait } from './handler.ts';
import type { See } from './handler.ts';
import type { Names } from './names.ts';
import { absolute } from './paths.ts';
import { isProtected, isSecret } from './places.ts';
import type { Process } from './processes.ts';

/** What each family of file calls tells; a `dirfd` is the descriptor its relative names start from. */
export interface FileCalls {
  readonly opens: (event: Event, actor: Process, flags: number, dirfd: number) => void;
  readonly creates: (event: Event, actor: Process, dirfd: number, kind: 'create' | 'link') => void;
  readonly deletes: (event: Event, actor: Process, dirfd: number) => void;
  /** `mode`: the new mode where the call sets one, else 0. */
  readonly attributes: (event: Event, actor: Process, dirfd: number, mode?: number) => void;
  readonly renames: (event: Event, actor: Process, fromFd: number, toFd: number) => void;
}

/** O_WRONLY, O_RDWR, O_TRUNC */
export const O_WRITES = 0o1 | 0o2 | 0o1000;
/** The kernel's own bit of O_TMPFILE: the file has no name, and the record pairs its inode with its directory's name. */
const O_TMPFILE = 0o20000000;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;

// Two dozen files for each start of a unit, under its name: the start is told already.
const CGROUPS = '/sys/fs/cgroup/';
const SERVICE_MANAGER = /^\/(?:usr\/)?lib\/systemd\/systemd(?:-executor)?$/;
// A mail that is whole gets the x bit; most of Postfix sees its queue as /.
const POSTFIX = /^\/usr\/(?:lib\/postfix\/sbin\/|sbin\/postdrop$)/;
const QUEUE_FILE = /\/(?:maildrop|incoming|active|deferred|defer|hold|corrupt|saved|bounce|trace|flush)\/(?:[0-9A-F]\/){0,2}[0-9A-Za-z]{5,24}$/;

const traitsOf = (mode: number): number => {
  if ((mode & S_IFMT) !== S_IFREG) return 0;
  return ((mode & 0o111) === 0 ? 0 : Trait.executable) | ((mode & 0o6000) === 0 ? 0 : Trait.setId);
};

/** The PARENT of the last name of a call; all of them are remembered. */
const lastParent = (names: Names, event: Event, dirfd: number): PathItem | undefined => {
  let last: PathItem | undefined;
  for (let i = 0; i < event.pathCount; i++) {
    const item = event.paths[i];
    if (item?.nametype !== 'PARENT') continue;
    last = item;
    names.learnParent(event, item, dirfd);
  }
  return last;
};

export const fileCalls = (names: Names, see: See): FileCalls => {
  /** Files are told when they happened; when denied, only if that shows intent. */
  const file = (event: Event, actor: Process, kind: FileKind, path: Bytes, allTraits = 0, from = NONE): void => {
    if (path.startsWith(CGROUPS) && SERVICE_MANAGER.test(actor.exe)) return;
    const traits = (allTraits & Trait.executable) !== 0 && QUEUE_FILE.test(path) && POSTFIX.test(actor.exe) ? allTraits & ~Trait.executable : allTraits;
    if (event.syscall.success) see(event, actor, kind, path, traits, from);
    else if (isProtected(path) || isSecret(path)) see(event, actor, kind, path, traits | Trait.denied, from);
  };

  /** Calls that make, remove or change the items of one name type. */
  const changes = (event: Event, actor: Process, dirfd: number, kind: FileKind, nametype: 'CREATE' | 'DELETE' | 'NORMAL', mode?: number): void => {
    if (!event.syscall.success && !isDenied(event)) return;
    const parent = lastParent(names, event, dirfd);
    for (let i = 0; i < event.pathCount; i++) {
      const item = event.paths[i];
      if (item === undefined || item.nametype === 'PARENT' || (event.syscall.success && item.nametype !== nametype)) continue;
      const path = names.pathOf(event, item, dirfd, parent);
      file(event, actor, kind, path, kind === 'delete' ? 0 : traitsOf(mode === undefined ? item.mode : (item.mode & S_IFMT) | mode));
    }
  };

  return {
    opens(event, actor, flags, dirfd) {
      if ((!event.syscall.success && !isDenied(event)) || (flags & O_TMPFILE) !== 0) return;
      const parent = lastParent(names, event, dirfd);
      // A file that may not be made is not named, only its directory is.
      if (parent !== undefined && event.pathCount === 1) file(event, actor, 'create', absolute(UNKNOWN, names.directoryOf(event, parent, dirfd)));
      for (let i = 0; i < event.pathCount; i++) {
        const item = event.paths[i];
        if (item === undefined || item.nametype === 'PARENT') continue;
        const path = names.pathOf(event, item, dirfd, parent);
        const type = item.mode & S_IFMT;
        if (item.nametype === 'CREATE') file(event, actor, 'create', path, traitsOf(item.mode));
        else if ((flags & O_WRITES) === 0) {
          if (isSecret(path)) file(event, actor, 'read', path);
        } else if (type !== S_IFDIR && (type !== S_IFCHR || isProtected(path))) file(event, actor, 'write', path, traitsOf(item.mode));
      }
    },

    creates: (event, actor, dirfd, kind) => changes(event, actor, dirfd, kind, 'CREATE'),
    deletes: (event, actor, dirfd) => changes(event, actor, dirfd, 'delete', 'DELETE'),
    attributes: (event, actor, dirfd, mode = 0) => changes(event, actor, dirfd, 'attr', 'NORMAL', mode),

    renames(event, actor, fromFd, toFd) {
      if (!event.syscall.success && !isDenied(event)) return;
      let first: PathItem | undefined;
      let second: PathItem | undefined;
      let gone: PathItem | undefined;
      let made: PathItem | undefined;
      for (let i = 0; i < event.pathCount; i++) {
        const item = event.paths[i];
        if (item?.nametype === 'PARENT') {
          if (first === undefined) first = item;
          else second ??= item;
        } else if (item?.nametype === 'DELETE') gone ??= item; // a file that is replaced comes second
        else if (item?.nametype === 'CREATE') made = item;
      }
      let [fromParent, toParent] = [first, second ?? first];
      if (first !== undefined && second !== undefined && gone !== undefined && made !== undefined) [fromParent, toParent] = names.parentsOf(event, first, second, gone, made);
      if (fromParent !== undefined) names.learnParent(event, fromParent, fromFd);
      if (toParent !== undefined) names.learnParent(event, toParent, toFd);
      const from = gone === undefined ? NONE : names.pathOf(event, gone, fromFd, fromParent);
      if (made !== undefined) file(event, actor, 'rename', names.pathOf(event, made, toFd, toParent), traitsOf(made.mode), from);
      // Denied where the old name lies: the kernel never looked at the new one.
      else if (gone !== undefined && !event.syscall.success) file(event, actor, 'delete', from);
    },
  };
};
