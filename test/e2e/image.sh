#!/usr/bin/env bash
# Makes the disk and the kernel of a pristine Debian server, without network: what apt may install there lies in a source of its own.
#
#   image.sh SUITE DIR      writes DIR/disk, DIR/vmlinuz and DIR/initrd; needs root and Debian's archive
set -euo pipefail
suite=$1 dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An initramfs that can find the disk, and no more: it is unpacked by an emulated processor.
cat > "$work/early" <<'EOF'
#!/bin/sh
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list > "$1/etc/initramfs-tools/conf.d/e2e"
printf '%s\n' virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"
EOF

cat > "$work/late" <<'EOF'
#!/bin/sh
set -e
mkdir -p "$1/opt/debs"
chroot "$1" apt-get clean
chroot "$1" apt-get install -y -qq --download-only --no-install-recommends auditd nodejs >/dev/null
mv "$1"/var/cache/apt/archives/*.deb "$1/opt/debs/"
(cd "$1/opt/debs" && dpkg-scanpackages -m . /dev/null > Packages 2>/dev/null)
EOF
chmod +x "$work/early" "$work/late"

mmdebstrap --quiet --mode=root --format=directory --variant=important --aptopt='APT::Install-Recommends "false"' \
  --include=systemd-sysv,dbus,udev,kmod,linux-image-cloud-amd64,initramfs-tools,zstd \
  --essential-hook="$work/early" --customize-hook="$work/late" "$suite" "$work/root"
root=$work/root

rm -f "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/debs ./' > "$root/etc/apt/sources.list"
echo debian > "$root/etc/hostname"
echo '127.0.0.1 localhost debian' > "$root/etc/hosts"
echo '/dev/vda / ext4 defaults 0 1' > "$root/etc/fstab"
: > "$root/etc/machine-id"
install -m 755 "$(dirname "$0")/guest.sh" "$root/usr/local/sbin/e2e"
cat > "$root/etc/systemd/system/e2e.service" <<'EOF'
[Unit]
Description=The end-to-end test
After=multi-user.target
[Service]
ExecStart=/usr/local/sbin/e2e
Environment=HOME=/root
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
EOF
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../e2e.service "$root/etc/systemd/system/multi-user.target.wants/"

mkdir -p "$dir"
mv "$root"/boot/vmlinuz-* "$dir/vmlinuz"
mv "$root"/boot/initrd.img-* "$dir/initrd"
mke2fs -q -t ext4 -m 0 -d "$root" "$dir/disk.new" 4G
mv "$dir/disk.new" "$dir/disk"
