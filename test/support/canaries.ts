/** What an intruder names his. */
export const CANARIES = [
  '.x', '.b', '.cache', '.ssh', 'x', 'a', '1.php', 'xmrig', 'xmrig.json', 'kworker', 'kdevtmpfsi', 'sysupdate', 'systemd', 'update', 'backup', 'malware', 'payload', 'payload.sh', 'linpeas.sh', 'shell', 'shell.php',
  'shell.jpg', 'shell.php.jpg', 'cmd.jsp', 'c99.phtml', 'authorized_keys', 'id_rsa', 'passwd', 'ld.so.preload', 'libselinux.so', 'evil.service', 'crontab', 'nc', 'socat', 'chisel', 'reverse', 'backdoor', 'implant',
  'rootkit', 'tmpkworkers', 'tmpbackdoor', 'tmppayloads', 'tmpkworkers.part', 'phpworker', 'phpshells', 'phpupdate', 'php.php', 'x.so', 'c99.jsp', 'sshd', 'cron', '.bashrc', '.profile', '.htaccess',
  'lock.exclusive.backdoor.tmp/web1@1234567890.x', 'maildrop/backdoored', 'new/payload', 'objects/xx/payload', 'base/16385/x_fsm', 'sess_x', 'systemd-private-x', 'status.dpkg-new', 'status.dpkg-new.bash', 'dropper', 'exploit', 'minerd', 'facade', 'decade', 'cafe', 'tmp', 'php', 'phpshell', 'phpworkers', 'tmpworker', 'sess_backdoor', 'tmp.backdoored', 'mail.Rootkit', 'backupserver', 'backupworker', 'tmp_obj_worker', 'app-backup.sql.gz', 'access.log-old',
] as const;
