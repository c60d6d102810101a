import { bytes, isSet, uid, UNSET } from '../audit/units.ts';
import type { Bytes, Uid } from '../audit/units.ts';
import { escape, unescape } from './text.ts';

/** A node as it is printed; nothing in it can be taken for an arrow. */
export type NodeText = string & { readonly node: true };

/** Who acts: `proc:<container>:<user>:<exe>[ <script>][@<service>]`. */
export interface Subject {
  /** Name, image or short id of the container; empty on the host. */
  readonly container: Bytes;
  /** Login uid of the session behind it, {@link UNSET} for daemons. */
  readonly login: Uid;
  readonly euid: Uid;
  /** `?` when the program that acted is unknown. */
  readonly exe: Bytes;
  /** Script of an interpreter, `-c`, `-e`, `-` for inline code, applet of a multi-call binary; empty for other programs. */
  readonly script: Bytes;
  /** On whose behalf: base name of a daemon or of the program that opened the session; empty on a daemon itself, `?` when unknown. */
  readonly service: Bytes;
}

export const FILE_KINDS = ['create', 'write', 'delete', 'rename', 'link', 'attr', 'read'] as const;
export type FileKind = (typeof FILE_KINDS)[number];
export type EdgeKind = 'exec' | 'connect' | 'listen' | 'sock' | 'trace' | 'kernel' | FileKind;

/**
 * What an edge points at. `name` by kind: exec: the printed subject that runs from now on; connect, listen: `address:port`; sock: path;
 * trace: exe of the target; kernel: `what[:name]`; files: the absolute path.
 */
export interface EdgeObject {
  readonly kind: EdgeKind;
  readonly name: Bytes;
}

export interface Edge {
  readonly subject: Subject;
  readonly object: EdgeObject;
}

const PREFIX: Readonly<Record<EdgeKind, string>> = {
  exec: '', connect: 'host:', listen: 'listen:', sock: 'sock:', trace: 'trace:', kernel: 'kernel:',
  create: 'file:CREATE:', write: 'file:WRITE:', delete: 'file:DELETE:', rename: 'file:RENAME:', link: 'file:LINK:', attr: 'file:ATTR:', read: 'file:READ:',
};
const PREFIXES = Object.entries(PREFIX).filter(([kind]) => kind !== 'exec') as readonly (readonly [Exclude<EdgeKind, 'exec'>, string])[];

export const UNKNOWN = bytes('?');
export const NONE = bytes('');
export const ARROW = '->';

export const isFile = (kind: EdgeKind): kind is FileKind => (FILE_KINDS as readonly string[]).includes(kind);

/** `[login/]euid` */
export const printUser = (login: Uid, euid: Uid): string => (isSet(login) ? `${login}/${euid}` : `${euid}`);

export const printSubject = (s: Subject): NodeText => {
  const container = escape(s.container).replaceAll(':', '%3A');
  const script = s.script === '' ? '' : ` ${escape(s.script)}`;
  const service = s.service === '' ? '' : `@${escape(s.service)}`;
  return `proc:${container}:${printUser(s.login, s.euid)}:${escape(s.exe)}${script}${service}` as NodeText;
};

export const printObject = ({ kind, name }: EdgeObject): NodeText => (kind === 'exec' ? name : PREFIX[kind] + escape(name)) as string as NodeText;

export const printEdge = ({ subject, object }: Edge): string => printSubject(subject) + ARROW + printObject(object);

const SUBJECT = /^proc:([^:]*):(?:(\d+)\/)?(\d+):([^ @]+)(?: ([^ @]+))?(?:@([^ @]+))?$/;

const readSubject = (text: string): Subject | undefined => {
  const m = SUBJECT.exec(text);
  if (!m) return undefined;
  const [, container = '', login, euid, exe = '', script = '', service = ''] = m;
  return {
    container: unescape(container),
    login: uid(login === undefined ? UNSET : Number(login)),
    euid: uid(Number(euid)),
    exe: unescape(exe),
    script: unescape(script),
    service: unescape(service),
  };
};

// What a new program is compared by is asked a dozen times in a row.
let last: readonly [text: string, subject: Subject | undefined] = ['', undefined];

/** Inverse of {@link printSubject}; undefined for text that is no subject. */
export const parseSubject = (text: string): Subject | undefined => {
  if (last[0] !== text) last = [text, readSubject(text)];
  return last[1];
};

export const parseObject = (text: string): EdgeObject | undefined => {
  if (parseSubject(text)) return { kind: 'exec', name: bytes(text) };
  for (const [kind, prefix] of PREFIXES) if (text.startsWith(prefix)) return { kind, name: unescape(text.slice(prefix.length)) };
  return undefined;
};

/** Inverse of {@link printEdge}; undefined for text that is no edge. */
export const parseEdge = (text: string): Edge | undefined => {
  const arrow = text.indexOf(ARROW);
  if (arrow < 0) return undefined;
  const subject = parseSubject(text.slice(0, arrow));
  const object = parseObject(text.slice(arrow + ARROW.length));
  return subject && object && { subject, object };
};
