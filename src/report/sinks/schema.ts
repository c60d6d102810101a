import * as v from 'valibot';
import { strict } from '../../input/strict.ts';

/** What stands under `sinks` in the configuration file. */
export const SINKS = v.array(strict({}));

export type Sinks = v.InferOutput<typeof SINKS>;
