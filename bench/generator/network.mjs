// System calls on sockets, and the edge that each is.
import { bytes, host, listen, sock } from './grammar.mjs';
import { SOCKETCALL } from './syscalls.mjs';

const V4 = [[203, 0, 113, 66], [198, 51, 100, 7], [192, 0, 2, 1], [127, 0, 0, 1], [10, 1, 2, 3], [8, 8, 8, 8]];
const v6 = text => text.match(/../g).map(octet => Number.parseInt(octet, 16));
const V6 = [
  '20010db8000000000000000000000001', '20010db8000100000000000100000001', '20010db8000000010002000300040005', 'fe800000000000000000000000000001',
  '00000000000000000000000000000001', '0064ff9b000000000000000008080808', '20010db8abcd00120000000000000000', '00000000000000000000ffffc0000201',
  '00010000000000000000000000000000', '20010000000300000000000400000005',
].map(v6);
const ANY = { v4: [0, 0, 0, 0], v6: v6('0'.repeat(32)) };
const PORTS = [22, 53, 80, 443, 3000, 4444, 5432, 8080, 32767];
const GRANTING = ['/run/docker.sock', '/run/containerd/containerd.sock', '/run/dbus/system_bus_socket'];
const ORDINARY = ['/dev/log', '/run/php/php8.2-fpm.sock', '/tmp/my sock', '/tmp/docker.sock.x', '/run/ü.sock'].map(bytes);

const hex = octets => octets.map(octet => octet.toString(16).padStart(2, '0')).join('').toUpperCase();
const inet = (octets, port) =>
  octets.length === 4
    ? hex([2, 0, port >> 8, port & 255, ...octets, 0, 0, 0, 0, 0, 0, 0, 0])
    : hex([10, 0, port >> 8, port & 255, 0, 0, 0, 0, ...octets, octets[0] === 0xfe ? 2 : 0, 0, 0, 0]);
const unix = (path, length = 110) => hex([1, 0, ...Buffer.from(path, 'latin1'), 0]).padEnd(2 * length, '0');
/** Addresses that are no node: netlink, AF_UNSPEC, a family alone, unnamed and abstract sockets, packet sockets. */
const NETLINK = '100000000000000000000000';
const ABSTRACT = `0100${hex([0, ...Buffer.from('@hidden.sock')])}`;
const NOTHING = [NETLINK, ABSTRACT, '0'.repeat(32), '0200', '0100', '110008000200000001000600000000000000'];

const node = path => ({ name: path, dev: '00:18', inode: 900 + path.length, mode: 0o140666, uid: 0, type: 'NORMAL' });

export function makeNetwork(random) {
  const pick = () => ({ octets: random.pick(random.chance(0.65) ? V4 : V6), port: random.pick(PORTS) });

  function connect() {
    const kind = random.weighted({ inet: 60, granting: 4, ordinary: 12, nothing: 10 });
    if (kind === 'nothing') return { call: 'connect', saddr: random.pick(NOTHING) };
    if (kind === 'ordinary') {
      const path = random.pick(ORDINARY);
      const fails = random.chance(0.3);
      return { call: 'connect', saddr: unix(path), ...(fails ? { exit: -2, paths: [{ name: path, type: 'UNKNOWN' }] } : { paths: [node(path)] }) };
    }
    if (kind === 'granting') {
      const path = random.pick(GRANTING);
      return { call: 'connect', saddr: unix(path, random.chance(0.5) ? 110 : path.length + 3), paths: [node(path)], edge: sock(path) };
    }
    const { octets, port } = pick();
    const exit = random.pick([0, 0, 0, -115, -115, -111, -101]);
    return { call: 'connect', saddr: inet(octets, port), exit, edge: exit === -101 ? undefined : host(octets, port) };
  }

  function sendto() {
    if (random.chance(0.2)) return { call: 'sendto', exit: 36, saddr: random.pick([NETLINK, unix(random.pick(ORDINARY))]) };
    const { octets, port } = pick();
    const sent = { call: 'sendto', saddr: inet(octets, port) };
    return random.chance(0.1) ? { ...sent, exit: -101 } : { ...sent, exit: random.between(1, 1400), edge: host(octets, port) };
  }

  function bind() {
    if (random.chance(0.3)) return { call: 'bind', saddr: random.pick([NETLINK, ABSTRACT]) };
    const octets = random.pick([ANY.v4, ANY.v6, [127, 0, 0, 1], random.pick(V6)]);
    const port = random.pick([0, 22, 80, 8080, 31337, 32767, 32768, 40000, 65535]);
    const bound = { call: 'bind', saddr: inet(octets, port) };
    return random.chance(0.1) ? { ...bound, exit: -98 } : { ...bound, edge: listen(octets, port), serves: port > 0 && port < 32768 };
  }

  /** Something that a process does on a socket; `has` tells the calls of its architecture. */
  return function operation(has) {
    const { call, ...rest } = { connect, sendto, bind }[random.weighted({ connect: 70, sendto: 15, bind: 15 })]();
    const exit = rest.exit ?? 0;
    const args = [random.between(3, 30), null, rest.saddr.length >> 1];
    const result = { args, paths: [], ...rest, exit, success: exit >= 0, key: 'NETCONN' };
    if (!has('socketcall') || random.chance(0.4)) return { ...result, call };
    const count = call === 'sendto' ? 6 : 3;
    const nargs = Array.from({ length: count }, (_, n) => `a${n}=${n === 0 ? '3' : random.pointer()}`).join(' ');
    return { ...result, call: 'socketcall', args: [SOCKETCALL[call], null], special: [['SOCKETCALL', `nargs=${count} ${nargs}`]] };
  };
}
