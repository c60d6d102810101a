import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytes, ms } from '../../src/audit/units.ts';
import { generalise } from '../../src/baseline/generalise.ts';
import { newPatterns, placeOf } from '../../src/baseline/patterns.ts';

it.each([
  ['^/srv/a/[0-9a-f]{16}$', '/srv/a/'],
  ['^/srv/a-[0-9]{4}/x$', '/srv/'],
  [String.raw`^/srv/\.git/\[x\]/\(y/tmp_(?=[a-z])[0-9]{6}$`, '/srv/.git/[x]/(y/'],
  [String.raw`^203\.0\.113\.[0-9]{1,3}:443$`, ''],
])('the names of %s lie in %s', (source, place) => expect(placeOf(source)).toBe(place));

it('whatever the directories, each name is found by the pattern made of it, among many as among few', () => {
  const segment = fc.string({ unit: fc.constantFrom(...String.raw`.*+?()[]{}|^$\-_aZ`), minLength: 1, maxLength: 8 });
  const hash = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.uniqueArray(fc.array(segment, { maxLength: 4 }).map((parts) => ['', ...parts, ''].join('/')), { minLength: 1, maxLength: 30 }), fc.uniqueArray(hash, { minLength: 4, maxLength: 4 }), (places, hashes) => {
      const patterns = newPatterns();
      const all = places.flatMap((place) => hashes.map((name) => ({ name: bytes(place + name), first: ms(0) })));
      for (const { source, covers } of generalise(all)) patterns.add(`^${source}$`, { kind: 'create', place: 'graph', first: ms(0), last: ms(0), count: 1, traits: 0, units: 1, unit: 0, id: -1 }, covers[0]?.name ?? bytes(''));
      for (const pattern of patterns) for (const { name } of all) if (pattern.regex.test(name)) expect(patterns.find(name, (p) => p.regex.test(name))?.regex.test(name)).toBe(true);
      expect(patterns.find(bytes('/nowhere'), (p) => p.regex.test('/nowhere'))).toBeUndefined();
    }),
    { numRuns: 200 },
  );
});
