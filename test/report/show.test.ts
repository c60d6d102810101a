import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readable, show, showCommand } from '../../src/report/show.ts';

describe('a command line', () => {
  it.each([
    ['mysqldump -phunter2 app', 'mysqldump -p[redacted] app'],
    ['/usr/bin/mysql -u app -phunter2 -P3306 -h db', '/usr/bin/mysql -u app -p[redacted] -P3306 -h db'],
    ['mysql -phunter2 -pother', 'mysql -p[redacted] -p[redacted]'],
    ['mysql --password=hunter2 app', 'mysql --password=[redacted] app'],
    ['mysql -p app', 'mysql -p app'],
    ['PGPASSWORD=hunter2 psql app', 'PGPASSWORD=[redacted] psql app'],
    ['sh -c PGPASSWORD=hunter2 psql', 'sh -c PGPASSWORD=[redacted] psql'],
    ["sh -c export DB_PASSWORD='two words'; run", 'sh -c export DB_PASSWORD=[redacted]; run'],
    ['psql postgresql://app:hunter2@db/app', 'psql postgresql://app:[redacted]@db/app'],
    ['git clone https://user:ghp_abc@example.test/x.git', 'git clone https://user:[redacted]@example.test/x.git'],
    ['curl -u admin:hunter2 http://x', 'curl -u admin:[redacted] http://x'],
    ['curl -uadmin:hunter2 http://x', 'curl -uadmin:[redacted] http://x'],
    ['curl --user=admin:hunter2 http://x', 'curl --user=admin:[redacted] http://x'],
    ['curl -H Authorization: Bearer abc.def http://x', 'curl -H Authorization: Bearer [redacted] http://x'],
    ['curl -H X-Api-Key: abc http://x', 'curl -H X-Api-Key: [redacted] http://x'],
    ['curl -d {"password": "hunter2"} http://x', 'curl -d {"password": [redacted]} http://x'],
    ['curl -d {"password":"hunter2"} http://x', 'curl -d {"password":[redacted]} http://x'],
    ['aws --secret-access-key abc s3 ls', 'aws --secret-access-key [redacted] s3 ls'],
    ['AWS_SECRET_ACCESS_KEY=abc aws', 'AWS_SECRET_ACCESS_KEY=[redacted] aws'],
    ['vault login --token s.abc', 'vault login --token [redacted]'],
    ['sshpass -p hunter2 ssh x', 'sshpass -p [redacted] ssh x'],
    ['sshpass -phunter2 ssh x', 'sshpass -p[redacted] ssh x'],
    ['redis-cli -h db -a hunter2 ping', 'redis-cli -h db -a [redacted] ping'],
    ['ldapsearch -x -w hunter2 -b dc=x', 'ldapsearch -x -w [redacted] -b dc=x'],
    ['MYSQL_PWD=hunter2 mysql app', 'MYSQL_PWD=[redacted] mysql app'],
    ['curl https://x.test/hook?token=abc&user=a', 'curl https://x.test/hook?token=[redacted]'],
    ['docker login -u a -p hunter2 registry.test', 'docker login -u a -p [redacted] registry.test'],
    ['/usr/bin/openssl rsa -in k.pem -passin pass:hunter2', '/usr/bin/openssl rsa -in k.pem -passin pass:[redacted]'],
    ['smbclient //h/s -U user%hunter2', 'smbclient //h/s -U user%25[redacted]'],
    ['backup --pass hunter2 /srv', 'backup --pass [redacted] /srv'],
    ['aws configure set aws_access_key_id AKIAABCDEFGHIJKLMNOP', 'aws configure set aws_access_key_id [redacted]'],
    ['echo AKIAABCDEFGHIJKLMNOP', 'echo [redacted]'],
    ['git clone https://ghp_abcdefghijklmnopqrstuvwxyz012345@example.test/x', 'git clone https://[redacted]@example.test/x'],
    ['http GET x.test eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def', 'http GET x.test [redacted]'],
    ['mongosh -u a -p hunter2', 'mongosh -u a -p [redacted]'],
  ])('%s keeps its secret', (command, expected) => expect(showCommand(command)).toBe(expected));

  it.each(['ls -la /etc/passwd', 'find / -name secret', 'mkdir -p /srv/app', 'chown -R app:app /srv', 'ps -u root', 'passwd', 'python3 /opt/token.py', 'id -u', 'cat /etc/shadow', 'ssh -p 22 host', 'nc 203.0.113.66 4444', 'tail -n 5 x', 'docker run -p 80:80 nginx', 'compass --bypass x', 'make pass', 'ssh-keygen -t ed25519'])(
    '%s has none',
    (command) => expect(showCommand(command)).toBe(command),
  );

  it('does not take long, however it is made', () => {
    const pieces = ['password', 'mysql ', '-p', ' ', '=', "'", '"', 'a:', '://', '@', '-', 'x'];
    fc.assert(fc.property(fc.constantFrom(...pieces), fc.constantFrom(...pieces), fc.constantFrom(...pieces), (a, b, c) => void showCommand((a + b + c).repeat(1000).slice(0, 3072))), { numRuns: 200 });
  });
});

describe('raw bytes', () => {
  it('are shown as printable ASCII alone', () => {
    fc.assert(fc.property(fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)) }), (raw) => void expect(show(raw)).toMatch(/^[\x20-\x7e]*$/)));
  });

  it('can be told apart', () => expect(show('a%0A\n')).toBe('a%250A%0A'));
});

describe('a node for a person', () => {
  it.each([
    ['file:CREATE:/srv/%C3%A9t%C3%A9', 'file:CREATE:/srv/été'],
    ['file:CREATE:/srv/%E6%97%A5', 'file:CREATE:/srv/日'],
    ['file:CREATE:/srv/a%20b', 'file:CREATE:/srv/a%20b'],
    ['file:CREATE:/srv/x-%3Ey', 'file:CREATE:/srv/x-%3Ey'],
    ['file:CREATE:/srv/%1B[31m', 'file:CREATE:/srv/%1B[31m'],
    ['file:CREATE:/srv/%FF%FE', 'file:CREATE:/srv/%FF%FE'],
    ['file:CREATE:/srv/%C3', 'file:CREATE:/srv/%C3'],
    ['turned round: %E2%80%AEgnp', 'turned round: %E2%80%AEgnp'],
    ['nothing wide: %E2%80%8B', 'nothing wide: %E2%80%8B'],
    ['a line: %E2%80%A8', 'a line: %E2%80%A8'],
    ['C1: %C2%9B31m', 'C1: %C2%9B31m'],
    ['a private sign: %EE%80%80', 'a private sign: %EE%80%80'],
    ['half a pair: %ED%A0%80', 'half a pair: %ED%A0%80'],
  ])('%s', (node, expected) => expect(readable(node)).toBe(expected));
});
