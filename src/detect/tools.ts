import type { Bytes } from '../audit/units.ts';
import { baseName } from '../behaviour/paths.ts';
import type { Meaning } from './tactics.ts';

// Programs that a server seldom needs and an intruder often does. They make an edge that is new anyway graver; to run one is no alert by itself.
const TOOLS: readonly (readonly [name: RegExp, meaning: Meaning])[] = [
  [/^(?:nc|ncat|netcat|socat|telnet|nc\.(?:openbsd|traditional))$/, { what: 'it joins programs to the network', points: 25, tactic: 'command and control', technique: 'T1095' }],
  [/^(?:nmap|masscan|zmap|arp-scan|fping|nbtscan)$/, { what: 'it looks for other machines', points: 30, tactic: 'discovery', technique: 'T1046' }],
  [/^(?:tcpdump|tshark|dumpcap|ettercap|ngrep)$/, { what: 'it reads what others send', points: 25, tactic: 'credential access', technique: 'T1040' }],
  [/^(?:strace|ltrace|gdb|gcore)$/, { what: 'it looks into other processes', points: 20, tactic: 'privilege escalation', technique: 'T1055.008' }],
  [/^(?:auditctl|augenrules|setenforce|aa-(?:teardown|disable|complain))$/, { what: 'it changes what is recorded or forbidden', points: 35, tactic: 'defense evasion', technique: 'T1562.012' }],
  [/^(?:iptables|ip6tables|xtables-\w+-multi|nft|ufw)(?:-\w+)?$/, { what: 'it changes the firewall', points: 25, tactic: 'defense evasion', technique: 'T1562.004' }],
  [/^(?:chattr|setfattr)$/, { what: 'it makes files that cannot be changed', points: 20, tactic: 'defense evasion', technique: 'T1222.002' }],
  [/^(?:shred|wipe|srm)$/, { what: 'it destroys traces', points: 20, tactic: 'defense evasion', technique: 'T1070.004' }],
  [/^(?:setcap|capsh)$/, { what: 'it gives rights to programs', points: 25, tactic: 'privilege escalation', technique: 'T1548.001' }],
  [/^(?:insmod|modprobe|kmod|kexec|bpftool)$/, { what: 'it changes what the kernel runs', points: 25, tactic: 'persistence', technique: 'T1547.006' }],
  [/^(?:nsenter|debugfs|mknod)$/, { what: 'it goes round what keeps things apart', points: 20, tactic: 'privilege escalation', technique: 'T1611' }],
  [/^(?:useradd|usermod|adduser|chpasswd|newusers)$/, { what: 'it makes or changes accounts', points: 20, tactic: 'persistence', technique: 'T1136.001' }],
  [/^(?:crontab|at|batch)$/, { what: 'it makes jobs', points: 15, tactic: 'persistence', technique: 'T1053.003' }],
  [/^(?:xmrig|minerd|cpuminer|t-rex)$/, { what: 'it is known for mining', points: 45, tactic: 'impact', technique: 'T1496' }],
];

export const toolOf = (exe: Bytes): Meaning | undefined => {
  const name = baseName(exe);
  return TOOLS.find(([pattern]) => pattern.test(name))?.[1];
};

const RELAY = /\/(?:nc|ncat|netcat|socat|telnet|nc\.(?:openbsd|traditional))$/;
const ASKS = /\/(?:id|whoami|uname|hostname|ps|ss|netstat|last|lastlog|w|who|df|mount|env|lsblk|ip|ifconfig|arp|route|groups|lscpu|lsof|getcap|sysctl|dmidecode|printenv|uptime)$/;
const READS_ANYTHING = /\/(?:cat|tac|cp|dd|base64|base32|xxd|od|hexdump|head|tail|less|more|view|vim?(?:\.\w+)?|nano|grep|[gm]?awk|sed|strings|tar|zip|gzip|xz|openssl|scp|sftp|rsync|curl|wget|nc|socat)$/;

/** Its input decides what it sends and to whom. */
export const isRelay = (exe: Bytes): boolean => RELAY.test(exe);

/** Tells about the machine; one is nothing, many in a row are a look round. */
export const asksAround = (exe: Bytes): boolean => ASKS.test(exe);

/** Shows or copies any file: that it reads this one is somebody's will. */
export const readsAnything = (exe: Bytes): boolean => READS_ANYTHING.test(exe);
