import { ARROW, parseEdge } from '../behaviour/edge.ts';
import { changeAccepted, decider } from '../input/accepted.ts';
import type { Acceptance } from '../input/accepted.ts';
import { readState } from '../input/checkpoint.ts';
import { durationOf } from '../input/duration.ts';
import { FullmonError } from '../input/errors.ts';
import { incidentsOf, readCheckpoint } from '../shell/keep.ts';
import { readRules } from '../shell/rules.ts';

export interface AcceptOptions {
  /** An incident's id, an edge as it was printed, or `SUBJECT -> OBJECT`, a glob for each side. */
  readonly what: string;
  readonly accepted: string;
  readonly state: string;
}

/** Ids are 12 hex digits; a beginning that is long enough to be the only one will do. */
const ID = /^[0-9a-f]{4,12}$/;

/** `12h`, `30d`, `8w` from `now`, or a date. */
const readExpiry = (text: string, now: number): string => {
  const duration = durationOf(text);
  const time = duration === undefined ? Date.parse(text) : now + duration;
  if (!(time > now)) throw new FullmonError(`--expires: expected a time to come like 12h, 30d, 8w or 2027-01-31, got '${text.slice(0, 40)}'`);
  return new Date(time).toISOString();
};

/** An edge that holds no star and no blank around its arrow means itself. */
const isEdge = (what: string): boolean => !what.includes('*') && !/ ->|-> /.test(what) && parseEdge(what) !== undefined;

/** What of an incident there is to accept. Throws a {@link FullmonError} when it is not known. */
const edgesOf = (id: string, directory: string): { readonly incident: string; readonly edges: readonly string[]; readonly all: boolean } => {
  const found = readState(directory, readCheckpoint);
  const incidents = found.kind === 'state' ? incidentsOf(found.state).filter((incident) => incident.id.startsWith(id)) : [];
  const [incident, other] = incidents;
  if (incident === undefined) throw new FullmonError(`accept: no incident ${id} in ${directory}${found.kind === 'state' ? ': see fullmon show incidents' : `: there is no state that can be read${found.kind === 'damaged' ? ` (${found.trouble})` : ''}`}`);
  if (other !== undefined) throw new FullmonError(`accept: ${incidents.length} incidents begin with ${id}: give more of it`);
  return { incident: incident.id, edges: incident.edges, all: incident.edges.length === incident.count };
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** `fullmon accept`: from now on this is no alert. */
export const runAccept = async (options: AcceptOptions & { readonly expires: string | undefined; readonly comment: string | undefined }): Promise<void> => {
  const { what, accepted, state } = options;
  const now = Date.now();
  const decision = {
    ...(options.expires === undefined ? {} : { expires: readExpiry(options.expires, now) }), ...(options.comment === undefined ? {} : { comment: options.comment }),
    at: new Date(now).toISOString(), by: decider(),
  };
  let added: readonly Acceptance[];
  if (ID.test(what)) {
    const { incident, edges, all } = edgesOf(what, state);
    added = edges.map((edge) => ({ edge, incident, ...decision }));
    if (!all) process.stderr.write('fullmon: the incident has more edges than are remembered: accept what comes again with a glob\n');
  } else if (isEdge(what)) added = [{ edge: what, ...decision }];
  else {
    await readRules('accept', [what]);
    added = [{ glob: what, ...decision }];
  }
  changeAccepted(accepted, ({ entries, windows }) => ({ windows, entries: [...entries.filter((old) => !added.some(({ edge, glob }) => edge === old.edge && glob === old.glob)), ...added] }));
  for (const { edge, glob } of added) say(`accepted ${(edge ?? glob ?? '').replace(/ *-> */, ` ${ARROW} `)}`);
};

/** `fullmon revoke`: what was accepted is an alert again. */
export const runRevoke = ({ what, accepted }: Omit<AcceptOptions, 'state'>): Promise<void> => {
  const revoked: Acceptance[] = [];
  changeAccepted(accepted, ({ entries, windows }) => ({
    windows,
    entries: entries.filter((entry) => {
      const meant = entry.edge === what || entry.glob === what || (ID.test(what) && entry.incident?.startsWith(what) === true);
      if (meant) revoked.push(entry);
      return !meant;
    }),
  }));
  if (revoked.length === 0) throw new FullmonError(`revoke: nothing accepted is '${what.slice(0, 200)}': see fullmon show accepted`);
  for (const { edge, glob } of revoked) say(`revoked ${(edge ?? glob ?? '').replace(/ *-> */, ` ${ARROW} `)}`);
  return Promise.resolve();
};
