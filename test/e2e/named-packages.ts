/**
 * Why the servers inside `dhcp` and `tftp` are not ours: each meets what a Raspberry Pi or a hostile neighbour sends, in a
 * process of its own on loopback. Goes red when one of them is mended upstream: then DECISIONS.md is to be looked at again.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type Running, startProgram } from '../support/program.ts';
import { pi400Discover } from '../vectors/dhcp.ts';
import type { Scenario } from './scenario.ts';

const packages = createRequire(import.meta.url);

export const namedPackages: Scenario = async (check) => {
  await check('the server of `dhcp` does not survive the DISCOVER of a Pi 400', async () => {
    const port = await freePort();
    const server = startNode(`
      const server = require(${JSON.stringify(packages.resolve('dhcp'))}).createServer({
        range: ['127.0.0.10', '127.0.0.20'], netmask: '255.0.0.0', server: '127.0.0.1', randomIP: false,
      });
      server.on('error', () => {});
      server.on('listening', () => console.log('listening'));
      server.listen(${port}, '127.0.0.1');
    `);
    await server.waitFor(/listening/);
    await send(pi400Discover.datagram, port);
    assert.notEqual(await ended(server), 0);
    assert.match(server.stderr(), /Invalid option/);
  });

  await check('the server of `tftp` does not survive one byte on the port of a transfer', async () => {
    const port = await freePort();
    const server = startNode(`
      const server = require(${JSON.stringify(packages.resolve('tftp'))}).createServer(
        { host: '127.0.0.1', port: ${port}, root: ${JSON.stringify(import.meta.dirname)} });
      server.on('error', () => {});
      server.on('request', (request) => request.on('error', () => {}));
      server.on('listening', () => console.log('listening'));
      server.listen();
    `);
    await server.waitFor(/listening/);
    const client = createSocket('udp4');
    const answer = once(client, 'message');
    client.send(Buffer.from('\0\x01named-packages.ts\0octet\0', 'latin1'), port, '127.0.0.1');
    const [, from] = await answer;
    client.send(Buffer.from([0]), from.port, '127.0.0.1');
    assert.notEqual(await ended(server), 0);
    client.close();
  });
};

const startNode = (code: string): Running => startProgram([process.execPath, '--no-deprecation', '-e', code]);

/** Its exit code; a server that is still there after the deadline has survived. */
async function ended(server: Running): Promise<number> {
  const deadline = new Promise<number>((resolve) => setTimeout(resolve, 10_000, 0).unref());
  const code = await Promise.race([server.exited, deadline]);
  await server.kill();
  return code;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

async function send(payload: Uint8Array, port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.send(payload, port, '127.0.0.1', resolve));
  socket.close();
}
