import { closeSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { codeOf, messageOf, openTrusted } from '../input/files.ts';
import type { Key, Layer } from './options.ts';
import { CONFIG } from './schema.ts';

/** What the file says, and in which line each; or what is wrong with it, one line each, with where. */
export type ConfigFile =
  | { readonly kind: 'read'; readonly layer: Layer; readonly lineOf: (key: Key) => number }
  | { readonly kind: 'faulty'; readonly faults: readonly string[] }
  /** `code`: that of the file system, if it is one. */
  | { readonly kind: 'closed'; readonly code: string; readonly faults: readonly string[] };

const WRONG: Readonly<Record<string, string>> = { ENOENT: 'no such file', ELOOP: 'is a link', EACCES: 'may not be read: run as root' };

/** It is about the last name of its path, not about what stands there. */
const isOfName = ({ path }: v.BaseIssue<unknown>): boolean => path?.at(-1)?.origin === 'key';

/** Where what is meant stands, or the name that should not be there. */
const offsetOf = (document: Document.Parsed, keys: readonly unknown[], isName: boolean): number => {
  const parent = keys.length === 0 ? document.contents : document.getIn(keys.slice(0, -1), true);
  const pair = isName && isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === keys.at(-1)) : undefined;
  const node = pair?.key ?? document.getIn(keys, true) ?? parent;
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
};

/** Reads a configuration file. Only a bug throws. */
export const readFile = (file: string): ConfigFile => {
  let text: string;
  try {
    const fd = openTrusted(file);
    try {
      text = readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { kind: 'closed', code: codeOf(error), faults: [`${file}: ${WRONG[codeOf(error)] ?? messageOf(error)}`] };
  }
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const said = (offset: number, message: string): string => `${file}:${lineAt(offset)}: ${message.replaceAll(/\s+/g, ' ')}`;
  if (document.errors.length > 0) return { kind: 'faulty', faults: document.errors.map(({ pos, message }) => said(pos[0], message)) };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias of too much.
    return { kind: 'faulty', faults: [said(0, messageOf(error))] };
  }
  if (value !== null && !isMap(document.contents)) return { kind: 'faulty', faults: [said(0, 'expected settings, one a line: NAME: VALUE')] };
  const { success, output, issues } = v.safeParse(CONFIG, value ?? {});
  if (success) return { kind: 'read', layer: output, lineOf: (key) => lineAt(offsetOf(document, [key], true)) };
  const faults = issues.map((issue) => {
    const keys = (issue.path ?? []).map(({ key }) => key);
    const names = keys.slice(0, isOfName(issue) ? -1 : undefined).filter((key) => typeof key === 'string');
    return { at: offsetOf(document, keys, isOfName(issue)), message: `${names.length === 0 ? '' : `${names.join('.')}: `}${issue.message}` };
  });
  return { kind: 'faulty', faults: faults.toSorted((a, b) => a.at - b.at).map(({ at, message }) => said(at, message)) };
};
