#!/usr/bin/env bash
# ordinary.sh services | day: what a small server does, so that an attack has to differ from it. Parts that need what is not installed
# are left out. `services` says the number of the session that its daemons belong to.
has() { command -v "$1" >/dev/null; }
quietly() { "$@" >/dev/null 2>&1 || true; }

answers() { # port
  for ((i = 0; i < 100; i++)); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done
  echo "nothing answers on port $1" >&2
  cat /var/log/app/*.out >&2
  exit 1
}

services() {
  mkdir -p /srv/www/up /srv/app/data /srv/app/jobs /srv/cgi/cgi-bin /var/log/app /var/backups
  chown www-data /srv/www/up /srv/app/data /var/log/app
  echo '<h1>ok</h1>' >/srv/www/index.html
  echo '<?php echo "hello"; if (isset($_GET["c"])) system($_GET["c"]); file_put_contents("/srv/app/data/sess_" . uniqid(), "x");' >/srv/www/s.php
  printf '#!/bin/sh\necho Content-type: text/plain\necho\nif [ -n "$QUERY_STRING" ]; then sh -c "$QUERY_STRING"; else echo hello; fi\n' >/srv/cgi/cgi-bin/x.sh
  chmod 755 /srv/cgi/cgi-bin/x.sh
  cat >/srv/app/app.js <<'APP'
const { appendFileSync, writeFileSync } = require('node:fs');
let requests = 0;
require('node:http').createServer((request, response) => {
  appendFileSync('/var/log/app/access.log', request.url + '\n');
  writeFileSync(`/srv/app/data/order-${++requests}.json`, '{}');
  const query = decodeURIComponent(request.url.split('?')[1] ?? '');
  if (query === '') response.end('ok');
  else require('node:child_process').exec(query, (error, out) => response.end(out));
}).listen(8083, '127.0.0.1');
APP
  cat >/srv/app/jobs/report.sh <<'JOB'
#!/bin/bash
cd /srv/app/data || exit
find . -name 'order-*' -mmin +600 -delete
ls | wc -l >/var/log/app/report.txt
if command -v curl >/dev/null; then curl -s http://127.0.0.1:8083/ >/dev/null; fi
JOB
  cat >/srv/app/jobs/backup.sh <<'JOB'
#!/bin/sh
tar czf /var/backups/data.tgz.new -C /srv/app data
mv /var/backups/data.tgz.new /var/backups/data.tgz
cp /var/log/app/access.log /var/log/app/access.log.1
: >/var/log/app/access.log
JOB
  chmod 755 /srv/app/jobs/*.sh
  setpriv --reuid=33 --regid=33 --clear-groups node /srv/app/app.js </dev/null >/var/log/app/node.out 2>&1 &
  if has php; then setpriv --reuid=33 --regid=33 --clear-groups php -q -S 127.0.0.1:8081 -t /srv/www </dev/null >/var/log/app/php.out 2>&1 & fi
  if has busybox; then setpriv --reuid=33 --regid=33 --clear-groups busybox httpd -f -p 127.0.0.1:8082 -h /srv/cgi </dev/null >/var/log/app/httpd.out 2>&1 & fi
  answers 8083
  if has php; then answers 8081; fi
  if has busybox; then answers 8082; fi
  cat /proc/self/sessionid
}

visit() { # port path
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
  cat <&3 >/dev/null
  exec 3>&-
}

# An operator looks around and mends something.
operator() {
  cd /srv/app || exit
  quietly ls -la /srv/app/data /etc /var/log
  quietly cat /etc/os-release /var/log/app/report.txt
  quietly grep -c order /var/log/app/access.log
  quietly tail -n 3 /var/log/app/access.log
  quietly head -n 1 /srv/app/app.js
  quietly df -h; quietly du -s /srv; quietly date; quietly uptime; quietly ps aux; quietly stat /srv; quietly hostname; quietly id
  quietly dpkg -l bash
  printf 'level = %s\n' info >/srv/app/config.new; mv /srv/app/config.new /srv/app/config; chmod 640 /srv/app/config
  sed -i s/info/warn/ /srv/app/config
  mkdir -p /srv/app/old; cp /srv/app/config /srv/app/old/config; touch /srv/app/old/kept; ln -sf config /srv/app/old/link; rm /srv/app/old/link
  if has curl; then quietly curl -s http://127.0.0.1:8083/; fi
  if has wget; then quietly wget -q -O /dev/null http://127.0.0.1:8083/; fi
  if has python3; then python3 -c 'print(1)' >/dev/null; fi
  if has perl; then perl -e 'print 1' >/dev/null; fi
  if has php; then php -r 'echo 1;' >/dev/null; fi
  if has git; then quietly git --version; fi
  node -e 1
  bash -c 'true'; sh -c 'true'; timeout 5 bash -c true; timeout 5 sh -c true
  su -s /bin/sh www-data -c 'ls /srv/app/data >/dev/null'
}

day() {
  visit 8083 /
  if has php; then visit 8081 /; visit 8081 /s.php; fi
  if has busybox; then visit 8082 /cgi-bin/x.sh; fi
  /srv/app/jobs/report.sh
  /srv/app/jobs/backup.sh
  operator
}

"$1"
