#!/usr/bin/env bash
# Boots a pristine Debian in QEMU, installs a release there as README.md says, reboots, attacks, breaks things, removes it again (scenario.sh).
#
#   npm run test:e2e -- bookworm [trixie]...
#
# Images are built once, into a cache outside of the checkout. Without hardware virtualisation it takes a quarter of an hour and more a suite.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${TMPDIR:-/tmp}}/fullmon-e2e
[ $# -gt 0 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

missing=()
for pair in qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs dpkg-scanpackages:dpkg-dev; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "e2e: installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

# What calls itself kvm in a virtual machine may start and then stand still.
accel=(-accel 'tcg,thread=multi,tb-size=512')
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=(-accel kvm); fi

work=$(mktemp -d)
vm=
trap '[ -z "$vm" ] || kill -9 "$vm" 2> /dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

(cd "$here/../.." && npm run --silent release -- x64 > "$work/release.log" 2>&1) || { cat "$work/release.log"; exit 1; }
version=$(node -p 'require(process.argv[1]).version' "$here/../../package.json")

run() {
  local suite=$1 image release begin
  image=$cache/$suite-$(cat "$here/image.sh" "$here/guest.sh" | sha256sum | cut -c1-12)
  if [ ! -e "$image/disk" ]; then
    echo "e2e: building $image"
    rm -rf "${cache:?}/$suite"-*
    "$here/image.sh" "$suite" "$image"
  fi
  # Debian 12 has no Node.js that is new enough, and nothing can be downloaded there.
  case $suite in bookworm) release=-linux-x64 ;; *) release= ;; esac
  rm -rf "$work/in" "$work/in.tar"
  mkdir "$work/in"
  cp "$here/../../release/fullmon-$version$release.tar.gz" "$here/../../release/SHA256SUMS" "$here/scenario.sh" "$work/in/"
  tar -cf "$work/in.tar" -C "$work/in" .
  : > "$work/out"
  begin=$SECONDS
  TMPDIR=$work qemu-system-x86_64 -M q35 "${accel[@]}" -cpu qemu64 -smp "$(nproc)" -m 2048 \
    -nodefaults -display none -nic none -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append 'root=/dev/vda rw console=ttyS0 panic=-1 mitigations=off systemd.default_timeout_start_sec=600' \
    -drive "file=$image/disk,format=raw,if=virtio,snapshot=on,cache=unsafe" -drive "file=$work/in.tar,format=raw,if=virtio,readonly=on" \
    -serial "file:$work/console" -serial "file:$work/out" > "$work/qemu" 2>&1 &
  vm=$!
  tail -s 0.5 -f --pid=$vm "$work/out" | sed -u 's,\r,,' &
  while kill -0 "$vm" 2> /dev/null; do
    if [ $((SECONDS - begin)) -gt "${E2E_LIMIT:-1800}" ]; then
      echo 'e2e: takes too long'
      kill -9 "$vm"
    fi
    sleep 1
  done
  wait || true
  vm=
  echo "e2e: $suite, $((SECONDS - begin)) s"
  if ! grep -q '^e2e: PASSED' <(tr -d '\r' < "$work/out"); then
    cat "$work/qemu"
    tail -n 20 "$work/console"
    return 1
  fi
}

for suite in "$@"; do run "$suite"; done
