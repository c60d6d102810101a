/** A process id as the kernel's initial namespace counts it. */
export type Pid = number & { readonly unit: 'pid' };
/** A numeric user id; {@link UNSET} for a login uid that nobody set. */
export type Uid = number & { readonly unit: 'uid' };
/** An audit session id, unique until the next boot; {@link UNSET} outside any login session. */
export type Ses = number & { readonly unit: 'ses' };
/** Milliseconds of the audit clock since the epoch: the stamp of a record, never the time it was read. */
export type Ms = number & { readonly unit: 'ms' };
/** Raw bytes, one char each (latin1): names are kept exactly as the kernel knows them and escaped only when printed. */
export type Bytes = string & { readonly unit: 'bytes' };

/** What the kernel logs for "no login uid" and "no session": (unsigned) -1. */
export const UNSET = 4294967295;

export const pid = (n: number): Pid => n as Pid;
export const uid = (n: number): Uid => n as Uid;
export const ses = (n: number): Ses => n as Ses;
export const ms = (n: number): Ms => n as Ms;
export const bytes = (s: string): Bytes => s as Bytes;

export const isSet = (id: Uid | Ses): boolean => id !== UNSET;
