// The text of edges as the manual states it, written down a second time and without a look at the program:
// the truth of a generated log is made with this. All texts are strings of bytes (latin1, one character a byte).

export const UNSET = 4294967295;
/** Edges of this user are left out of the truth: who they belong to, or what they mean, cannot be told from the log. */
export const NOBODY_KNOWS = 4242;

/** UTF-8 bytes of a text, one character a byte. */
export const bytes = text => Buffer.from(text).toString('latin1');

/** A text of the world inside a node: bytes that are no printable ASCII, and those that the grammar needs, as %XX. */
export const escaped = text =>
  text.replace(/[^\x21-\x7e]|[%@>]/g, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

export const user = ({ auid, euid }) => (auid === UNSET ? `${euid}` : `${auid}/${euid}`);

/** A process { auid, euid, exe, script, service }; script and service may be empty. */
export const subject = process =>
  `proc::${user(process)}:${escaped(process.exe)}${process.script ? ` ${escaped(process.script)}` : ''}${process.service ? `@${escaped(process.service)}` : ''}`;

/** Who executed a program that init started: init itself is not in the log. */
export const unknownSubject = process => `proc::${user(process)}:?`;

export const edge = (from, object) => `${from}->${object}`;
export const file = (action, path) => `file:${action}:${escaped(path)}`;

const colons = groups => groups.map(group => group.toString(16)).join(':');

/** 4 or 16 bytes as text: dotted, or as RFC 5952 has it; a mapped IPv4 address is the IPv4 address. */
export function address(octets) {
  if (octets.length === 4) return octets.join('.');
  if (octets.slice(0, 10).every(octet => octet === 0) && octets[10] === 255 && octets[11] === 255) return octets.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => octets[2 * i] * 256 + octets[2 * i + 1]);
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best.at < 0 ? colons(groups) : `${colons(groups.slice(0, best.at))}::${colons(groups.slice(best.at + best.length))}`;
}

const EPHEMERAL = 32768;
export const host = (octets, port) => `host:${address(octets)}:${port}`;
export const listen = (octets, port) => `listen:${address(octets)}:${port === 0 || port >= EPHEMERAL ? '*' : port}`;
export const sock = path => `sock:${escaped(path)}`;
export const trace = exe => `trace:${escaped(exe)}`;
export const kernel = (what, name) => (name === undefined ? `kernel:${what}` : `kernel:${what}:${escaped(name)}`);
