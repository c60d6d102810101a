#!/bin/bash
# Boots the disk that build.sh made, plays a working day with attacks on it (play.py), and brings home what auditd wrote.
#
#   ./record.sh FOLDER OUT [BASELINE]      writes OUT/{audit.log.gz,labels.json}
#
# Needs qemu-system-x86, openssh-client, python3. Without KVM a processor is emulated, some 15 times slower. Nothing leaves the machine: the guest reaches
# two addresses, behind which `dd` swallows all, and is reached by ports of loopback.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
img=$(cd "${1:?usage: record.sh FOLDER OUT [BASELINE]}" && pwd) out=${2:?usage: record.sh FOLDER OUT [BASELINE]}
mkdir -p "$out"
port=${PORT:-22000} # ssh, and three above it
forward=''
for pair in 0:22 1:25 2:143 3:8080; do forward+=,hostfwd=tcp:127.0.0.1:$((port + ${pair%:*}))-203.0.113.15:${pair#*:}; done
for evil in 203.0.113.66:443 203.0.113.77:8443; do forward+=",guestfwd=tcp:$evil-cmd:dd status=none of=/dev/null"; done
accel=tcg,thread=multi
{ [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo && accel=kvm; } || true

# It is shortly before cron's daily jobs come round, which they do after the baseline.
baseline=${3:-900}
lead=$((25 * 60 - 330 - baseline))
qemu-system-x86_64 -M q35 -accel "$accel" -smp 2 -m 1536 -nodefaults -no-reboot -display none \
  -kernel "$img/vmlinuz" -initrd "$img/initrd" -append 'root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off audit=1 quiet' \
  -drive "if=virtio,format=raw,snapshot=on,cache=unsafe,file=$img/disk" -device virtio-rng-pci \
  -netdev "user,id=lan,net=203.0.113.0/24,host=203.0.113.2,restrict=on$forward" -device virtio-net-pci,netdev=lan,romfile= \
  -rtc "base=2026-12-01T06:$(printf %02d $((lead / 60))):$(printf %02d $((lead % 60)))" -serial "file:$out/console" -monitor none &
vm=$!
trap 'kill "$vm" 2>/dev/null' EXIT
python3 "$here/play.py" --port "$port" --key "$img/key" --out "$out" --baseline "$baseline"
