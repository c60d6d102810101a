import { Has } from '../audit/event.ts';
import type { Event } from '../audit/event.ts';
import { bytes } from '../audit/units.ts';
import type { Bytes } from '../audit/units.ts';
import { decodeAddress, isLittleEndian } from './address.ts';
import type { Address } from './address.ts';
import { NONE } from './edge.ts';
import { isDenied, Trait } from './handler.ts';
import type { Handler, See } from './handler.ts';
import type { Hostnames } from './hostnames.ts';
import { absolute } from './paths.ts';
import { isPowerSocket } from './places.ts';

/** Outcomes of connect that show an intent, the address was tried: EPERM, EINTR, EACCES, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EINPROGRESS. ENETUNREACH and its like are resolvers probing for IPv6. */
const TRIED = new Set([-1, -4, -13, -110, -111, -113, -115]);

/** The first of `net.ipv4.ip_local_port_range`: ports from here on are handed out by the kernel and say nothing. */
const EPHEMERAL = 32768;

/** Whoever asks for names has to know an address. */
const DNS = 53;

const [AF_INET, AF_INET6, AF_PACKET] = [2, 10, 17];
/** The other bits are flags. */
const SOCK_TYPE_MASK = 0xf;
const SOCK_RAW = 3;

/** Whose packets they are does not matter to a packet socket: it reads everybody's. */
const PACKETS = bytes('packet:*');

const MAX_ADDRESSES = 4096;

const socketPath = (event: Event, name: Bytes): Bytes => (name === '' || name.startsWith('@') ? name : absolute(name, event.cwd));

export const socketCalls = (hostnames: Pick<Hostnames, 'nameOf'>, see: See): { readonly connects: Handler; readonly binds: Handler; /** Is this a bind to a port of its own, which clients come to? */ readonly servesPort: (event: Event) => boolean; readonly opensSocket: Handler } => {
  const addresses = new Map<string, Address | undefined>();

  const addressOf = (event: Event): Address | undefined => {
    if ((event.has & Has.sockaddr) === 0) return undefined;
    const { arch } = event.syscall;
    const key = isLittleEndian(arch) ? event.saddr : `big ${event.saddr}`;
    if (addresses.has(key)) return addresses.get(key);
    const address = decodeAddress(event.saddr, arch);
    if (addresses.size >= MAX_ADDRESSES) addresses.clear();
    addresses.set(key, address);
    return address;
  };

  return {
    connects(event, actor) {
      const { success, exit } = event.syscall;
      if (!success && !TRIED.has(exit)) return;
      const address = addressOf(event);
      const traits = isDenied(event) ? Trait.denied : 0;
      switch (address?.family) {
        case 'ip': {
          const peer = bytes(`${address.host}:${address.port}`);
          const name = address.port === DNS ? undefined : hostnames.nameOf(address.host, event.time);
          return name === undefined ? see(event, actor, 'connect', peer, traits) : see(event, actor, 'connect', bytes(`${name}:${address.port}`), traits, NONE, peer);
        }
        case 'vsock': return see(event, actor, 'connect', bytes(`vsock/${address.cid}:${address.port}`), traits);
        case 'unix': {
          const path = socketPath(event, address.name);
          return isPowerSocket(path) ? see(event, actor, 'sock', path, traits) : undefined;
        }
        default: return undefined;
      }
    },

    binds(event, actor) {
      if (!event.syscall.success) return;
      const address = addressOf(event);
      switch (address?.family) {
        case 'ip': return see(event, actor, 'listen', bytes(`${address.host}:${address.port === 0 || address.port >= EPHEMERAL ? '*' : address.port}`));
        case 'vsock': return see(event, actor, 'listen', bytes(`vsock/${address.cid}:${address.port}`));
        case 'packet': return see(event, actor, 'listen', PACKETS);
        default: return undefined;
      }
    },

    servesPort(event) {
      const address = event.syscall.success ? addressOf(event) : undefined;
      return address?.family === 'ip' && address.port > 0 && address.port < EPHEMERAL;
    },

    // Packets come in from then on, without a bind.
    opensSocket(event, actor) {
      const { success, a0: family, a1: type, a2: protocol } = event.syscall;
      if (!success) return;
      if (family === AF_PACKET) see(event, actor, 'listen', PACKETS);
      else if ((family === AF_INET || family === AF_INET6) && (type & SOCK_TYPE_MASK) === SOCK_RAW) see(event, actor, 'listen', bytes(`raw:${protocol}`));
    },
  };
};
