import { stringify } from 'yaml';
import { strangers, variableOf } from '../config/environment.ts';
import { readFile } from '../config/file.ts';
import { KEYS } from '../config/options.ts';
import type { Key, Layer } from '../config/options.ts';
import { fileOf, resolveAgent } from '../config/resolve.ts';
import type { Origin } from '../config/resolve.ts';
import { ACCEPTED_FILE } from '../input/accepted.ts';
import { STATE_DIRECTORY } from '../input/checkpoint.ts';
import { readPublicKey } from '../input/signature.ts';
import { redact } from '../report/show.ts';

export interface ConfigOptions {
  readonly flags: Layer;
  /** The file, as a flag names it. */
  readonly config: string | undefined;
  readonly check: boolean;
}

const complain = (text: string): void => void process.stderr.write(`fullmon: ${text}\n`);

const sayWhere = (key: Key, origin: Origin): string => {
  switch (origin.by) {
    case 'flag':
      return `--${key}`;
    case 'environment':
      return variableOf(key);
    case 'file':
      return `${origin.file}:${origin.line}`;
    case 'default':
      return 'default';
  }
};

/** `fullmon config`: the settings that count as a file, each with who set it; or all that is wrong with them. Throws a `FullmonError`. */
export const runConfig = async ({ flags, config, check }: ConfigOptions): Promise<void> => {
  const { file, asked } = fileOf(config, process.env);
  const read = readFile(file);
  if (read.kind !== 'read' && (asked || read.kind === 'faulty' || read.code !== 'ENOENT')) {
    for (const fault of read.faults) complain(fault);
    process.exitCode = 2;
    return;
  }
  const { options, originOf } = await resolveAgent(flags, config, process.env);
  for (const text of await strangers(process.env)) complain(text);
  for (const { edge, expires } of options.ignore) if (expires !== undefined && Date.parse(expires) <= Date.now()) complain(`ignore '${edge}' has expired: ${expires}`);
  if (check) {
    if (options.publicKey !== undefined) readPublicKey(options.publicKey);
    process.stdout.write(`${read.kind === 'read' ? file : `${file} is missing, which is fine`}: nothing is wrong\n`);
    return;
  }
  const { maxEdges, publicKey, state = STATE_DIRECTORY, accepted = ACCEPTED_FILE, ...same } = options;
  const values: Layer = { ...same, 'max-edges': maxEdges, 'public-key': publicKey, state, accepted };
  for (const key of KEYS) {
    const value = values[key];
    // What nobody set and what has no default is there to be known of.
    const [first = '', ...rest] = value === undefined ? [`# ${key}:`] : stringify({ [key]: value }, { lineWidth: 0 }).trimEnd().split('\n');
    process.stdout.write(`${[`${redact(first).padEnd(40)} # ${value === undefined ? 'not set' : sayWhere(key, originOf(key))}`, ...rest.map(redact)].join('\n')}\n`);
  }
};
