#!/usr/bin/env bash
# What happens on the server, as README.md says it, and what has to be seen. Each part ends with a reboot; the last one with status 100.
set -euo pipefail

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
die() { say "FAILED: $*"; exit 1; }
# Both: what has to be so, in words, and a command that shows it.
is() { local what=$1; shift; if "$@"; then say "ok: $what"; else die "$what"; fi; }
becomes() {
  local what=$1 until=$((SECONDS + $2))
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || die "$what"
    sleep 2
  done
  say "ok: $what"
}
# The first line that it told since the last boot with both of these.
line_of() {
  journalctl --boot --unit fullmon --output cat --no-pager > /e2e/journal
  awk -v a="$1" -v b="${2:-}" 'index($0, a) && index($0, b) && !found++ { print } END { exit !found }' /e2e/journal
}
told() { line_of "$@" > /dev/null; }
active() { systemctl is-active --quiet fullmon; }
process() { systemctl show --property MainPID --value fullmon; }
another() { active && [ "$(process)" != "$1" ]; }
status_of() { grep -q "^$1:.*$2" "/proc/$(process)/status"; }
# All there is, and who.
inventory() {
  find / -xdev \( -path /e2e -o -path /tmp -o -path /opt/debs -o -path /proc -o -path /sys -o -path /run -o -path /dev \) -prune -o -print | sort > "/e2e/files.$1"
  getent passwd | sort > "/e2e/users.$1"
  getent group | sort > "/e2e/groups.$1"
}

# Somebody runs a program of a name that nobody has seen; how many seconds after that it was told of is said.
attack() {
  local name=/tmp/.$1 line first time
  cp /usr/bin/id "$name"
  "$name" > /dev/null
  becomes "an attack is told in the journal ($1)" 300 told '"kind":"exec"' ":$name"
  becomes '... and in the JSON log' 60 grep -q "\"kind\":\"exec\".*:$name" /var/log/fullmon/alerts.json
  line=$(line_of '"kind":"exec"' ":$name")
  [[ $line =~ \"time\":([0-9]+) ]] && time=${BASH_REMATCH[1]}
  [[ $line =~ \"first\":([0-9]+) ]] && first=${BASH_REMATCH[1]}
  [[ $line =~ \"severity\":\"(high|critical)\" ]] || die "it is not rated high: $line"
  is "... as ${BASH_REMATCH[1]}, $((time - first)) ms later, within one cycle" [ $((time - first)) -le 20000 ]
  is '... in the journal as an error' sh -c 'journalctl --boot --unit fullmon --priority err --output cat --no-pager | grep -qF "$0"' "$line"
  [[ $line =~ \"incident\":\"([0-9a-f]+)\" ]]
  becomes '... and its incident by a program that the service starts' 300 grep -q "\"type\":\"incident\".*\"incident\":\"${BASH_REMATCH[1]}\"" /var/log/fullmon/paged
}

part_1() {
  inventory before
  sha256sum --check --ignore-missing SHA256SUMS
  tar -xzf fullmon-*.tar.gz
  cd fullmon-*/
  ./install-debian.sh --no-start
  is 'the service is not started when that is not wanted' sh -c '! systemctl is-active --quiet fullmon'
  is '... but with the next boot' systemctl is-enabled --quiet fullmon
  printf '  - {type: command, argv: [/usr/bin/tee, -a, /var/log/fullmon/paged]}\n' >> /etc/fullmon/fullmon.yaml
  ./install-debian.sh > /e2e/again
  is 'the installer may run again, and then the service runs' active
  is '... with the configuration that was there' grep -q paged /etc/fullmon/fullmon.yaml
}

part_2() {
  active || sleep 20
  is 'the service runs after a reboot' active
  becomes '... and tells of it, which is no alarm' 60 told 'auditd was stopped with the machine'
  is '... as its user' status_of Uid "$(id -u fullmon)"
  is '... in the group of the log' status_of Groups "$(getent group adm | cut -d: -f3)"
  is '... without any capability' status_of CapPrm 0000000000000000
  auditctl -l > /e2e/rules
  for key in PROCESS FILEMOD NETCONN SECRET; do grep -q "key=$key" /e2e/rules || die "no rule has the key $key"; done
  say "ok: the rules are loaded, $(wc -l < /e2e/rules) of them"
  is "the score is at most 2.0:$(systemd-analyze security --no-pager fullmon | tail -n 1 | cut -d: -f2)" sh -c 'systemd-analyze security --no-pager --threshold=20 fullmon > /dev/null'
  is 'the units are right' systemd-analyze verify /etc/systemd/system/fullmon.service /etc/systemd/system/fullmon-audit.timer

  sed -i 's/^baseline: .*/baseline: 60/; s/^monitor: .*/monitor: 20/' /etc/fullmon/fullmon.yaml
  systemctl restart fullmon
  becomes 'it has learned what is normal' 300 told '"type":"coverage"'
  attack first

  kill -USR1 "$(pidof auditd)"
  becomes 'auditd rotates its log' 60 test -e /var/log/audit/audit.log.1
  attack rotated

  local before now
  before=$(process)
  kill -KILL "$before"
  attack killed
  is 'it was killed, and started again' another "$before"
  now=$(process)

  is 'it can be told to look at its settings again' systemctl reload fullmon
  echo 'basline: 3' >> /etc/fullmon/fullmon.yaml
  is '... not with faults in them' sh -c '! systemctl reload fullmon 2>/dev/null'
  sed -i '/basline/d' /etc/fullmon/fullmon.yaml
  kill -USR1 "$now"
  logrotate --force /etc/logrotate.d/fullmon
  is 'the JSON log is rotated' test -e /var/log/fullmon/alerts.json.1
  sleep 2
  is 'the debugger stays shut' sh -c '! ss -ltn | grep -q 9229'
  is '... and the process the same through all that' [ "$(process)" = "$now" ]
  attack last
  is 'nothing was missed' sh -c '! grep -q "records may be lost" /e2e/journal'
  # What runs as fullmon, but for logrotate, which the scenario started.
  is 'it has not told of itself' sh -c '! grep -F "\"type\":\"edge\"" /e2e/journal | grep -E "opt/fullmon[^\"]*->|proc::$0:" | grep -v "/usr/sbin/logrotate@bash->" | tee /dev/stderr | grep -q .' "$(id -u fullmon)"

  auditctl -D > /dev/null
  systemctl start fullmon-audit.service
  becomes 'without rules it is blind, and says so' 300 told '"kind":"audit"' 'there are no audit rules'
  augenrules --load > /dev/null
  systemctl start fullmon-audit.service
  becomes '... and says when it sees again' 300 told '"kind":"audit"' 'there are audit rules again'

  mkdir -p /run/systemd/system/fullmon.service.d
  printf '[Service]\nWatchdogSec=20\n' > /run/systemd/system/fullmon.service.d/e2e.conf
  systemctl daemon-reload
  systemctl restart fullmon
  now=$(process)
  sleep 30
  is 'its signs of life reach the watchdog' [ "$(process)" = "$now" ]
  kill -STOP "$now"
  becomes '... and without them it is started again' 300 another "$now"

  cd /e2e/fullmon-*/
  ./install-debian.sh --uninstall
  inventory after
  is 'after the removal there are the same users' cmp /e2e/users.before /e2e/users.after
  is '... and groups' cmp /e2e/groups.before /e2e/groups.after
  is '... and no unit' sh -c '! systemctl list-units --all --no-legend "fullmon*" | grep .'
  is '... and no rule' sh -c '! auditctl -l | grep -q key=PROCESS'
  # What userdel and groupdel keep is as it was before they did.
  is '... and no word in /etc' sh -c '! grep -rl --exclude="passwd-" --exclude="shadow-" --exclude="group-" --exclude="gshadow-" fullmon /etc'
  # New files are those of packages, which still say /lib for /usr/lib, and what packages and services make by themselves.
  comm -13 /e2e/files.before /e2e/files.after | grep -vxF -f <(cat /var/lib/dpkg/info/*.list) -f <(sed 's,^,/usr,' /var/lib/dpkg/info/*.list) |
    grep -vE '^/(var/(log|cache|lib/(apt|dpkg|systemd|logrotate|private)|tmp/systemd-private-[^/]+)(/|$)|etc/(audit/audit\.rules|rc.\.d/|systemd/system/multi-user\.target\.wants/audit[a-z-]+\.service|alternatives/|ld\.so\.cache|mailcap|hosts\.(allow|deny))|usr/(bin/[a-z]+|share/man/man1/js\.1\.gz)$)' > /e2e/left || true
  is "... and no file: $(tr '\n' ' ' < /e2e/left)" [ ! -s /e2e/left ]
  is '... and none of ours' sh -c '! grep fullmon /e2e/files.after'
  exit 100
}

cd /e2e
"part_$1"
