import { describe, expect, it } from 'vitest';
import { MAX_LINE, splitLines } from '../../src/audit/lines.ts';
import { noLosses } from '../../src/audit/losses.ts';
import { raw } from '../support/log.ts';

const split = (...chunks: readonly string[]) => {
  const losses = noLosses();
  const lines: string[] = [];
  const splitter = splitLines(losses, (buffer, start, end) => void lines.push(buffer.toString('latin1', start, end)));
  for (const chunk of chunks) splitter.feed(raw(chunk));
  splitter.end();
  return { lines, losses };
};

describe('lines', () => {
  it.each([
    ['one chunk', ['one\ntwo\n']],
    ['a cut in a line', ['on', 'e\ntw', 'o\n']],
    ['a cut before the newline', ['one', '\ntwo', '\n']],
    ['a cut after the newline', ['one\n', 'two\n']],
    ['a byte at a time', [...'one\ntwo\n']],
    ['empty chunks', ['', 'one\n', '', 'two', '', '\n', '']],
    ['no final newline', ['one\ntwo']],
    ['carriage returns', ['one\r\ntwo\r\n']],
    ['a cut between carriage return and newline', ['one\r', '\ntwo\r', '\n']],
    ['a carriage return at the end', ['one\r\ntwo\r']],
    ['empty lines', ['\n\none\n\n\r\ntwo\n\n']],
  ])('are the same with %s', (_, chunks) => {
    const { lines, losses } = split(...chunks);
    expect(lines).toEqual(['one', 'two']);
    expect(losses.lines).toBe(2);
  });

  it('may hold any byte but a newline', () => {
    const every = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter((c) => c !== '\n').join('');
    expect(split(`${every}\n\0\0\0\n`).lines).toEqual([every, '\0\0\0']);
  });

  it('keep a carriage return inside', () => {
    expect(split('one\rtwo\r\r\n').lines).toEqual(['one\rtwo\r']);
  });

  const long = 'x'.repeat(MAX_LINE);

  it('are kept up to the longest', () => {
    expect(split(`${long}\n`).lines).toEqual([long]);
    expect(split(long.slice(0, 5), long.slice(5), '\n').lines).toEqual([long]);
    expect(split(long).lines).toEqual([long]);
  });

  it.each([
    ['in one chunk', [`one\n${long}x\ntwo\n`]],
    ['cut into chunks', [`one\n${long.slice(0, 9)}`, `${long.slice(9)}x`, 'yz\ntwo\n']],
    ['without a newline in its chunk', [`one\n${long}x`, '\ntwo\n']],
    ['many chunks long', ['one\n', long, long, long, '\ntwo\n']],
  ])('that are too long are counted, and only they are lost: %s', (_, chunks) => {
    const { lines, losses } = split(...chunks);
    expect(lines).toEqual(['one', 'two']);
    expect(losses.lines).toBe(3);
    expect([...losses.rejected]).toEqual([['over-long line', 1]]);
  });

  it('start afresh in the next file when this one ended in the midst of a line', () => {
    const losses = noLosses();
    const lines: string[] = [];
    const splitter = splitLines(losses, (buffer, start, end) => void lines.push(buffer.toString('latin1', start, end)));
    splitter.feed(raw('one\ntw'));
    splitter.end();
    splitter.feed(raw(`three\n${long}${long}`));
    splitter.end();
    splitter.feed(raw('four\n'));
    expect(lines).toEqual(['one', 'tw', 'three', 'four']);
    expect(losses).toMatchObject({ lines: 5 });
  });
});
