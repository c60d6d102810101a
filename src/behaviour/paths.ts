import { openTable } from '../audit/rows.ts';
import type { Rows, Table } from '../audit/rows.ts';
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
  /** Generations that were dropped for want of room since the start. */
  readonly dropped: () => number;
  readonly save: (whole: boolean) => InodeNamesState;
}

/** Of each device the generations, by number, the older first. */
export type InodeNamesState = Rows<readonly [dev: number, Rows<readonly [turn: number, Rows<readonly [inode: number, path: Bytes]>]>]>;

/** Names held of one device in one generation; two generations are kept, and this many devices. */
const GENERATION = 8192;
/** And their length in all, bytes. */
const MAX_LENGTH = 2 ** 20;
const DEVICES = 64;

type Generation = Table<number, Bytes>;

interface Device {
  /** By number; the last one is the young one. */
  readonly generations: Table<number, Generation>;
  young: Generation;
  old: Generation | undefined;
  turn: number;
  /** Of the young names. */
  length: number;
}

const newDevice = (saved: readonly (readonly [turn: number, Generation])[] = [[0, openTable()]]): Device => {
  const [turn, young] = saved.at(-1) ?? [0, openTable()];
  let length = 0;
  for (const path of young.map.values()) length += path.length;
  return { generations: openTable(saved), young, old: saved.at(-2)?.[1], turn, length };
};

/**
 * Remembers what records named absolutely, since calls by directory descriptor (`unlinkat`, `renameat`) and by descriptor (`fchmod`)
 * carry only an inode. Bounded: when a generation is full the one before it is dropped.
 */
export const inodeNames = (saved?: InodeNamesState): InodeNames => {
  const devices = openTable<number, Device>(saved?.rows.map(([dev, { rows }]) => [dev, newDevice(rows.map(([turn, names]) => [turn, openTable(names.rows)]))]));
  // Nearly all records are of one device.
  let latest: Device | undefined;
  let latestDev = -1;
  let dropped = 0;

  /** The device with the fewest names: whoever mounts many pushes out his own. */
  const poorest = (): number => {
    let [poor, fewest] = [-1, Infinity];
    for (const [dev, { young, old }] of devices.map) {
      const size = young.map.size + (old?.map.size ?? 0);
      if (size < fewest) [poor, fewest] = [dev, size];
    }
    return poor;
  };

  const deviceOf = (dev: number): Device => {
    if (latest !== undefined && dev === latestDev) return latest;
    let device = devices.map.get(dev);
    if (device === undefined) {
      if (devices.map.size >= DEVICES) devices.delete(poorest());
      devices.set(dev, (device = newDevice()));
    }
    latestDev = dev;
    return (latest = device);
  };

  return {
    learn(dev, inode, path) {
      const device = deviceOf(dev);
      if (device.young.map.size >= GENERATION || device.length > MAX_LENGTH) {
        if (device.generations.delete(device.turn - 1)) dropped++;
        device.old = device.young;
        device.young = openTable();
        device.generations.set(++device.turn, device.young);
        device.length = 0;
      }
      const { size } = device.young.map;
      device.young.set(inode, path);
      if (device.young.map.size > size) device.length += path.length;
    },
    forget(dev, inode) {
      const { young, old } = deviceOf(dev);
      young.delete(inode);
      old?.delete(inode);
    },
    find(dev, inode) {
      const { young, old } = deviceOf(dev);
      return young.map.get(inode) ?? old?.map.get(inode);
    },
    dropped: () => dropped,
    save(whole) {
      // Which of them have changed is not noted: they are few.
      for (const [dev, { generations, turn }] of devices.map) {
        devices.touch(dev);
        for (const of of [turn - 1, turn]) if (generations.map.has(of)) generations.touch(of);
      }
      return devices.save(whole, ({ generations }, dev) => [dev, generations.save(whole, (names, turn) => [turn, names.save(whole, (path, inode) => [inode, path])])]);
    },
  };
};
