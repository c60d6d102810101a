import { isSet } from '../audit/units.ts';
import type { Bytes, Ms } from '../audit/units.ts';
import type { Nearest, Novelty } from '../baseline/nearest.ts';
import { UNKNOWN } from '../behaviour/edge.ts';
import type { NodeText } from '../behaviour/edge.ts';
import { ancestry } from './company.ts';
import type { Alert } from './incidents.ts';

/** What a person needs to judge an incident, told of its gravest edge. All text as raw bytes; the report escapes it. */
export interface Explanation {
  readonly edge: string;
  readonly subject: NodeText;
  readonly command: Bytes;
  /** Why it is new, in words. */
  readonly why: string;
  /** What is known and comes nearest to it. */
  readonly nearest: readonly Nearest[];
  /** Programs from the one that acted up to its service or login. */
  readonly ancestry: readonly Bytes[];
  readonly session: { readonly login: number; readonly ses: number; readonly service: Bytes; readonly address: Bytes } | undefined;
  /** The address behind a name, the peer itself otherwise; empty for what is no connection. */
  readonly address: Bytes;
  readonly first: Ms;
}

const WHAT: Readonly<Record<Alert['seen']['kind'], readonly [known: string, unknown: string]>> = {
  exec: ['never ran this program', 'never ran a program'],
  connect: ['never connected there', 'never connected anywhere'],
  listen: ['never listened there', 'never listened'],
  sock: ['never used this socket', 'never used such a socket'],
  trace: ['never took hold of this program', 'never took hold of another process'],
  kernel: ['never did this to the kernel', 'never changed kernel, mounts or namespaces'],
  create: ['never created this file', 'never created a file'],
  write: ['never wrote to this file', 'never wrote to a file'],
  delete: ['never deleted this file', 'never deleted a file'],
  rename: ['never renamed to this name', 'never renamed a file'],
  link: ['never made this link', 'never made a link'],
  attr: ['never changed the attributes of this file', 'never changed attributes'],
  read: ['never read this secret', 'never read a secret'],
};

const whyNew = ({ seen }: Alert, novelty: Novelty): string => {
  if (seen.subject.exe === UNKNOWN) return 'a process that started before the records did something nobody did before';
  const [known, unknown] = WHAT[seen.kind];
  const subject = novelty.subjectKnown ? 'this program, as this user and for this service,' : 'a subject that was never seen: it';
  return `${subject} ${novelty.kindKnown ? known : unknown}${novelty.objectKnown ? '' : '; nor did anybody else here'}`;
};

export const explain = (alert: Alert, novelty: Novelty, nearest: readonly Nearest[], origin: Bytes): Explanation => {
  const { seen } = alert;
  const { actor, subject } = seen;
  return {
    edge: alert.edge,
    subject: seen.node,
    command: actor.command,
    why: whyNew(alert, novelty),
    nearest,
    ancestry: ancestry(actor),
    session: isSet(actor.ses) ? { login: subject.login, ses: actor.ses, service: subject.service, address: origin } : undefined,
    address: seen.address,
    first: seen.first,
  };
};
