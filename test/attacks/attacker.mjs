// The attacker's machine: what is called back to, downloaded from and uploaded to. Until stdin ends.
import { createServer as createWeb } from 'node:http';
import { createServer } from 'node:net';

const silent = (socket) => socket.on('error', () => undefined);

/** Types a command into whatever shell calls back. */
const shells = createServer((socket) => {
  silent(socket).resume();
  socket.write('id\n');
  setTimeout(() => socket.end('exit\n'), 300);
});
const sink = () => createServer((socket) => silent(socket).resume());
const web = () => createWeb((request, response) => request.resume().on('end', () => response.end('#!/bin/sh\nid\n')));

const listening = (server, port) => new Promise((resolve) => server.listen(port, '203.0.113.66', resolve));
await Promise.all([listening(shells, 4444), listening(web(), 8090), listening(web(), 8091), listening(sink(), 3333)]);
console.log('ready');
process.stdin.resume().on('end', () => process.exit());
