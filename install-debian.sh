#!/bin/sh
# Installs fullmon on Debian 12 or 13 (and what derives from them): auditd, the audit rules, the program, its service.
#
#   ./install-debian.sh                may be run again, for an update too
#   ./install-debian.sh --uninstall    removes what it put there; packages stay
#
# Exit status: 0 done, 1 something failed, 2 something is missing that this script does not bring.
set -eu

need=20.19 # the oldest Node.js that every library of ours runs on
app=/opt/fullmon
link=/usr/local/bin/fullmon
rules=/etc/audit/rules.d/50-fullmon.rules
unit=/etc/systemd/system/fullmon.service
dropin=/etc/systemd/system/auditd.service.d/fullmon.conf
flags='--baseline 3600 --monitor 60'
here=$(cd "$(dirname "$0")" && pwd)
# The service's own: a node that only root's shell finds is none.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() { echo "fullmon: $*"; }
die() { status=$1; shift; echo "fullmon: $*" >&2; exit "$status"; }
systemd() { [ -d /run/systemd/system ]; }

uninstall() {
  if systemd; then systemctl disable --quiet --now fullmon.service 2>/dev/null || true; fi
  rm -f "$unit" "$dropin" "$rules"
  rmdir "${dropin%/*}" 2>/dev/null || true
  if systemd; then systemctl daemon-reload; fi
  if command -v augenrules >/dev/null; then augenrules --load >/dev/null 2>&1 || true; fi
  [ "$(readlink "$link" || true)" != "$app/dist/main.js" ] || rm -f "$link"
  rm -rf "$app" /var/lib/fullmon
  say 'removed; auditd and nodejs stay, and so do the logs'
}

node_ok() { command -v node >/dev/null && dpkg --compare-versions "$(node -p process.versions.node)" ge "$need"; }

packages() {
  wanted=
  command -v auditd >/dev/null || wanted=' auditd'
  node_ok || wanted="$wanted nodejs"
  [ -n "$wanted" ] || return 0
  apt-get update -qq
  if ! node_ok; then
    candidate=$(apt-cache policy nodejs | sed -n 's/^ *Candidate: //p')
    dpkg --compare-versions "${candidate:-0}" ge "$need" 2>/dev/null ||
      die 2 "Node.js $need or newer is needed and Debian offers ${candidate:-none} here: put one into /usr/local (https://nodejs.org/en/download), then run this again"
  fi
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
  say "installed$wanted"
}

build() {
  [ ! -f "$here/dist/main.js" ] || return 0
  command -v npm >/dev/null || die 2 "not built: run 'npm ci' in $here where npm is, or unpack a release"
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund && npm run build)
}

# Beside the old one first, so that a full disk or a broken copy leaves that as it was. The libraries are in dist.
program() {
  rm -rf "$app.new"
  mkdir -p "$app.new"
  for name in dist package.json LICENSE audit.rules README.md; do
    [ ! -e "$here/$name" ] || cp -R "$here/$name" "$app.new/"
  done
  chmod -R u=rwX,go=rX "$app.new"
  chmod 755 "$app.new/dist/main.js"
  "$app.new/dist/main.js" --version >/dev/null || die 1 "the program does not run on $(node -v)"
  rm -rf "$app"
  mv "$app.new" "$app"
  ln -sfn "$app/dist/main.js" "$link"
}

# Rules for this host: without the secrets it has no place for, and on aarch64 without the calls it never had.
adapted() {
  case $(uname -m) in
    aarch64)
      sed -E -e '/arch=b64/s/\b(open|creat|rename|link|symlink|unlink|rmdir|mkdir|mknod|chmod|chown|lchown|utime|utimes|futimesat),//g' \
        -e 's/sys_kexec_load/kexec_load/' ;;
    *) cat ;;
  esac < "$here/audit.rules" | while IFS= read -r line; do
    case $line in
      -a*' dir='*) place=${line##* dir=} place=${place%% *} ;;
      -a*' path='*) place=${line##* path=} place=${place%% *} place=${place%/*} ;;
      *) place=/ ;;
    esac
    [ -d "$place" ] || printf '# not on this host: '
    printf '%s\n' "$line"
  done
}

audit() {
  adapted > "$rules.new"
  chown root:root "$rules.new"
  chmod 640 "$rules.new"
  mv "$rules.new" "$rules"
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
  trouble=$(augenrules --load 2>&1 >/dev/null) || die 1 "the audit rules do not load: $trouble"
  [ -z "$trouble" ] || say "some audit rules do not load: $trouble"
  auditctl -l | grep -q 'key=PROCESS' || die 1 "there are no audit rules in the kernel: is this a container, or are the rules locked (auditctl -s: enabled 2)?"
  ! auditctl -l | grep -q 'never,task' || say "a rule '-a never,task' keeps all processes unaudited: remove it from /etc/audit/rules.d and reboot"
}

service() {
  cat > "$unit" <<EOF
[Unit]
Description=fullmon, host intrusion detection by the audit log
Documentation=file:$app/README.md
After=auditd.service
Wants=auditd.service

[Service]
ExecStart=$link $flags
Restart=on-failure
RestartSec=5
# Wrong use does not get better by trying again.
RestartPreventExitStatus=2
# What is normal, and where it stands in the log: /var/lib/fullmon.
StateDirectory=fullmon
StateDirectoryMode=0700
# It reads the log and /proc, asks the kernel how auditing stands (auditctl -s, -l), and writes to the journal.
CapabilityBoundingSet=CAP_AUDIT_CONTROL CAP_DAC_READ_SEARCH CAP_SYS_PTRACE
LockPersonality=yes
NoNewPrivileges=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
EOF
  systemctl daemon-reload
  systemctl enable --quiet fullmon.service
  systemctl restart fullmon.service
  sleep 3
  systemctl is-active --quiet fullmon.service || die 1 "the service does not stay up: journalctl -u fullmon"
}

[ "$(id -u)" = 0 ] || die 2 'run this as root'
case "$#:${1:-}" in
  0:) ;;
  1:--uninstall) uninstall; exit ;;
  *) die 2 'usage: install-debian.sh [--uninstall]' ;;
esac
command -v apt-get >/dev/null || die 2 'this is for Debian; elsewhere install auditd, Node.js and audit.rules by hand, see README.md'

packages
build
program
audit
if systemd; then
  service
  say 'running, and learning for an hour what is normal here. Then it warns about what it has never seen.'
  echo '  journalctl -fu fullmon       what it says, one JSON object a line'
  echo '  systemctl edit fullmon       to learn for longer (ExecStart=, then ExecStart= with another --baseline)'
else
  say 'installed. There is no systemd here: see that auditd runs, now and after a boot, then run'
  echo "  $link $flags"
fi
echo '  ausearch -i -ts recent       what it reads'
grep -qw audit=1 /proc/cmdline || say 'services that run since before auditing are recorded from their next start on. Add audit=1 to the kernel command line (/etc/default/grub, update-grub) and reboot for a complete view.'
