import type { Bytes } from '../audit/units.ts';
import type { EdgeKind } from '../behaviour/edge.ts';

/** The column of the ATT&CK matrix that an edge belongs to; incidents that cross several of them are graver. */
export type Tactic =
  | 'initial access' | 'execution' | 'persistence' | 'privilege escalation' | 'defense evasion' | 'credential access'
  | 'discovery' | 'collection' | 'command and control' | 'exfiltration' | 'impact';

/** What touching a thing may be good for. `technique`: an id of MITRE ATT&CK, https://attack.mitre.org. */
export interface Meaning {
  readonly what: string;
  readonly points: number;
  readonly tactic: Tactic;
  readonly technique?: string;
  /** No company excuses it, and learning does not silence it. */
  readonly always?: true;
}

const CHANGES: readonly EdgeKind[] = ['create', 'write', 'rename', 'link', 'attr', 'delete'];
const HIDES: readonly EdgeKind[] = ['delete', 'rename', 'link'];

type Place = readonly [where: RegExp, kinds: readonly EdgeKind[], meaning: Meaning];

const place = (where: RegExp, points: number, tactic: Tactic, technique: string, what: string, kinds = CHANGES): Place => [where, kinds, { what, points, tactic, technique }];
const always = ([where, kinds, meaning]: Place): Place => [where, kinds, { ...meaning, always: true }];

// The first that fits tells. An administrator changes such places once a year and then knows of it; an intruder has to.
const PLACES: readonly Place[] = [
  always(place(/^\/etc\/ld\.so\.preload$/, 80, 'persistence', 'T1574.006', 'a library for every program')),
  always(place(/^\/etc\/audit\/|^\/etc\/audisp\/|^\/etc\/systemd\/system\/auditd\.service/, 50, 'defense evasion', 'T1562.012', 'the rules of auditing')),
  always(place(/^\/var\/log\/audit(?:\/|$)/, 60, 'defense evasion', 'T1070.002', 'the audit log itself')),
  always(place(/^\/(?:opt|etc|var\/lib|var\/log)\/fullmon(?:\/|$)/, 50, 'defense evasion', 'T1562.001', "this watcher's own files")),
  place(/^\/etc\/ld\.so\.conf(?:$|\.d\/)/, 45, 'persistence', 'T1574.006', 'where programs look for libraries'),
  place(/^\/etc\/sudoers(?:$|\.d\/)/, 50, 'privilege escalation', 'T1548.003', 'who may become root'),
  place(/^\/etc\/(?:passwd|shadow|group|gshadow|subuid|subgid)$/, 45, 'persistence', 'T1136.001', 'the accounts of the system'),
  place(/^\/etc\/(?:pam\.d|security)\/|\/security\/pam_[^/]*\.so$/, 50, 'persistence', 'T1556.003', 'how logins are checked'),
  place(/\/\.ssh\/authorized_keys2?$/, 50, 'persistence', 'T1098.004', 'who may log in by key'),
  place(/\/\.ssh\//, 35, 'persistence', 'T1098.004', 'ssh keys and settings'),
  place(/^\/etc\/ssh\//, 45, 'persistence', 'T1098.004', 'the settings of sshd'),
  place(/^\/etc\/(?:cron[^/]*|anacrontab)(?:\/|$)|^\/var\/spool\/(?:cron|at)(?:\/|$)/, 45, 'persistence', 'T1053.003', 'what runs by the clock'),
  place(/\/systemd\/(?:system|user)(?:-generators|-sleep|-shutdown)?\/[^/]|\/systemd\/[^/]*generators\//, 45, 'persistence', 'T1543.002', 'what systemd starts'),
  place(/^\/etc\/(?:rc\.local|rc[0-6S]?\.d\/|init\.d\/|inittab|init\/)/, 45, 'persistence', 'T1037.004', 'what runs at boot'),
  place(/^\/etc\/(?:profile(?:$|\.d\/)|bash\.bashrc|environment|zsh\/|csh\.)|\/\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zshenv|zprofile|zlogin|cshrc|kshrc)$/, 45, 'persistence', 'T1546.004', 'what every shell runs first'),
  place(/^\/etc\/update-motd\.d\//, 45, 'persistence', 'T1546', 'what runs at every login'),
  place(/\/udev\/rules\.d\//, 45, 'persistence', 'T1546.017', 'what runs when devices come and go'),
  place(/^\/etc\/apt\/apt\.conf\.d\/|^\/etc\/dpkg\/dpkg\.cfg\.d\/|^\/etc\/(?:yum|dnf)\/plugins/, 45, 'persistence', 'T1546.016', 'what runs with the package manager'),
  place(/\/\.git\/hooks\/|\/\.gitconfig$/, 40, 'persistence', 'T1546', 'what git runs'),
  place(/\/(?:sitecustomize|usercustomize)\.py$|\/(?:site|dist)-packages\/[^/]*\.pth$/, 45, 'persistence', 'T1546.018', 'what every Python program runs first'),
  place(/\/(?:NetworkManager|network|networkd)[^/]*\/(?:dispatcher\.d|if-[^/]+\.d)\/|^\/etc\/network\/if-[^/]+\.d\/|^\/etc\/dhcp\/dhclient[^/]*hooks/, 40, 'persistence', 'T1546', 'what runs when the network changes'),
  place(/\/(?:autostart)\/[^/]+\.desktop$/, 40, 'persistence', 'T1547.013', 'what starts with a desktop'),
  place(/\/\.(?:forward|procmailrc|mailfilter|vimrc|inputrc|selected_editor|pythonrc)$|\/\.dovecot\.sieve$|^\/etc\/aliases(?:\.db)?$/, 45, 'persistence', 'T1546', 'what a mail or an editor runs'),
  place(/^\/etc\/(?:modules|modprobe\.d\/|modules-load\.d\/)|\/lib\/modules\//, 45, 'persistence', 'T1547.006', 'what the kernel loads'),
  place(/^\/boot(?:\/|$)|^\/etc\/default\/grub|^\/etc\/initramfs-tools\//, 45, 'persistence', 'T1542', 'how the machine boots'),
  place(/^\/etc\/(?:r?syslog|systemd\/journald|logrotate|selinux\/|apparmor|fail2ban|ufw\/|nftables|iptables)/, 45, 'defense evasion', 'T1562.001', 'what logs and guards'),
  place(/^\/(?:usr\/local\/share\/ca-certificates|etc\/ssl\/certs|etc\/ca-certificates)/, 40, 'defense evasion', 'T1553.004', 'whom the system trusts'),
  place(/^\/etc\/(?:hosts|resolv\.conf|nsswitch\.conf|gai\.conf)$/, 35, 'defense evasion', 'T1565.001', 'where names lead'),
  place(/^\/proc\/sys\/kernel\/(?:core_pattern|modprobe|poweroff_cmd)$/, 60, 'privilege escalation', 'T1547.006', 'what the kernel runs'),
  place(/^\/proc\/\d+\/mem$|^\/dev\/(?:mem|kmem|port)$/, 60, 'privilege escalation', 'T1055.009', 'the memory of others'),
  place(/^\/(?:proc\/sys|sys)\//, 35, 'defense evasion', 'T1562.001', 'a setting of the kernel'),
  place(/^\/var\/log\/(?:wtmp|btmp|lastlog|utmp|faillog|auth\.log|secure|syslog|messages|kern\.log)|^\/(?:var\/)?run\/utmp$/, 45, 'defense evasion', 'T1070.002', 'the record of who was here', [...HIDES, 'write']),
  place(/^\/var\/log\//, 20, 'defense evasion', 'T1070.002', 'a log goes away', HIDES),
  place(/\/\.[a-z]*_?history$/, 40, 'defense evasion', 'T1070.003', 'what was typed', HIDES),
  place(/^\/(?:usr\/(?:local\/)?)?s?bin\/|^\/(?:usr\/(?:local\/)?)?lib(?:32|64|x32|exec)?\//, 35, 'persistence', 'T1554', 'the programs and libraries of the system'),
  place(/^\/etc\//, 25, 'persistence', 'T1543', 'the configuration of the system'),
];

/** What it means that a file of this name is touched in this way; undefined for a file like any other. */
export const meaningOf = (kind: EdgeKind, path: Bytes): Meaning | undefined => PLACES.find(([where, kinds]) => kinds.includes(kind) && where.test(path))?.[2];

// Web servers run what ends like this, whoever wrote it.
const WEB_PROGRAM = /\.(?:php\d?|phtml|phar|jspx?|aspx?|ashx|cgi|pl|war|cfm|shtml|htaccess)$/i;

export const isWebProgram = (path: Bytes): boolean => WEB_PROGRAM.test(path);

// Anybody may write there, and hardly anybody looks: where programs do not belong.
const SCRATCH = /^\/(?:tmp|var\/tmp|dev\/shm|run\/shm|dev\/mqueue|run\/lock|var\/lock|var\/crash)\//;
const HIDDEN = /\/\.[^/]+$/;
const GONE = /^\/memfd:| \(deleted\)$/;

export type Oddity = 'scratch' | 'hidden' | 'gone';

/** What is wrong with the place a program or script runs from. */
export const oddityOf = (path: Bytes): Oddity | undefined => (GONE.test(path) ? 'gone' : SCRATCH.test(path) ? 'scratch' : HIDDEN.test(path) ? 'hidden' : undefined);
