import { constants, fstatSync, closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences, entriesOf, parseBaseline, printBaseline, restoreBaseline } from '../baseline/exchange.ts';
import type { Difference, Entry, Exported } from '../baseline/exchange.ts';
import { createFullmon } from '../fullmon.ts';
import type { Snapshot } from '../fullmon.ts';
import { openStore, readState } from '../input/checkpoint.ts';
import { FullmonError, unreadable } from '../input/errors.ts';
import { asOwner, messageOf, unlink, writeNew } from '../input/files.ts';
import { faultOf, readPublicKey, sign, signatureOf } from '../input/signature.ts';
import { readCheckpoint } from '../shell/keep.ts';
import type { Checkpoint } from '../shell/keep.ts';
import { readable, show } from '../report/show.ts';
import { SIGNED } from '../shell/trust.ts';

export interface BaselineOptions {
  readonly action: 'export' | 'import' | 'sign' | 'verify' | 'diff';
  readonly files: readonly string[];
  readonly state: string;
  readonly publicKey: string | undefined;
  readonly privateKey: string | undefined;
  readonly format: 'json' | 'text' | undefined;
}

const bytesOf = (file: string): Buffer => {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(fd).isFile()) throw new Error('is no plain file');
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw unreadable(file, error);
  }
};

const parse = (file: string, bytes: Buffer): Exported => {
  try {
    return parseBaseline(bytes.toString('latin1'));
  } catch (error) {
    throw new FullmonError(`${file}: ${messageOf(error)}`);
  }
};

const stateOf = (directory: string): Snapshot => {
  const found = readState(directory, readCheckpoint);
  if (found.kind === 'nothing') throw new FullmonError(`${directory}: there is no state: has fullmon run, and may you read it? Else name another with --state`);
  if (found.kind === 'damaged') throw new FullmonError(`${found.trouble}`);
  return found.state.snapshot;
};

const one = (files: readonly string[], action: string): string => {
  const [file] = files;
  if (file === undefined || files.length > 1) throw new FullmonError(`baseline ${action}: name one file`);
  return file;
};

const exportTo = ({ files, state }: BaselineOptions): void => {
  if (files.length > 1) throw new FullmonError('baseline export: name one file, or none for stdout');
  const { baseline, clock } = stateOf(state);
  const text = printBaseline(baseline, clock.time);
  if (clock.phase === 'learning') process.stderr.write('fullmon: still learning: names that vary become patterns when that ends\n');
  const [file] = files;
  if (file === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new FullmonError(`${file}: cannot be made (${messageOf(error)})`);
  }
};

const check = (file: string, bytes: Buffer, publicKey: string): void => {
  const fault = faultOf(file, bytes, readPublicKey(publicKey));
  if (fault !== undefined) throw new FullmonError(`${file}: ${fault}`, 1);
};

/** A state that knows this and has seen nothing else yet; what is kept besides stays. */
const withBaseline = (found: Checkpoint | undefined, exported: Exported): Checkpoint => {
  const baseline = restoreBaseline(exported);
  const { position, snapshot } = found ?? { position: undefined, snapshot: createFullmon({ baseline: 0, monitor: 0, rebase: false, ignored: () => false }, () => undefined).save() };
  const { clock } = snapshot;
  return { position, snapshot: { ...snapshot, baseline, clock: clock.phase === 'learning' ? { ...clock, phase: 'monitoring', learnUntil: clock.time } : clock } };
};

const importFrom = ({ files, state, publicKey }: BaselineOptions): void => {
  const file = one(files, 'import');
  const bytes = bytesOf(file);
  if (publicKey !== undefined) check(file, bytes, publicKey);
  const exported = parse(file, bytes);
  let signature: Buffer | undefined;
  try {
    signature = readFileSync(signatureOf(file));
  } catch {
    // Not signed; that is only wrong where a key is given.
  }
  asOwner(state, () => {
    const store = openStore(state);
    try {
      const found = store.read(readCheckpoint);
      // What is damaged is what this is to mend.
      if (found.kind === 'damaged') store.reset();
      const kept = join(state, SIGNED);
      writeNew(`${kept}.new`, bytes);
      renameSync(`${kept}.new`, kept);
      if (signature === undefined) unlink(signatureOf(kept));
      else {
        writeNew(`${signatureOf(kept)}.new`, signature);
        renameSync(`${signatureOf(kept)}.new`, signatureOf(kept));
      }
      store.write(JSON.stringify(withBaseline(found.kind === 'state' ? found.state : undefined, exported)));
    } finally {
      store.close();
    }
  });
  process.stderr.write(`fullmon: ${exported.entries.length} edges and patterns are what is normal now\n`);
};

const signFile = ({ files, privateKey }: BaselineOptions): void => {
  const file = one(files, 'sign');
  if (privateKey === undefined) throw new FullmonError('baseline sign: name the key with --private-key');
  const bytes = bytesOf(file);
  // Nobody should sign what nobody can read.
  parse(file, bytes);
  writeFileSync(signatureOf(file), sign(bytes, privateKey), { mode: 0o644 });
};

const verifyFile = ({ files, publicKey }: BaselineOptions): void => {
  const file = one(files, 'verify');
  if (publicKey === undefined) throw new FullmonError('baseline verify: name the key with --public-key');
  const bytes = bytesOf(file);
  check(file, bytes, publicKey);
  const { header } = parse(file, bytes);
  process.stdout.write(`${file}: good signature over ${header.edges} edges and ${header.patterns} patterns, learned until ${new Date(header.created).toISOString()}\n`);
};

const MARK: Readonly<Record<Difference['change'], string>> = { added: '+', removed: '-', changed: '~' };

const entriesIn = (file: string): readonly Entry[] => parse(file, bytesOf(file)).entries;

const diff = ({ files, state, format }: BaselineOptions): void => {
  const [first, second] = files;
  if (first === undefined || files.length > 2) throw new FullmonError('baseline diff: name two files, or one to compare the state with');
  const found = differences(entriesIn(first), second === undefined ? entriesOf(stateOf(state).baseline) : entriesIn(second));
  const text = (format ?? (process.stdout.isTTY ? 'text' : 'json')) === 'text';
  for (const { change, entry } of found) process.stdout.write(text ? `${MARK[change]} ${entry.object === undefined ? show(entry.edge) : readable(entry.edge)}\n` : `${JSON.stringify({ change, ...entry })}\n`);
  if (found.length > 0) process.exitCode = 1;
};

const ACTIONS = { export: exportTo, import: importFrom, sign: signFile, verify: verifyFile, diff } as const;

/** `fullmon baseline`: what is normal as a file that people read, compare and sign. Throws a `FullmonError`. */
export const runBaseline = (options: BaselineOptions): void => ACTIONS[options.action](options);
