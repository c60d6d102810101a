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

/**
 * `path` seen from `cwd`, without `.`, `..`, doubled and trailing slashes; below `/?` when `cwd` is unknown, which is empty. Links are
 * not followed: the log does not tell them.
 */
export const absolute = (path: Bytes, cwd: Bytes): Bytes => {
  let whole: string = path.charCodeAt(0) === 47 ? path : cwd === '/' ? `/${path}` : `${cwd || '/?'}/${path}`;
  // The kernel prints directories with their slash.
  if (whole.length > 1 && whole.charCodeAt(whole.length - 1) === 47) whole = whole.slice(0, -1);
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
  readonly save: () => InodeNamesState;
}

type InodeName = readonly [inode: number, path: Bytes];
export type InodeNamesState = readonly { readonly dev: number; readonly young: readonly InodeName[]; readonly old: readonly InodeName[] }[];

/** Names held of one device in one generation; two generations are kept, and this many devices. */
const GENERATION = 8192;
/** And their length in all, bytes. */
const MAX_LENGTH = 2 ** 20;
const DEVICES = 64;

interface Device {
  /** Of the young names. */
  length: number;
  young: Map<number, Bytes>;
  old: Map<number, Bytes>;
}

/**
 * Remembers what records named absolutely, since calls by directory descriptor (`unlinkat`, `renameat`) and by descriptor (`fchmod`)
 * carry only an inode. Bounded: when a generation is full the one before it is dropped.
 */
export const inodeNames = (saved: InodeNamesState = []): InodeNames => {
  const devices = new Map<number, Device>(saved.map(({ dev, young, old }) => [dev, { young: new Map(young), old: new Map(old), length: young.reduce((sum, [, path]) => sum + path.length, 0) }]));
  // Nearly all records are of one device.
  let latest: Device | undefined;
  let latestDev = -1;

  const deviceOf = (dev: number): Device => {
    if (latest !== undefined && dev === latestDev) return latest;
    let device = devices.get(dev);
    if (device === undefined) {
      if (devices.size >= DEVICES) devices.clear();
      devices.set(dev, (device = { young: new Map(), old: new Map(), length: 0 }));
    }
    latestDev = dev;
    return (latest = device);
  };

  return {
    learn(dev, inode, path) {
      const device = deviceOf(dev);
      if (device.young.size >= GENERATION || device.length > MAX_LENGTH) {
        device.old = device.young;
        device.young = new Map();
        device.length = 0;
      }
      const { size } = device.young;
      device.young.set(inode, path);
      if (device.young.size > size) device.length += path.length;
    },
    forget(dev, inode) {
      const { young, old } = deviceOf(dev);
      young.delete(inode);
      old.delete(inode);
    },
    find(dev, inode) {
      const { young, old } = deviceOf(dev);
      return young.get(inode) ?? old.get(inode);
    },
    save: () => [...devices].map(([dev, { young, old }]) => ({ dev, young: [...young], old: [...old] })),
  };
};
