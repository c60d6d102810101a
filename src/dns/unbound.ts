import type { Bytes, Ms } from '../audit/units.ts';
import { readAddress } from './address.ts';
import { hostName } from './answer.ts';
import type { Answer } from './answer.ts';

const RRSET = /^(\S+)\s+(\d{1,10})\s+IN\s+(A|AAAA)\s+(\S+)$/;
const MESSAGE = /^msg (\S+) IN (?:A|AAAA) /;
const REFERENCE = /^(\S+) IN (A|AAAA|CNAME) /;

interface Cached {
  readonly addresses: string[];
  ttl: number;
}

/**
 * The cache of unbound as `unbound-control dump_cache` prints it at `time`: first the records, then for each question that was answered the
 * records it was answered with. Those answered through more aliases come last, so that the program's question wins over the resolver's own.
 */
export const readUnbound = (text: string, time: Ms): readonly Answer[] => {
  const records = new Map<string, Cached>();
  const answers: { readonly name: Bytes; readonly aliases: number; readonly cached: readonly Cached[] }[] = [];
  let open: { readonly name: Bytes; aliases: number; readonly cached: Cached[] } | undefined;
  for (const line of text.split('\n')) {
    const rr = RRSET.exec(line);
    if (rr) {
      const [, owner = '', ttl, type = '', data = ''] = rr;
      const address = readAddress(data);
      if (address === undefined) continue;
      const key = `${owner} ${type}`;
      const known = records.get(key);
      if (known) {
        known.addresses.push(address);
        known.ttl = Math.min(known.ttl, Number(ttl));
      } else records.set(key, { addresses: [address], ttl: Number(ttl) });
      continue;
    }
    const message = MESSAGE.exec(line);
    if (line.startsWith('msg ')) {
      const name = message ? hostName(message[1] ?? '') : undefined;
      open = name === undefined ? undefined : { name, aliases: 0, cached: [] };
      if (open) answers.push(open);
      continue;
    }
    const reference = open && REFERENCE.exec(line);
    if (!open || !reference) continue;
    if (reference[2] === 'CNAME') open.aliases++;
    const cached = records.get(`${reference[1]} ${reference[2]}`);
    if (cached) open.cached.push(cached);
  }
  return answers
    .toSorted((a, b) => a.aliases - b.aliases)
    .flatMap(({ name, cached }) => cached.map(({ addresses, ttl }) => ({ time, name, addresses, ttl })));
};
