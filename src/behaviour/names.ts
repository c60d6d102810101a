import type { Event, PathItem } from '../audit/event.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { UNKNOWN } from './edge.ts';
import { AT_FDCWD } from './handler.ts';
import { absolute, baseName, dirName, inodeNames } from './paths.ts';
import type { InodeNames, InodeNamesState } from './paths.ts';

/** Absolute paths of the items of PATH records. */
export interface Names {
  /**
   * Absolute path of an item. `dirfd` is the descriptor that relative names start from; when it is not the working directory, the
   * record does not say which it is, and even prints the working directory as PARENT: only the PARENT's inode can be trusted.
   */
  readonly pathOf: (event: Event, item: PathItem, dirfd: number, parent: PathItem | undefined) => Bytes;
  /** The directory that a PARENT item stands for. */
  readonly directoryOf: (event: Event, parent: PathItem, dirfd: number) => Bytes;
  /** Remembers the directory that a PARENT item names, for later calls by descriptor. */
  readonly learnParent: (event: Event, parent: PathItem, dirfd: number) => void;
  /** The PARENT items of a rename as [of the old name, of the new name]; `gone` and `made` are the items of these names. */
  readonly parentsOf: (event: Event, first: PathItem, second: PathItem, gone: PathItem, made: PathItem) => readonly [PathItem, PathItem];
  /** Generations of directories that were dropped for want of room since the start. */
  readonly dropped: () => number;
  readonly save: (whole: boolean) => NamesState;
}

export interface NamesState {
  readonly directories: InodeNamesState;
  readonly files: InodeNamesState;
  /** The PARENT learned last: inode, device, name. */
  readonly latest: readonly [inode: number, dev: number, name: Bytes] | undefined;
}

const hex = (n: number): string => n.toString(16).padStart(2, '0');

/** Nothing named this inode before: it stands for itself. */
const unnamed = ({ dev, inode }: PathItem): Bytes => bytes(`{${hex(Math.floor(dev / 2 ** 20))}:${hex(dev % 2 ** 20)}:${inode}}`);

/** Relative names start from a directory that the event tells. Rules may leave out CWD records. */
const startsFromCwd = (event: Event, dirfd: number): boolean => dirfd === AT_FDCWD && event.cwd !== '';

/** What the kernel prints as the PARENT of a name: its directory as given, or the working directory. */
const printedParent = (event: Event, { name }: PathItem): Bytes => (name?.includes('/') === true ? dirName(name) : event.cwd);

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

export const resolveNames = (saved?: NamesState): Names => {
  // Files come and go by the thousand; they may not push out the few directories that all the others are named by.
  const directories = inodeNames(saved?.directories);
  const files = inodeNames(saved?.files);
  let [latestInode, latestDev, latestName]: readonly [number, number, Bytes | undefined] = saved?.latest ?? [-1, -1, undefined];

  const namesOf = ({ mode }: PathItem): InodeNames => ((mode & S_IFMT) === S_IFDIR ? directories : files);
  const nameOf = (item: PathItem): Bytes => namesOf(item).find(item.dev, item.inode) ?? unnamed(item);
  const note = (item: PathItem, path: Bytes): void => {
    if (item.nametype === 'DELETE') namesOf(item).forget(item.dev, item.inode);
    else if (item.inode >= 0) namesOf(item).learn(item.dev, item.inode, path);
  };

  return {
    pathOf(event, item, dirfd, parent) {
      const { name } = item;
      if (name === undefined || name === '') return item.inode < 0 ? UNKNOWN : nameOf(item);
      if (name.charCodeAt(0) === 47 || startsFromCwd(event, dirfd)) {
        const path = absolute(name, event.cwd);
        note(item, path);
        return path;
      }
      // Calls that change no directory (fchmodat) log the file alone.
      if (parent === undefined || parent.inode < 0) return nameOf(item);
      // `a/b` below a descriptor: the PARENT is that of `b`.
      const directory = nameOf(parent);
      const path = bytes(`${directory === '/' ? '' : directory}/${baseName(name)}`);
      if (path.charCodeAt(0) === 47) note(item, path);
      return path;
    },

    directoryOf: (event, parent, dirfd) => (parent.name !== undefined && startsFromCwd(event, dirfd) ? absolute(parent.name, event.cwd) : nameOf(parent)),

    learnParent(event, { name, dev, inode }, dirfd) {
      if (dirfd !== AT_FDCWD || name === undefined || inode < 0) return;
      const absolutely = name.charCodeAt(0) === 47;
      if (!absolutely && event.cwd === '') return;
      // Most calls work in the directory of the call before.
      if (inode === latestInode && dev === latestDev && name === latestName && absolutely) return;
      latestInode = inode;
      latestDev = dev;
      latestName = name;
      directories.learn(dev, inode, absolute(name, event.cwd));
    },

    parentsOf(event, first, second, gone, made) {
      const old = printedParent(event, gone);
      // Their order depends on how the kernel was compiled: those of today log that of the new name first.
      let swapped = true;
      if (old !== printedParent(event, made)) swapped = first.name !== old;
      else {
        const known = namesOf(gone).find(gone.dev, gone.inode);
        const directory = directories.find(first.dev, first.inode);
        if (known !== undefined && directory !== undefined) swapped = absolute(dirName(known), directory) !== directory;
      }
      return swapped ? [second, first] : [first, second];
    },

    dropped: directories.dropped,

    save: (whole) => ({ directories: directories.save(whole), files: files.save(whole), latest: latestName === undefined ? undefined : [latestInode, latestDev, latestName] }),
  };
};
