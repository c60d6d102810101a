import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** In the order of the data; `pipeline` is the page that joins them, `shell` the command line around it. */
const STAGES = ['input', 'audit', 'dns', 'behaviour', 'baseline', 'detect', 'report'] as const;
/** Folders of the shell. */
const SHELL = new Set<string>(['commands', 'config', 'shell']);
const PURE = new Set<string>(['audit', 'dns', 'behaviour', 'baseline', 'detect', 'pipeline']);

const files = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
  });

const stageOf = (file: string): string => {
  const [folder = '', ...rest] = relative(SRC, file).split('/');
  if (rest.length > 0) return SHELL.has(folder) ? 'shell' : folder;
  return folder === 'fullmon.ts' ? 'pipeline' : 'shell';
};

const importsOf = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');

const sources = files(SRC).map((file) => ({ file, name: relative(SRC, file), stage: stageOf(file), text: readFileSync(file, 'utf8') }));

describe('the way of the data', () => {
  it('has no folder that is no stage', () => {
    expect([...new Set(sources.map((s) => s.stage))].toSorted()).toEqual([...STAGES, 'pipeline', 'shell'].toSorted());
  });

  it.each(sources)('$name imports only from its own stage and the stages before it', ({ file, stage, text }) => {
    const own = STAGES.findIndex((s) => s === stage);
    for (const target of importsOf(text).filter((t) => t.startsWith('.'))) {
      const from = stageOf(resolve(dirname(file), target));
      if (stage === 'shell') continue;
      if (stage === 'pipeline') expect(['audit', 'dns', 'behaviour', 'baseline', 'detect'], target).toContain(from);
      else {
        const index = STAGES.findIndex((s) => s === from);
        expect(index, `${target} is of no stage`).toBeGreaterThanOrEqual(0);
        expect(index, `${target} comes later`).toBeLessThanOrEqual(own);
      }
    }
  });

  it.each(sources.filter((s) => PURE.has(s.stage)))('$name knows no file, clock, chance or process', ({ text }) => {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    const impure = importsOf(text).filter((t) => t.startsWith('node:') && t !== 'node:crypto');
    expect(impure).toEqual([]);
    expect(importsOf(text).filter((t) => t.includes('/input/') || t.includes('/report/'))).toEqual([]);
    expect(code).not.toMatch(/\bDate\b|\bperformance\b|Math\.random|randomBytes|randomUUID|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\b|\bconsole\b|\bfetch\b/);
  });
});
