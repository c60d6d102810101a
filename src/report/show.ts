import { unescape } from '../behaviour/text.ts';

/** A time for a person, in UTC. `time`: ms. */
export const stamp = (time: number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ');

const REDACTED = '[redacted]';

// A password is a password wherever it stands in a command line: after an option, in a variable, in a URL, in a header.
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/((?:^|\s|[;&?'"])-{0,2}[\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|credentials?|_pwd|signature)[\w-]*["']?(?:=|:\s*|\s+))(?!-)("[^"]*"|'[^']*'|[^\s'"]+)/gi, `$1${REDACTED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi, `$1${REDACTED}`],
  [/(authorization:\s*(?:basic|bearer|token)\s+)[^\s'"]+/gi, `$1${REDACTED}`],
  // The options of some programs, joined to their value or not.
  [/(?<=(?:^|\/)(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\s(?:.*\s)?-p)\S+/g, REDACTED],
  [/(?<=(?:^|\/)(?:sshpass|mongo|mongosh)\s(?:.*\s)?-p\s*)(?!\s)\S+/g, REDACTED],
  [/(?<=(?:^|\/)redis-cli\s(?:.*\s)?-a\s+)\S+/g, REDACTED],
  [/(?<=(?:^|\/)ldap(?:search|modify|add|delete|whoami|passwd)\s(?:.*\s)?-w\s*)(?!\s)\S+/g, REDACTED],
  [/((?:^|\/)(?:docker|podman|buildah|skopeo|helm|oc|az)\s(?:.*\s)?login\s(?:.*\s)?-p\s+)\S+/g, `$1${REDACTED}`],
  [/((?:^|\s)-{1,2}pass(?:=|\s+))(?!-)\S+/g, `$1${REDACTED}`],
  // openssl's -passin, -passout and -pass; smbclient's -U.
  [/((?:^|\s|=)pass:)\S+/g, `$1${REDACTED}`],
  [/((?:^|\s)(?:-U\s*|--user[\s=]\s*)[^\s%]+%25)\S+/g, `$1${REDACTED}`],
  // What is a key by its looks: of AWS, GitHub, GitLab, Slack, Stripe; a signed token.
  [/\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[opsur]_[0-9A-Za-z]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[0-9A-Za-z-]{10,}|[rs]k_live_[0-9A-Za-z]{16,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+)/g, REDACTED],
  [/((?:^|\s)(?:-u\s*|--user[\s=]\s*)[^\s:]+:)\S+/g, `$1${REDACTED}`],
];

/** A command line without the secrets in it. */
export const redact = (text: string): string => SECRETS.reduce((t, [pattern, instead]) => t.replace(pattern, instead), text);

/** Raw bytes for a reader: blanks stay, all else that is not printable ASCII becomes %XX. */
export const show = (raw: string): string => raw.replace(/[^\x20-\x7e]|%/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

export const showCommand = (command: string): string => redact(show(command));

const DIRECTION = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A printed node for a person: %XX that are UTF-8 become letters again, unless they could fool the eye or the terminal. */
export const readable = (node: string): string =>
  node.replace(/(?:%[89A-F][0-9A-F])+/g, (run) => {
    const text = Buffer.from(unescape(run), 'latin1').toString('utf8');
    return text.includes('\ufffd') || DIRECTION.test(text) ? run : text;
  });

