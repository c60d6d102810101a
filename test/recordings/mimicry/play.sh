# shellcheck shell=bash
# Forty seconds of ordinary work, then an intruder inside the shop, who knows what is known and does little else. Run by test/live/mimicry.test.ts.
set -u
install -d /srv/shop/data && cd /srv/shop || exit
cp "$HERE/server.cjs" /srv/shop/server.cjs
seq 1 1500 | sort -R > /srv/shop/list
echo 'alice 4111111111111111' > /srv/shop/customers
/usr/bin/node /srv/shop/server.cjs &
server=$!
sleep 2
order() { /usr/bin/curl -s -d "$1" http://127.0.0.1:8080/order >/dev/null; }
hole() { /usr/bin/curl -s --data-binary "$1" http://127.0.0.1:8080/hole >/dev/null; }
# What stands in for cron.
job() { /usr/bin/date >> /srv/shop/job.log; }

end=$((SECONDS + 46))
while [ $SECONDS -lt $end ]; do order "$RANDOM"; job; sleep 1; done

# Nothing of this can be seen: known programs, known peers, names of the shape that was learned.
hole 'const loot = fs.readFileSync("/srv/shop/customers"); fs.writeFileSync(session(), loot); await ask(9001);'
hole 'sort("/srv/shop/customers", "-o", "/srv/shop/sorted");'
sleep 3
# Each of these takes one step aside.
hole 'await ask(9002);'
hole 'await ask(9001, "127.0.0.2");'
hole 'const name = session(); fs.writeFileSync(name, "#!/bin/sh\n", { mode: 0o755 });'
hole 'fs.unlinkSync("/srv/shop/data/" + fs.readdirSync("/srv/shop/data")[0]);'
hole 'fs.writeFileSync(session() + ".php", "x");'
hole 'sort("/srv/shop/customers", "-o", session());'
hole 'execFileSync("/usr/bin/date");'
sleep 3
kill $server
cd / && rm -rf /srv/shop
