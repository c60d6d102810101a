/** Ed25519 signatures in a file beside what is signed: base64 in one line, over all of its bytes. Keys are PEM, as `openssl genpkey -algorithm ed25519` makes them. */
import { createPrivateKey, createPublicKey, sign as signBytes, verify as verifyBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FullmonError, unreadable } from './errors.ts';
import { codeOf } from './files.ts';

export const signatureOf = (file: string): string => `${file}.sig`;

const SIGNATURE = /^[A-Za-z0-9+/]{86}==\n?$/;

const readKey = (flag: string, file: string, make: (pem: Buffer) => KeyObject): KeyObject => {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    throw unreadable(`${flag} ${file}`, error);
  }
  try {
    const key = make(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // told below
  }
  throw new FullmonError(`${flag} ${file}: is no Ed25519 key in PEM: make one with openssl genpkey -algorithm ed25519, its public half with openssl pkey -pubout`);
};

/** Throws a {@link FullmonError}. */
export const readPublicKey = (file: string): KeyObject => readKey('--public-key', file, createPublicKey);

/** The text for the file beside it. Throws a {@link FullmonError}. */
export const sign = (bytes: Buffer, privateKey: string): string => `${signBytes(null, bytes, readKey('--private-key', privateKey, createPrivateKey)).toString('base64')}\n`;

/** What is wrong with the signature of these bytes, which were read from `file`; undefined when it is good. */
export const faultOf = (file: string, bytes: Buffer, key: KeyObject): string | undefined => {
  let text: string;
  try {
    text = readFileSync(signatureOf(file), 'latin1');
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? `is not signed: ${signatureOf(file)} is missing` : `has a signature that cannot be read (${codeOf(error)})`;
  }
  return SIGNATURE.test(text) && verifyBytes(null, bytes, key, Buffer.from(text, 'base64')) ? undefined : 'has a bad signature: it was changed, or signed with another key';
};
