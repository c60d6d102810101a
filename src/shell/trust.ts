import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences, entriesOf, parseBaseline } from '../baseline/exchange.ts';
import { codeOf, messageOf } from '../input/files.ts';
import { faultOf, readPublicKey } from '../input/signature.ts';
import type { Distrust } from './keep.ts';

/** Where `fullmon baseline import` leaves what it took in, for the start to compare with. */
export const SIGNED = 'baseline.jsonl';

/**
 * Tells what is wrong with what a state holds for normal: all of it has to be in the signed baseline beside it. Counts and times may differ,
 * they go on. Throws a `FullmonError` for a key that is none.
 */
export const distrusting = (directory: string, publicKey: string): Distrust => {
  const key = readPublicKey(publicKey);
  const file = join(directory, SIGNED);
  return (baseline) => {
    try {
      const bytes = readFileSync(file);
      const fault = faultOf(file, bytes, key);
      if (fault !== undefined) return `${file} ${fault}`;
      if (baseline === undefined) return `${directory} has a signed baseline and no state: import it again`;
      const unsigned = differences(parseBaseline(bytes.toString('latin1')).entries, entriesOf(baseline)).filter(({ change }) => change !== 'removed');
      return unsigned.length === 0 ? undefined : `holds ${unsigned.length} edges that nobody signed, ${unsigned[0]?.entry.edge} the first`;
    } catch (error) {
      return `${file} ${codeOf(error) === 'ENOENT' ? 'is missing: there is no signed baseline, import one' : messageOf(error)}`;
    }
  };
};
