import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';

/** `//`, `/./`, `/../` or one of them at the end. */
const UNCLEAN = /\/\.{0,2}(?:\/|$)/;

const normalise = (path: string): Bytes => {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return bytes(`/${parts.join('/')}`);
};

/** `path` seen from `cwd`, without `.`, `..`, doubled and trailing slashes. Links are not followed: the log does not tell them. */
export const absolute = (path: Bytes, cwd: Bytes): Bytes => {
  const whole = path.charCodeAt(0) === 47 ? path : cwd === '/' ? `/${path}` : `${cwd}/${path}`;
  return UNCLEAN.test(whole) || whole.charCodeAt(0) !== 47 ? normalise(whole) : bytes(whole);
};

export const baseName = (path: Bytes): Bytes => bytes(path.slice(path.lastIndexOf('/') + 1));

/** The directory with its trailing slash: `/` for `/x`. */
export const dirName = (path: Bytes): Bytes => bytes(path.slice(0, path.lastIndexOf('/') + 1));

/** Names of files and directories by device and inode. */
export interface InodeNames {
  readonly learn: (dev: number, inode: number, path: Bytes) => void;
  readonly forget: (dev: number, inode: number) => void;
  readonly find: (dev: number, inode: number) => Bytes | undefined;
}

/** A generation holds this many names; two are kept. */
const GENERATION = 16384;
/** Inodes and devices in one number: a device's index times this. Inodes beyond it are not remembered. */
const INODES = 2 ** 42;

/**
 * Remembers what records named absolutely, since calls by directory descriptor (`unlinkat`, `renameat`) and by descriptor (`fchmod`)
 * carry only an inode. Bounded: when a generation is full the one before it is dropped.
 */
export const inodeNames = (): InodeNames => {
  const devices = new Map<number, number>();
  let young = new Map<number, Bytes>();
  let old = new Map<number, Bytes>();

  const key = (dev: number, inode: number): number => {
    if (inode < 0 || inode >= INODES) return -1;
    let index = devices.get(dev);
    if (index === undefined) {
      if (devices.size >= 1024) devices.clear();
      devices.set(dev, (index = devices.size));
    }
    return index * INODES + inode;
  };

  return {
    learn(dev, inode, path) {
      const k = key(dev, inode);
      if (k < 0) return;
      if (young.size >= GENERATION) {
        old = young;
        young = new Map();
      }
      young.set(k, path);
    },
    forget(dev, inode) {
      const k = key(dev, inode);
      young.delete(k);
      old.delete(k);
    },
    find(dev, inode) {
      const k = key(dev, inode);
      return young.get(k) ?? old.get(k);
    },
  };
};
