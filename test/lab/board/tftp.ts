/** A boot ROM's TFTP client (RFC 1350, 2347 to 2349): one file at a time, each from the next source port. */
import dgram from 'node:dgram';
import type { Ipv4 } from '../../../config/values.ts';
import type { Answer, Ask } from './boot-files.ts';

export type TftpCounters = { files: number; bytes: number; probes: number; notFound: number; duplicates: number };
type Request = Extract<Ask, { kind: 'file' }>;

/** TFTP_FILE_TIMEOUT is 30 s for a whole file; a single answer that takes this long is asked for again. */
const resendAfter = 3000;
const fileTimeout = 30_000;

const zero = Buffer.of(0);
const words = (...texts: readonly string[]): Buffer =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from(text, 'latin1'), zero]));

export function encodeRequest(request: Request): Buffer {
  const options = { plain: [], tsize: ['tsize', '0'], 'tsize-blksize': ['tsize', '0', 'blksize', '1468'] }[
    request.form
  ];
  return Buffer.concat([Buffer.of(0, 1), words(request.path, 'octet', ...options)]);
}

/** ERROR 0, as the firmware ends a probe. */
export const earlyTerminate = Buffer.concat([Buffer.of(0, 5, 0, 0), words('Early terminate')]);
const acknowledge = (block: number): Buffer => Buffer.of(0, 4, (block >>> 8) & 255, block & 255);

/** Rejects when the server is silent for `fileTimeout` or answers with an error other than 1. */
export function tftpGet(
  server: Ipv4,
  sourcePort: number,
  request: Request,
  counters: TftpCounters,
  signal: AbortSignal,
): Promise<Answer> {
  const socket = dgram.createSocket('udp4');
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const parts: Buffer[] = [];
  let last: Buffer = encodeRequest(request);
  let peer = 69;
  let block = 0;
  let size = 512;
  let acknowledged = false;
  const send = (packet: Buffer, sent?: () => void): void => {
    last = packet;
    socket.send(packet, peer, server, sent);
  };
  const data = (packet: Buffer): void => {
    if (packet.readUInt16BE(2) !== ((block + 1) & 0xffff)) {
      counters.duplicates += 1;
      return;
    }
    block += 1;
    parts.push(packet.subarray(4));
    const whole = packet.length - 4 < size;
    // The socket may close only after the last ACK has left.
    send(acknowledge(block), whole ? () => resolve({ bytes: Buffer.concat(parts), acknowledged }) : undefined);
  };
  socket.on('message', (packet, from) => {
    if (from.address !== server || packet.length < 4 || (peer !== 69 && from.port !== peer)) return;
    peer = from.port;
    const code = packet.readUInt16BE(0);
    if (code === 5 && packet.readUInt16BE(2) === 1) resolve(undefined);
    else if (code === 5) reject(new Error(`${request.path}: ${packet.subarray(4, -1).toString('latin1')}`));
    else if (request.how === 'probe' && (code === 3 || code === 6)) {
      send(earlyTerminate, () => resolve({ bytes: new Uint8Array(), acknowledged: code === 6 }));
    } else if (code === 6 && block === 0) {
      acknowledged = true;
      const options = packet.subarray(2).toString('latin1').split('\0');
      const at = options.findIndex((word) => word.toLowerCase() === 'blksize');
      if (at >= 0) size = Number(options[at + 1]);
      send(acknowledge(0));
    } else if (code === 3) data(packet);
  });
  socket.on('error', reject);
  const resend = setInterval(() => socket.send(last, peer, server), resendAfter);
  const expired = setTimeout(() => reject(new Error(`${request.path}: no answer`)), fileTimeout);
  const aborted = (): void => reject(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  socket.bind(sourcePort, () => send(last));
  return promise
    .then((answer) => {
      counters.files += answer !== undefined && request.how === 'read' ? 1 : 0;
      counters.probes += request.how === 'probe' ? 1 : 0;
      counters.notFound += answer === undefined ? 1 : 0;
      counters.bytes += answer?.bytes.length ?? 0;
      return answer;
    })
    .finally(() => {
      clearInterval(resend);
      clearTimeout(expired);
      signal.removeEventListener('abort', aborted);
      return new Promise<void>((closed) => socket.close(() => closed()));
    });
}
