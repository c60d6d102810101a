import type { Event, PathItem } from '../audit/event.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { UNKNOWN } from './edge.ts';
import { AT_FDCWD } from './handler.ts';
import { absolute, baseName, inodeNames } from './paths.ts';

/** Absolute paths of the items of PATH records. */
export interface Names {
  /**
   * Absolute path of an item. `dirfd` is the descriptor that relative names start from; when it is not the working directory, the
   * record does not say which it is, and even prints the working directory as PARENT: only the PARENT's inode can be trusted.
   */
  readonly pathOf: (event: Event, item: PathItem, dirfd: number, parent: PathItem | undefined) => Bytes;
  /** Remembers the directory that a PARENT item names, for later calls by descriptor. */
  readonly learnParent: (event: Event, item: PathItem, dirfd: number) => void;
}

const hex = (n: number): string => n.toString(16).padStart(2, '0');

/** Nothing named this inode before: it stands for itself. */
const unnamed = ({ dev, inode }: PathItem): string => `<${hex(Math.floor(dev / 2 ** 20))}:${hex(dev % 2 ** 20)}:${inode}>`;

export const resolveNames = (): Names => {
  const names = inodeNames();
  let latestInode = -1;
  let latestDev = -1;
  let latestName: Bytes | undefined;

  return {
    pathOf(event, item, dirfd, parent) {
      const { name } = item;
      if (name === undefined || name === '') return item.inode < 0 ? UNKNOWN : (names.find(item.dev, item.inode) ?? bytes(unnamed(item)));
      if (name.charCodeAt(0) === 47 || dirfd === AT_FDCWD) {
        const path = absolute(name, event.cwd);
        if (item.nametype === 'DELETE') names.forget(item.dev, item.inode);
        else if (item.inode >= 0) names.learn(item.dev, item.inode, path);
        return path;
      }
      // Calls that change no directory (fchmodat) log the file alone.
      if (parent === undefined || parent.inode < 0) return names.find(item.dev, item.inode) ?? bytes(unnamed(item));
      // `a/b` below a descriptor: the PARENT is that of `b`.
      const directory = names.find(parent.dev, parent.inode) ?? unnamed(parent);
      const path = bytes(`${directory === '/' ? '' : directory}/${baseName(name)}`);
      if (item.inode >= 0 && path.charCodeAt(0) === 47) names.learn(item.dev, item.inode, path);
      return path;
    },

    learnParent(event, { name, dev, inode }, dirfd) {
      if (dirfd !== AT_FDCWD || name === undefined || inode < 0) return;
      // Most calls work in the directory of the call before.
      if (inode === latestInode && dev === latestDev && name === latestName && name.charCodeAt(0) === 47) return;
      latestInode = inode;
      latestDev = dev;
      latestName = name;
      names.learn(dev, inode, absolute(name, event.cwd));
    },
  };
};
