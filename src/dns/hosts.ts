import type { Bytes } from '../audit/units.ts';
import { readAddress } from './address.ts';
import { hostName } from './answer.ts';

/** `/etc/hosts`: the first name of each address, its canonical one. */
export const readHosts = (text: string): ReadonlyMap<string, Bytes> => {
  const names = new Map<string, Bytes>();
  for (const line of text.split('\n')) {
    const [written = '', first = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
    const address = readAddress(written);
    const name = hostName(first);
    if (address !== undefined && name !== undefined && !names.has(address)) names.set(address, name);
  }
  return names;
};

/** The servers that `/etc/resolv.conf` names. */
export const readResolvers = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => readAddress(/^nameserver\s+([^\s%]+)/.exec(line)?.[1] ?? '') ?? []);
