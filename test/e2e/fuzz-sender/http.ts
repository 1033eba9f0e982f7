/** Hostile HTTP: each a connection of its own, a few at a time; waits for the server to close it or to answer. */
import { connect } from 'node:net';
import { type Dice, hostileDatagram } from '../fuzz-mutate.ts';

const port = 8067;
const atOnce = 16;
const patienceMs = 20_000;

const form =
  'mac=dc%3Aa6%3A32%3A00%3A00%3A77&disk=sda%7Cusb%7C8000000000%7Cblank%7Cx&source=netboot&memory=1&challenge=00112233445566778899aabbccddeeff';
const vectors: readonly Uint8Array[] = [
  'GET /v1/status HTTP/1.1\r\nhost: master\r\nconnection: close\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nhost: master\r\nconnection: close\r\n\r\n',
  'GET /v1/boot/base/%00?offset=99999999999999999999 HTTP/1.1\r\nhost: master\r\nconnection: close\r\n\r\n',
  `POST /v1/boot/report HTTP/1.1\r\nhost: master\r\nconnection: close\r\ncontent-length: ${form.length}\r\n\r\n${form}`,
  'POST /v1/boot/progress HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

/** Rejects when a connection is neither answered nor closed. Returns 0: nothing is asked again. */
export async function fuzzHttp(server: string, count: number, dice: Dice): Promise<number> {
  let left = count;
  const oneAfterAnother = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await exchange(server, hostileDatagram(vectors, dice));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, oneAfterAnother));
  return 0;
}

/** Half-closed behind the request: a server that waits for more sees that nothing comes. */
const exchange = (server: string, request: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, server, () => socket.end(request));
    socket.setTimeout(patienceMs, () => {
      socket.destroy();
      reject(new Error('neither answered nor closed'));
    });
    // What the server thinks of it is no end of the run.
    socket.on('error', () => undefined).on('data', () => undefined);
    socket.once('close', () => resolve());
  });
