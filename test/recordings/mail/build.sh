#!/bin/bash
# Makes the disk of a mail and database server, Debian 12, for record.sh: needs root, mmdebstrap, e2fsprogs, openssh-client.
#
#   ./build.sh FOLDER        writes FOLDER/{disk,vmlinuz,initrd,key}
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER}
mkdir -p "$out"
out=$(cd "$out" && pwd)

packages=systemd-sysv,dbus,udev,kmod,linux-image-cloud-amd64,initramfs-tools,zstd
packages+=,auditd,cron,logrotate,man-db,openssh-server,openssh-sftp-server,rsync,rsyslog,sudo
packages+=,dovecot-imapd,postfix,postgresql,python3,python3-psycopg2,sensible-utils

[ -f "$out/key" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$out/key"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Postfix asks for its kind of site; 'No configuration' leaves main.cf to us.
cat > "$work/hook" <<'HOOK'
#!/bin/bash
set -euo pipefail
cp -R --no-preserve=ownership "$GUEST/." "$1/"
install -D -m 640 "$RULES" "$1/etc/audit/rules.d/fullmon.rules"
install -D -m 644 "$KEY.pub" "$1/opt/setup/key.pub"
chroot "$1" bash /opt/setup/system
HOOK
chmod +x "$work/hook"
GUEST=$here/guest RULES=$here/../../../audit.rules KEY=$out/key mmdebstrap --mode=root --format=directory --variant=important \
  --include="$packages" --aptopt='APT::Install-Recommends "false"' --customize-hook="$work/hook" \
  --essential-hook='echo "postfix postfix/main_mailer_type select No configuration" | chroot "$1" debconf-set-selections' \
  bookworm "$work/root"

mv "$work"/root/boot/vmlinuz-* "$out/vmlinuz"
mv "$work"/root/boot/initrd.img-* "$out/initrd"
rm -f "$out/disk"
mke2fs -q -t ext4 -d "$work/root" "$out/disk" 3G
