import type { Bytes } from '../audit/units.ts';

// What an intruder changes to stay, to rise or to hide. Denied access to it shows intent, and no pattern may ever cover it.
const PROTECTED =
  /^\/(?:etc|usr|bin|sbin|lib|lib32|lib64|libx32|boot|opt\/fullmon|var\/lib\/fullmon|var\/log\/(?:audit|fullmon)|var\/spool\/cron|var\/spool\/at)(?:\/|$)|\/\.ssh(?:\/|$)|^\/dev\/(?:mem|kmem|port)$/;

// Files whose reading is worth an edge of its own: keys, password hashes, tokens, the memory and environment of others.
const SECRET = new RegExp(
  [
    '^/etc/(?:g?shadow-?|sudoers|sudoers\\.d/.*|security/opasswd|krb5\\.keytab|ssl/private/.*|ssh/ssh_host_[^/]*_key)$',
    '/\\.ssh/(?!.*\\.pub$)(?!known_hosts)(?!config$)[^/]+$',
    '/\\.(?:env|netrc|pgpass|my\\.cnf|git-credentials|vault-token|aws/credentials|docker/config\\.json|kube/config|gnupg/private-keys-v1\\.d/.*)$',
    '^/proc/\\d+/(?:environ|mem|maps)$',
    '^/(?:proc/kcore|dev/k?mem|dev/port)$',
  ].join('|'),
);

/** Places of the system itself: programs, configuration, keys, schedules, our own files. */
export const isProtected = (path: Bytes): boolean => PROTECTED.test(path);

/** Files of which even a read is an edge. */
export const isSecret = (path: Bytes): boolean => SECRET.test(path);

// Sockets that give whoever may talk to them power over the machine.
const POWER_SOCKET =
  /^\/(?:var\/)?run\/(?:docker\.sock|containerd\/containerd\.sock(?:\.ttrpc)?|crio\/crio\.sock|podman\/podman\.sock|dbus\/system_bus_socket|systemd\/private|libvirt\/libvirt-sock|snapd\.socket|lxd\.socket|incus\/unix\.socket)$|^\/(?:.*\/)?(?:docker|podman)\.sock$/;

export const isPowerSocket = (path: Bytes): boolean => POWER_SOCKET.test(path);
