import type { Subject } from '../behaviour/edge.ts';
import { isInterpreter } from '../behaviour/script.ts';
import type { Example, Pattern } from './generalise.ts';
import { literal } from './generalise.ts';

/** Distinct addresses of one network before the network stands for them. */
const ADDRESSES = 4;

const IPV4 = /^(\d+\.\d+\.\d+\.)\d+:(\d+)$/;

/**
 * Several addresses of one subject in one /24 on one port become that network. Never for interpreters and shells without a script of
 * their own, which connect wherever their input says.
 */
export const generaliseHosts = (subject: Subject, examples: readonly Example[]): readonly Pattern[] => {
  if (isInterpreter(subject.exe) && !subject.script.startsWith('/')) return [];
  const networks = new Map<string, Example[]>();
  for (const example of examples) {
    const m = IPV4.exec(example.name);
    if (!m) continue;
    const source = `${literal(m[1] ?? '')}[0-9]{1,3}:${m[2]}`;
    const network = networks.get(source);
    if (network) network.push(example);
    else networks.set(source, [example]);
  }
  return [...networks].filter(([, covers]) => covers.length >= ADDRESSES).map(([source, covers]) => ({ source, covers }));
};
