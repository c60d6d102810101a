#!/usr/bin/env bash
# guard.sh DIR AUID [PID]: a real auditd with DIR/auditd.conf and DIR/scoped.rules, until stdin ends. Says "ready", or why not.
# The rules are loaded where PID has its root: which files a dir= covers is decided by the mounts seen from there.
#
# The kernel has one set of rules and one auditd. So this is a process of its own: however its parent ends, the pipe
# on stdin ends with it; then rules, auditd, DIR and every process with login uid AUID go away.
dir=$1 auid=$2 where=$3
trap '' HUP INT TERM
trap 'rm -rf "$dir"' EXIT

fail() { echo "$*"; exit 1; }

# One at a time on this machine; auditd must not inherit the lock.
exec 9>/run/lock/fullmon-live-audit
flock -w 300 9 || fail 'another live test has been holding audit for five minutes'

[ "$(auditctl -s | awk '$1 == "pid" { print $2 }')" = 0 ] || fail 'an audit daemon is running: these tests would take its place'
[ "$(auditctl -l)" = 'No rules' ] || fail 'there are audit rules in the kernel: these tests would delete them (auditctl -D)'

auditd -c "$dir" -n -s nochange >"$dir/auditd.out" 2>&1 9>&- &
auditd=$!
cleanup() {
  grep -lx "$auid" /proc/[0-9]*/loginuid | while IFS=/ read -r _ _ pid _; do kill -9 "$pid"; done
  # A file system that goes away meanwhile takes its rules with it, and -D gives up where one is gone that it has just listed.
  for _ in {1..50}; do
    auditctl -D
    [ "$(auditctl -l)" != 'No rules' ] || break
    sleep 0.1
  done
  auditctl -e 0
  kill "$auditd"
  wait "$auditd"
  rm -rf "$dir"
} >/dev/null 2>&1
trap cleanup EXIT

for _ in {1..200}; do
  [ "$(auditctl -s | awk '$1 == "pid" { print $2 }')" != "$auditd" ] || break
  kill -0 "$auditd" 2>/dev/null || fail "auditd does not start: $(tail -n 3 "$dir/auditd.out")"
  sleep 0.05
done
rules=$dir/scoped.rules
if [ -n "$where" ]; then
  cp -p "$rules" "/proc/$where/root/run/scoped.rules"
  rules=/run/scoped.rules
fi
out=$(${where:+nsenter --target "$where" --mount} auditctl -R "$rules" 2>&1 >/dev/null) || fail "the rules do not load: $out"
auditctl -e 1 >/dev/null
# Just started, auditd takes the first record that comes for an answer to its own request, and drops it.
for _ in {1..200}; do
  auditctl -m fullmon-live-up
  ! grep -q fullmon-live-up "$dir/audit.log" || break
  sleep 0.05
done
echo ready
read -r _ || true
