import { describe, expect, it } from 'vitest';
import { Trait } from '../../src/behaviour/handler.ts';
import { hex } from '../support/log.ts';
import { alertsOf, replay } from '../support/replay.ts';
import { ipv4, NR, openScene } from '../support/scene.ts';
import type { Actor, Outcome, Scene } from '../support/scene.ts';

const ME: Actor = { pid: 500, exe: '/usr/bin/x' };

const objects = (scene: Scene): readonly string[] => alertsOf(replay(scene.lines)).map(({ edge }) => edge.slice(edge.indexOf('->') + 2));
const connected = (saddr: string, outcome: Outcome = {}): readonly string[] => objects(openScene().connect(ME, saddr, outcome));
const bound = (saddr: string, outcome: Outcome = {}): readonly string[] => objects(openScene().call(ME, NR.bind, outcome, ['SOCKADDR', `saddr=${saddr}`]));

/** sockaddr_in6: the address in 32 hex digits. */
const ipv6 = (address: string, port: number): string => `0A00${port.toString(16).padStart(4, '0')}00000000${address}00000000`;
const unix = (path: string): string => `0100${hex(path)}`;
const LOOPBACK6 = `${'0'.repeat(31)}1`;

describe('a connection', () => {
  it.each([
    ['IPv4', ipv4('203.0.113.66', 4444), ['host:203.0.113.66:4444']],
    ['IPv6', ipv6('20010DB8000000000000000000000001', 443), ['host:2001:db8::1:443']],
    ['IPv4 in IPv6', ipv6('00000000000000000000FFFFCB007142', 4444), ['host:203.0.113.66:4444']],
    ['the loopback of IPv6', ipv6(LOOPBACK6, 80), ['host:::1:80']],
    ['docker', unix('/run/docker.sock\0'), ['sock:/run/docker.sock']],
    ['docker by the old name', unix('/var/run/docker.sock'), ['sock:/var/run/docker.sock']],
    ['the system bus', unix('/run/dbus/system_bus_socket\0'), ['sock:/run/dbus/system_bus_socket']],
    ['nscd', unix('/var/run/nscd/socket\0\0\0'), []],
    ['the system log', unix('/dev/log\0'), []],
    ['an abstract name', unix('\0abstract'), []],
    ['an abstract name like docker\'s', unix('\0/run/docker.sock'), []],
    ['no name', '0100', []],
    ['vsock', '28000000D204000002000000000000000000', ['host:vsock/2:1234']],
    ['netlink', '100000000000000000000000', []],
    ['AF_UNSPEC, which parts', '00000000000000000000000000000000', []],
    ['too little', '0200', []],
  ])('%s', (_, saddr, expected) => expect(connected(saddr)).toEqual(expected));

  it.each([[-115, 'in progress'], [-111, 'refused'], [-110, 'timed out'], [-113, 'no route to the host'], [-4, 'interrupted']])('that ends with %d (%s) was tried all the same', (exit) => {
    const scene = openScene().connect(ME, ipv4('203.0.113.66', 4444), { success: false, exit });
    expect(objects(scene)).toEqual(['host:203.0.113.66:4444']);
    expect(alertsOf(replay(scene.lines))[0]?.seen.traits).toBe(0);
  });

  it.each([-13, -1])('that is forbidden (%d) shows intent', (exit) => {
    expect(alertsOf(replay(openScene().connect(ME, ipv4('203.0.113.66', 4444), { success: false, exit }).lines))[0]?.seen.traits).toBe(Trait.denied);
  });

  it.each([-2, -101, -97, -22, -88, -106])('that cannot be (%d) is nothing', (exit) => expect(connected(ipv4('203.0.113.66', 4444), { success: false, exit })).toEqual([]));

  it('is what a datagram to an address is, and a call of the old multiplexer', () => {
    const saddr = ['SOCKADDR', `saddr=${ipv4('203.0.113.66', 53)}`] as const;
    expect(objects(openScene().call(ME, NR.sendto, {}, saddr))).toEqual(['host:203.0.113.66:53']);
    expect(objects(openScene().call(ME, 102, { arch: '40000003', args: [3] }, saddr))).toEqual(['host:203.0.113.66:53']);
    expect(objects(openScene().call(ME, 102, { arch: '40000003', args: [2] }, saddr))).toEqual(['listen:203.0.113.66:53']);
    expect(objects(openScene().call(ME, 102, { arch: '40000003', args: [5] }, saddr))).toEqual([]);
    expect(objects(openScene().call(ME, NR.sendto))).toEqual([]);
  });

  it('to a relative socket starts from the working directory', () => {
    const scene = openScene().call(ME, NR.connect, {}, ['SOCKADDR', `saddr=${unix('docker.sock\0')}`], ['CWD', 'cwd="/run"']);
    expect(objects(scene)).toEqual(['sock:/run/docker.sock']);
  });
});

describe('a listener', () => {
  it.each([
    ['a port', ipv4('0.0.0.0', 31337), ['listen:0.0.0.0:31337']],
    ['any port', ipv4('127.0.0.1', 0), ['listen:127.0.0.1:*']],
    ['a port that the kernel would give', ipv4('127.0.0.1', 40_000), ['listen:127.0.0.1:*']],
    ['IPv6', ipv6('0'.repeat(32), 22), ['listen::::22']],
    ['all traffic', '110000030200000001000000000000000000', ['listen:packet:*']],
    ['vsock', '28000000D2040000FFFFFFFF0000000000', ['listen:vsock/4294967295:1234']],
    ['netlink', '100000000000000000000000', []],
  ])('%s', (_, saddr, expected) => expect(bound(saddr)).toEqual(expected));

  it.each([
    ['all traffic', [17, 3, 0x300], ['listen:packet:*']],
    ['one protocol, whatever the flags', [2, 0x80803, 1], ['listen:raw:1']],
    ['one protocol of IPv6', [10, 3, 58], ['listen:raw:58']],
    ['TCP, which has not said to whom', [2, 1, 0], []],
    ['netlink, raw by habit', [16, 3, 0], []],
  ])('is what a socket for %s is', (_, args, expected) => {
    expect(objects(openScene().call(ME, NR.socket, { args }))).toEqual(expected);
    expect(objects(openScene().call(ME, NR.socket, { args, success: false, exit: -1 }))).toEqual([]);
  });

  it('that fails is none', () => expect(bound(ipv4('0.0.0.0', 80), { success: false, exit: -98 })).toEqual([]));

  it('on a unix socket makes a file', () => {
    const scene = openScene().call(ME, NR.bind, {}, ['SOCKADDR', `saddr=${unix('/run/x.sock\0')}`], ['CWD', 'cwd="/"'], ['PATH', 'item=0 name="/run/" inode=1 dev=fe:00 mode=040755 nametype=PARENT'], ['PATH', 'item=1 name="/run/x.sock" inode=9 dev=fe:00 mode=0140755 nametype=CREATE']);
    expect(objects(scene)).toEqual(['file:CREATE:/run/x.sock']);
  });
});
