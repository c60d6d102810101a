import { unhex } from '../audit/decode.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { printIpv4, printIpv6 } from '../dns/address.ts';

/** A decoded struct sockaddr. */
export type Address =
  | { readonly family: 'ip'; readonly host: string; readonly port: number }
  /** `name` is a path (one that starts with an at sign gets `./` in front), `@name` for abstract sockets, empty for unnamed ones. */
  | { readonly family: 'unix'; readonly name: Bytes }
  | { readonly family: 'vsock'; readonly cid: number; readonly port: number }
  | { readonly family: 'packet' }
  /** A family that makes no edge (unspecified, netlink, ...), by its number. */
  | { readonly family: 'other'; readonly number: number };

/** __AUDIT_ARCH_LE of linux/audit.h: sa_family is in the byte order of the machine, ports are in network order everywhere. */
const LITTLE_ENDIAN = 0x40000000;

export const isLittleEndian = (arch: number): boolean => arch === 0 || (arch & LITTLE_ENDIAN) !== 0;

/** Decodes `saddr=` of a SOCKADDR record; undefined when it is too short for its family. `arch` is that of the system call. */
export const decodeAddress = (saddr: string, arch: number): Address | undefined => {
  const raw = unhex(saddr);
  if (raw === undefined || raw.length < 2) return undefined;
  const b = Buffer.from(raw, 'latin1');
  const little = isLittleEndian(arch);
  const number = little ? b.readUInt16LE(0) : b.readUInt16BE(0);
  switch (number) {
    case 1: {
      if (b.length === 2) return { family: 'unix', name: bytes('') };
      const path = raw.slice(2);
      if (path.startsWith('\0')) {
        const name = path.replace(/\0+$/, '').slice(1);
        return { family: 'unix', name: bytes(name === '' ? '' : `@${name}`) };
      }
      const [name = ''] = path.split('\0', 1);
      return { family: 'unix', name: bytes(name.startsWith('@') ? `./${name}` : name) };
    }
    case 2: return b.length < 8 ? undefined : { family: 'ip', host: printIpv4(b, 4), port: b.readUInt16BE(2) };
    case 10: return b.length < 24 ? undefined : { family: 'ip', host: printIpv6(b, 8), port: b.readUInt16BE(2) };
    case 17: return { family: 'packet' };
    case 40: return b.length < 12 ? undefined : { family: 'vsock', port: little ? b.readUInt32LE(4) : b.readUInt32BE(4), cid: little ? b.readUInt32LE(8) : b.readUInt32BE(8) };
    default: return { family: 'other', number };
  }
};
