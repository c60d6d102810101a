// A shop as there are many: keeps a session for each order, asks its database, sorts its list. And it runs what it is told to: that is the hole.
const { createHash, randomBytes } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');

const DATA = '/srv/shop/data';
const ask = (port, host = '127.0.0.1') => new Promise((done) => net.connect(port, host, function () { this.end('ask', done); }).on('error', done));
const session = () => `${DATA}/sess_${createHash('md5').update(randomBytes(8)).digest('hex')}`;
const sort = (...args) => execFileSync('/usr/bin/sort', ['-S', '1k', '-T', '/tmp', ...args]);

net.createServer((socket) => socket.on('error', () => undefined).resume().end()).listen(9001, '0.0.0.0');
net.createServer((socket) => socket.on('error', () => undefined).resume().end()).listen(9002, '0.0.0.0');
http.createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += part)).on('end', async () => {
    if (request.url === '/order') {
      fs.writeFileSync(session(), body);
      await ask(9001);
      sort('/srv/shop/list', '-o', '/srv/shop/sorted');
    } else await new (Object.getPrototypeOf(async () => undefined).constructor)('fs', 'ask', 'session', 'sort', 'execFileSync', body)(fs, ask, session, sort, execFileSync);
    response.end('ok\n');
  });
}).listen(8080, '127.0.0.1');
