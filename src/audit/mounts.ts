import { bytes } from './units.ts';
import type { Bytes } from './units.ts';

/** A file system that is mounted, and may be written. */
export interface Mount {
  /** Not that of any other one there is; may be given again when this one is gone. */
  readonly id: string;
  readonly path: Bytes;
}

/** They hold no files that anybody keeps, and come and go with containers and services. */
const VIRTUAL: ReadonlySet<string> = new Set([
  'autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts', 'efivarfs', 'fusectl', 'fuse.gvfsd-fuse', 'fuse.portal', 'mqueue', 'nsfs', 'proc', 'pstore',
  'rpc_pipefs', 'securityfs', 'selinuxfs', 'sysfs', 'tracefs',
]);

const unmangle = (text: string): Bytes => bytes(text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));

/** Reads `/proc/PID/mountinfo`, one char a byte. Lines of another form are passed over. */
export const parseMounts = (text: string): readonly Mount[] =>
  text.split('\n').flatMap((line) => {
    const [, id = '', dev = '', path = '', options = '', type = ''] = /^(\d+) \d+ (\d+:\d+) \S+ (\/\S*) (\S+) (?:\S+ )*?- (\S+) /.exec(line) ?? [];
    return id === '' || VIRTUAL.has(type) || options.split(',').includes('ro') ? [] : [{ id: `${id} ${dev}`, path: unmangle(path) }];
  });
