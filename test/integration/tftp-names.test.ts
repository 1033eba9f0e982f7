/** What a request may name and ask for, over the wire. The opener is asked for legal names only, or not at all. */
import test from 'ava';
import { problem } from '../../config/result.ts';
import type { TftpPacket } from '../../daemon/tftp/packet.ts';
import { bareClient, patternBytes, startServer } from './tftp-fixture.ts';

const file = patternBytes(3000);
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
/** Byte for byte, so that it can hold what no encoder writes. */
const rrq = (name: string, mode = 'octet', options = ''): Uint8Array => latin1(`\0\x01${name}\0${mode}\0${options}`);

const outside: readonly (readonly [name: string, code: number])[] = [
  ['../secret', 2],
  ['/../secret', 2],
  ['a/../../secret', 2],
  ['89eb9bb9/../../secret', 2],
  ['..', 2],
  ['a/..', 2],
  ['..\\secret', 2],
  ['C:\\secret', 2],
  ['..\xc0\xafsecret', 2],
  ['..%2fsecret\x7f', 2],
  ['file\nsecret', 2],
  ['a'.repeat(256), 1],
  ['a/'.repeat(200), 1],
  ['', 1],
  ['/', 1],
  ['.', 1],
];
for (const [name, code] of outside) {
  test(`${JSON.stringify(name.slice(0, 24))} (${name.length}) is refused with ERROR ${code}, and nobody looks for it`, async (t) => {
    const asked: string[] = [];
    const open = async ({ file: wanted }: { readonly file: string }) => {
      asked.push(wanted);
      return problem('NOT_FOUND' as const, wanted);
    };
    const { server } = await startServer(t, { open });
    const client = await bareClient(t);
    client.send(rrq(name), server.local.port);
    t.like((await client.receive())?.packet, { opcode: 'ERROR', code });
    t.deepEqual(asked, []);
  });
}

test('a NUL ends the name: what stands behind it is the mode', async (t) => {
  const { server } = await startServer(t, { files: { file } });
  const client = await bareClient(t);
  client.send(latin1('\0\x01file\0.png\0octet\0'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 4, message: 'Unknown transfer mode: use octet' });
});

test('names that look like a way out, and are none', async (t) => {
  const names = ['...', 'a..b', '.hidden', '%2e%2e/secret', '~root', '__proto__', 'constructor', '$HOME', '-rf'];
  const { server } = await startServer(t, {
    files: Object.fromEntries([...names.entries()].map(([at, name]) => [`x/${name}`, patternBytes(at + 1)])),
  });
  const client = await bareClient(t);
  for (const [at, name] of names.entries()) {
    client.send(rrq(`/x//${name}`), server.local.port);
    const received = await client.receive();
    t.like(received?.packet, { opcode: 'DATA', block: 1, payload: patternBytes(at + 1) }, name);
    client.send({ opcode: 'ACK', block: 1 }, received?.port ?? 0);
  }
});

test('netascii is refused clearly, in any case and with any options; so is mail', async (t) => {
  const { server } = await startServer(t, { files: { file } });
  const client = await bareClient(t);
  for (const mode of ['netascii', 'NetASCII']) {
    client.send(rrq('file', mode, 'tsize\x000\0blksize\x001024\0'), server.local.port);
    t.like((await client.receive())?.packet, {
      opcode: 'ERROR',
      code: 4,
      message: 'netascii is not served: use octet (binary) mode',
    });
  }
  client.send(rrq('file', 'mail'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 4 });
});

/** Asked, what the OACK says (undefined: none, block 1 comes instead), the length of block 1. */
const offers: readonly (readonly [asked: string, oack: string | undefined, first: number])[] = [
  ['tsize=0', 'tsize=3000', 512],
  ['BLKSIZE=1468', 'BLKSIZE=1468', 1468],
  ['bLkSiZe=1024 TSIZE=0 WindowSize=1', 'bLkSiZe=1024 TSIZE=3000 WindowSize=1', 1024],
  ['blksize=8', 'blksize=8', 8],
  ['blksize=7', undefined, 512],
  ['blksize=65464', 'blksize=1468', 1468],
  ['blksize=65465', undefined, 512],
  ['blksize=65465 tsize=0', 'tsize=3000', 512],
  ['windowsize=0', undefined, 512],
  ['windowsize=65536', undefined, 512],
  ['windowsize=2', 'windowsize=2', 512],
  ['timeout=0', undefined, 512],
  ['timeout=256', undefined, 512],
  ['timeout=255', 'timeout=255', 512],
  ['rollover=0 multicast= utimeout=1000', undefined, 512],
  ['tsize=0 tsize=0 tsize=7', 'tsize=3000', 512],
];
for (const [asked, oack, first] of offers) {
  test(`asked ${asked}: ${oack ?? 'no OACK'}, then a block of ${first}`, async (t) => {
    const { server } = await startServer(t, { files: { file } });
    const client = await bareClient(t);
    const options = asked.replaceAll(/[= ]/g, '\0');
    client.send(rrq('file', 'OCTET', `${options}\0`), server.local.port);
    let received = await client.receive();
    if (oack !== undefined) {
      t.is(inWords(received?.packet), oack);
      client.send({ opcode: 'ACK', block: 0 }, received?.port ?? 0);
      received = await client.receive();
    }
    t.like(received?.packet, { opcode: 'DATA', block: 1, payload: file.subarray(0, first) });
  });
}

const inWords = (packet: TftpPacket | undefined): string =>
  packet?.opcode === 'OACK'
    ? packet.options.map(({ name, value }) => `${name}=${value}`).join(' ')
    : `${packet?.opcode}`;
