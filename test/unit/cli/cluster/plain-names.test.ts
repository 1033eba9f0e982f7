import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isPlainlyFound } from '../../../../cli/cluster/plain-names.ts';

/** A name server that knows master.local only. */
async function nameServer(t: { teardown: (close: () => void) => void }): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    const isKnown = question.includes('\x06master\x05local\0');
    const answer = Buffer.from(question.subarray(0, question.indexOf('\0', 12) + 5));
    // RFC 1035 4.1.1: a response, recursion desired and available; no error or NXDOMAIN; one question, one answer or none.
    answer.set([0x81, isKnown ? 0x80 : 0x83, 0, 1, 0, isKnown ? 1 : 0, 0, 0, 0, 0], 2);
    const record = Buffer.from('c00c000100010000003c0004c0a8010a', 'hex');
    socket.send(Buffer.concat(isKnown ? [answer, record] : [answer]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

test('in the file of hosts, in DNS, in neither', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-names-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const hosts = join(folder, 'hosts');
  await writeFile(hosts, '127.0.0.1 localhost # other.local\n192.168.1.11\tPi pi.local\n');
  const sources = { hosts, servers: [await nameServer(t)] };
  const asked = ['pi.local', 'master.local', 'other.local', '192.168.1.11'];
  t.deepEqual(await Promise.all(asked.map((name) => isPlainlyFound(name, sources))), [true, true, false, false]);
  t.true(await isPlainlyFound('master.local', { ...sources, hosts: join(folder, 'none') }));
});
