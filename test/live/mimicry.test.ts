import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { startAudit, whyNot, type LiveAudit } from './harness.ts';

// Records fixtures/mimicry.log.gz anew:
//
//   RECORD=1 npx vitest run test/live/mimicry.test.ts

const why = process.env['RECORD'] === '1' ? whyNot() : 'RECORD=1 is not set';
const HERE = resolve(import.meta.dirname, '../recordings/mimicry');
let live: LiveAudit | undefined;

describe.skipIf(why !== undefined)(`the recording of mimicry${why === undefined ? '' : ` (skipped: ${why})`}`, { timeout: 400_000 }, () => {
  afterEach(async () => live?.stop(), 60_000);

  it('is made', async () => {
    live = await startAudit({ logs: 9 });
    const { stderr } = await live.run(`HERE=${HERE}\n${readFileSync(join(HERE, 'play.sh'), 'utf8')}`, 120_000);
    expect(stderr).toBe('');
    const folder = dirname(live.log);
    const files = readdirSync(folder).filter((name) => name.startsWith('audit.log')).toSorted().toReversed();
    writeFileSync(resolve(import.meta.dirname, '../../fixtures/mimicry.log.gz'), gzipSync(Buffer.concat(files.map((name) => readFileSync(join(folder, name)))), { level: 9 }));
  });
});
