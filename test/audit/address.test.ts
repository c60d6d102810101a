import { describe, expect, it } from 'vitest';
import { decodeAddress } from '../../src/behaviour/address.ts';
import { hex } from '../support/log.ts';

const LITTLE = 0xc000003e;
const BIG = 0x80000015;

/** sa_family in the byte order of the machine. */
const sockaddr = (family: number, rest: string, arch = LITTLE): string => {
  const head = Buffer.alloc(2);
  if (arch === BIG) head.writeUInt16BE(family);
  else head.writeUInt16LE(family);
  return head.toString('hex').toUpperCase() + rest;
};

describe.each([['little endian', LITTLE], ['big endian', BIG]])('an address on a %s machine', (_, arch) => {
  const decode = (family: number, rest: string) => decodeAddress(sockaddr(family, rest, arch), arch);

  it.each([
    ['0050A9FEA9FE0000000000000000', '169.254.169.254', 80], ['01BB00000000', '0.0.0.0', 443], ['FFFFFFFFFFFF', '255.255.255.255', 65535], ['00007F000001', '127.0.0.1', 0],
  ])('of IPv4: %s', (rest, host, port) => {
    expect(decode(2, rest)).toEqual({ family: 'ip', host, port });
  });

  it.each([
    ['00000000000000000000000000000001', '::1'], ['00000000000000000000000000000000', '::'], ['20010DB8000000000000000000000001', '2001:db8::1'],
    ['20010DB8000000010000000000000001', '2001:db8:0:1::1'], ['FE80000000000000021122FFFE334455', 'fe80::211:22ff:fe33:4455'],
    // The same host whatever socket it is reached through.
    ['00000000000000000000FFFFC0000201', '192.0.2.1'], ['00000000000000000000FFFF7F000001', '127.0.0.1'],
  ])('of IPv6: %s', (address, host) => {
    expect(decode(10, `01BB00000000${address}00000000`)).toEqual({ family: 'ip', host, port: 443 });
    expect(decode(10, `01BB00000000${address}`)).toEqual({ family: 'ip', host, port: 443 });
  });

  it.each([
    ['a path', hex('/run/docker.sock\0'), '/run/docker.sock'],
    ['a path without a NUL', hex('/run/docker.sock'), '/run/docker.sock'],
    ['a path with rubbish behind its NUL', `${hex('/var/run/nscd/socket\0')}603B7B47FC7F0000303C7B47FC7F`, '/var/run/nscd/socket'],
    ['a relative path', hex('public/pickup\0'), 'public/pickup'],
    ['a relative path that looks like an abstract name', hex('@x/../docker.sock\0'), './@x/../docker.sock'],
    ['a path with any bytes', hex('/tmp/\xff\n \0'), '/tmp/\xff\n '],
    ['an abstract name', hex('\0/tmp/dbus-x\0\0\0'), '@/tmp/dbus-x'],
    ['an abstract name with a NUL inside', hex('\0a\0b'), '@a\0b'],
    ['no name', '', ''],
    ['no name but zeros', '00000000', ''],
  ])('of a unix socket: %s', (_, rest, name) => {
    expect(decode(1, rest)).toEqual({ family: 'unix', name });
  });

  it('of a virtual machine\'s socket', () => {
    const [port, cid] = arch === BIG ? ['00000400', '00000002'] : ['00040000', '02000000'];
    expect(decode(40, `0000${port}${cid}00000000`)).toEqual({ family: 'vsock', cid: 2, port: 1024 });
  });

  it('of a packet socket', () => {
    expect(decode(17, '0003000000020000000600000000')).toEqual({ family: 'packet' });
  });

  it.each([[0, '0000000000000000000000000000'], [16, '00000000000000000000'], [3, 'FFFF'], [9, ''], [38, hex('hash\0')], [44, '0000']])('of family %i leads nowhere', (family, rest) => {
    expect(decode(family, rest)).toEqual({ family: 'other', number: family });
  });

  it.each([[2, ''], [2, '0050A9FE'], [10, '01BB00000000FE80'], [40, '000000040000']])('of family %i that is cut short is none: %j', (family, rest) => {
    expect(decode(family, rest)).toBeUndefined();
  });
});

describe('an address', () => {
  it.each(['', '02', '020', 'zz00', '0200005', '(null)', '02 0'])('is none that is no hex: %j', (saddr) => {
    expect(decodeAddress(saddr, LITTLE)).toBeUndefined();
  });

  it('is read in small letters too', () => {
    expect(decodeAddress('02000050a9fea9fe', LITTLE)).toEqual({ family: 'ip', host: '169.254.169.254', port: 80 });
  });

  it.each([['x86_64', 0xc000003e], ['i386', 0x40000003], ['aarch64', 0xc00000b7], ['ppc64le', 0xc0000015], ['an unknown machine', 0]])('is little endian on %s', (_, arch) => {
    expect(decodeAddress('0200D9037F000001', arch)).toEqual({ family: 'ip', host: '127.0.0.1', port: 55555 });
  });

  it.each([['ppc64', 0x80000015], ['s390x', 0x80000016], ['s390', 0x16]])('is big endian on %s', (_, arch) => {
    expect(decodeAddress('0002D9037F000001', arch)).toEqual({ family: 'ip', host: '127.0.0.1', port: 55555 });
  });
});
