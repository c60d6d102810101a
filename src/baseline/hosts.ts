import type { Subject } from '../behaviour/edge.ts';
import { isInterpreter } from '../behaviour/script.ts';
import type { Example, Pattern } from './generalise.ts';
import { literal } from './generalise.ts';

/** Distinct peers of one network, or of one family of names, before it stands for them. */
const PEERS = 4;

/** An address that nobody asked a name for; a name ends in no number. */
const BARE_IPV4 = /^(\d+\.\d+\.\d+\.)\d+:(\d+)$/;
/** Behind these second labels, as in `co.uk`, anybody may own the third. */
const SHARED = /^.{1,3}$/;
const OWNED_LABELS = 2;
/** Labels that are generated, in whole (hex) or in part (digits). */
const GENERATED = /(?<![0-9a-z])[0-9a-f]{8,}(?![0-9a-z])|[0-9]+/g;
/** A name that spells an address belongs to whoever rents it today. */
const SPELLED = 4;

const networkOf = (name: string): string | undefined => {
  const m = BARE_IPV4.exec(name);
  return m ? `${literal(m[1] ?? '')}[0-9]{1,3}:${m[2]}` : undefined;
};

/** What varies in a name, and the rest with gaps for it. */
interface Host {
  readonly example: Example;
  readonly columns: readonly string[];
  readonly rest: readonly string[];
}

const readHost = (example: Example): Host | undefined => {
  const colon = example.name.lastIndexOf(':');
  const labels = example.name.slice(0, colon).split('.');
  const owned = OWNED_LABELS + (SHARED.test(labels.at(-OWNED_LABELS) ?? '') ? 1 : 0);
  if (labels.length <= owned || BARE_IPV4.test(example.name) || /[:/]/.test(example.name.slice(0, colon))) return undefined;
  const head = `${labels.slice(0, -owned).join('.')}.`;
  const columns = head.match(GENERATED) ?? [];
  if (columns.length === 0 || columns.length >= SPELLED) return undefined;
  const rest = head.split(GENERATED);
  return { example, columns, rest: [...rest.slice(0, -1), `${rest.at(-1) ?? ''}${labels.slice(-owned).join('.')}${example.name.slice(colon)}`] };
};

const columnOf = (values: readonly string[]): string => {
  const [first = ''] = values;
  if (values.every((value) => value === first)) return literal(first);
  const [least, most] = values.reduce(([min, max], { length }) => [Math.min(min, length), Math.max(max, length)], [Infinity, 0]);
  return `${values.every((value) => /^[0-9]+$/.test(value)) ? '[0-9]' : '[0-9a-f]'}{${least === most ? least : `${least},${most}`}}`;
};

const familyOf = (hosts: readonly Host[]): Pattern => {
  const { rest } = hosts[0] ?? { rest: [] };
  const source = rest.map((text, i) => literal(text) + (i < rest.length - 1 ? columnOf(hosts.map(({ columns }) => columns[i] ?? '')) : '')).join('');
  return { source, covers: hosts.map(({ example }) => example) };
};

const groupsOf = <T>(items: readonly T[], keyOf: (item: T) => string | undefined): readonly (readonly [key: string, items: readonly T[]])[] => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups].filter(([, group]) => group.length >= PEERS);
};

/**
 * Several bare addresses of one subject in one /24 on one port become that network; several names that differ in numbers left of the part that
 * somebody owns become one name with typed columns. Never for interpreters and shells without a script of their own, which connect wherever
 * their input says.
 */
export const generaliseHosts = (subject: Subject, examples: readonly Example[]): readonly Pattern[] => {
  if (isInterpreter(subject.exe) && !subject.script.startsWith('/')) return [];
  const hosts = examples.flatMap((example) => readHost(example) ?? []);
  return [
    ...groupsOf(examples, ({ name }) => networkOf(name)).map(([source, covers]) => ({ source, covers })),
    ...groupsOf(hosts, ({ rest }) => rest.join('\0')).map(([, family]) => familyOf(family)),
  ];
};
