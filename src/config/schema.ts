import micromatch from 'micromatch';
import * as v from 'valibot';
import { FullmonError } from '../input/errors.ts';
import { strict } from '../input/strict.ts';
import { readAuditSocket } from '../shell/place.ts';
import { readMetricsPlace } from '../report/metrics.ts';
import { SINKS } from '../report/sinks/schema.ts';
import { readRule } from '../shell/rules.ts';
import { readSource } from '../shell/sources.ts';
import { NUMBERS } from './options.ts';
import type { Read } from './options.ts';

/** A check that the flags make, too. */
const passes = <T>(read: Read<unknown>) =>
  v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      read(dataset.value);
    } catch (error) {
      if (!(error instanceof FullmonError)) throw error;
      addIssue({ message: error.message });
    }
  });

const number = (read: Read<number>) => v.optional(v.pipe(v.number('expected a number'), passes<number>(read)));

const TEXT = v.pipe(v.string('expected text'), v.nonEmpty('says nothing'));

const METRICS = v.pipe(TEXT, passes<string>((text) => readMetricsPlace(String(text))));

const GLOBS = v.pipe(v.string('expected text'), passes<string>((text) => readRule(String(text), micromatch.makeRe)));

const DATE = v.pipe(v.string("expected a date like '2027-01-31'"), v.check((text) => !Number.isNaN(Date.parse(text)), "expected a date like '2027-01-31'"));

const IGNORED = strict({ edge: GLOBS, comment: v.optional(v.string('expected text')), expires: v.optional(DATE) }, "expected 'SUBJECT -> OBJECT', or edge, comment and expires");

const IGNORE = v.lazy((entry) => (typeof entry === 'string' ? GLOBS : IGNORED));

const SOURCE = v.pipe(TEXT, passes<string>((text) => readSource(String(text))));

/** The configuration file. */
export const CONFIG = strict({
  auditd: v.optional(v.pipe(TEXT, passes<string>((text) => readAuditSocket(String(text))))),
  baseline: number(NUMBERS.baseline),
  monitor: number(NUMBERS.monitor),
  rebase: v.optional(v.boolean('expected true or false')),
  ignore: v.optional(v.array(IGNORE, 'expected a list')),
  dns: v.optional(v.array(SOURCE, 'expected a list')),
  flood: number(NUMBERS.flood),
  'max-edges': number(NUMBERS['max-edges']),
  state: v.optional(TEXT),
  accepted: v.optional(TEXT),
  wait: number(NUMBERS.wait),
  'public-key': v.optional(TEXT),
  format: v.optional(v.picklist(['json', 'text'], 'expected json or text')),
  metrics: v.optional(METRICS),
  sinks: v.optional(SINKS),
});
