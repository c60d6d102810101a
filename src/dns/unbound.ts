import type { Bytes, Ms } from '../audit/units.ts';
import { ms } from '../audit/units.ts';
import { readAddress } from './address.ts';
import { hostName } from './answer.ts';
import type { Answer } from './answer.ts';

const RRSET = /^(\S+)\s+(\d{1,10})\s+IN\s+(A|AAAA)\s+(\S+)$/;
const MESSAGE = /^msg (\S+) IN (?:A|AAAA) /;
const REFERENCE = /^(\S+) IN (A|AAAA|CNAME) /;
/** TTLs are counted down in whole seconds; one that ends this much later than it would have is of a new answer. Ms. */
const RENEWED = 2000;

interface Records {
  readonly addresses: string[];
  ttl: number;
}

/**
 * Reads the cache of unbound as `unbound-control dump_cache` prints it: first the records, then for each question that was answered the
 * records it was answered with. Its times are those of their ends only, so what has come or was renewed since the last dump counts as answered
 * at the time of that, and the same dump twice says nothing. An address that came through more aliases comes last: the program's question wins
 * over the resolver's own.
 */
export const unboundCache = (): ((text: string, now: Ms) => readonly Answer[]) => {
  /** When the address of a name leaves the cache. */
  let known = new Map<string, number>();
  let before: Ms | undefined;

  return (text, now) => {
    const time = before ?? now;
    before = now;
    const ends = new Map<string, number>();
    const answers = readDump(text).flatMap(({ name, records: { addresses, ttl } }) => {
      const end = now + ttl * 1000;
      const fresh = addresses.filter((address) => {
        const key = `${name} ${address}`;
        ends.set(key, end);
        return end > (known.get(key) ?? -Infinity) + RENEWED;
      });
      return fresh.length > 0 ? [{ time: ms(time), name, addresses: fresh, ttl }] : [];
    });
    known = ends;
    return answers;
  };
};

/** Names and what they were answered with, those with the fewest aliases first. */
const readDump = (text: string): readonly { readonly name: Bytes; readonly records: Records }[] => {
  const sets = new Map<string, Records>();
  const questions: { readonly name: Bytes; aliases: number; readonly records: Records[] }[] = [];
  let open: (typeof questions)[number] | undefined;
  for (const line of text.split('\n')) {
    const rr = RRSET.exec(line);
    if (rr) {
      const [, owner = '', ttl, type = '', data = ''] = rr;
      const address = readAddress(data);
      if (address === undefined) continue;
      const key = `${owner} ${type}`;
      const set = sets.get(key);
      if (set === undefined) sets.set(key, { addresses: [address], ttl: Number(ttl) });
      else {
        set.addresses.push(address);
        set.ttl = Math.min(set.ttl, Number(ttl));
      }
      continue;
    }
    if (line.startsWith('msg ')) {
      const name = hostName(MESSAGE.exec(line)?.[1] ?? '');
      open = name === undefined ? undefined : { name, aliases: 0, records: [] };
      if (open) questions.push(open);
      continue;
    }
    const reference = open && REFERENCE.exec(line);
    if (!open || !reference) continue;
    if (reference[2] === 'CNAME') open.aliases++;
    const set = sets.get(`${reference[1]} ${reference[2]}`);
    if (set) open.records.push(set);
  }
  return questions.toSorted((a, b) => a.aliases - b.aliases).flatMap(({ name, records }) => records.map((set) => ({ name, records: set })));
};
