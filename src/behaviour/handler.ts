import type { Event } from '../audit/event.ts';
import type { Bytes } from '../audit/units.ts';
import type { EdgeKind } from './edge.ts';
import type { Process } from './processes.ts';

/** What a single event adds to an edge beyond its text. Bit set. */
/** `risen`: an exec after which the process is root though its real user is not. */
export const Trait = { executable: 1, setId: 2, denied: 4, risen: 8 } as const;

/**
 * Called for each edge an event shows. `from` is the old name of a rename, `address` the one behind a host's name, else empty. `as`: the subject, where
 * the actor is another one by now.
 */
export type See = (event: Event, actor: Process, kind: EdgeKind, name: Bytes, traits?: number, from?: Bytes, address?: Bytes, as?: Pick<Process, 'subject' | 'node'>) => void;

/** Turns one kind of system call into edges; `actor` made the call. */
export type Handler = (event: Event, actor: Process) => void;

const EPERM = -1;
const EACCES = -13;

export const isDenied = ({ syscall: { success, exit } }: Event): boolean => !success && (exit === EACCES || exit === EPERM);

/** The descriptor argument that stands for the working directory, low 32 bits. */
export const AT_FDCWD = 0xffffff9c;
