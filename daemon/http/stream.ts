import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import type { ByteSource } from '../ports.ts';
import type { SendFile } from './file-sender.ts';

/** Two of these per stream: one on its way to the client while the other is read. */
export const chunkBytes = 128 * 1024;

/** A client that has not taken so much gets no process of its own; and what is shorter is not worth one. */
export const aheadBytes = 2 * 1024 * 1024;

/**
 * Sends `source` from `offset` to its end: the beginning by `pump`, and what is a plain file after that by `sendFile`, which
 * leaves this process free for others. Where that cannot be done, all of it by `pump`. Rejects as `pump` does; closes nothing.
 */
export async function sendBytes(
  { source, offset }: { readonly source: ByteSource; readonly offset: number },
  response: ServerResponse,
  sendFile: SendFile,
  signal: AbortSignal,
): Promise<void> {
  const { file, size } = source;
  const from = Math.max(offset + aheadBytes, file?.from ?? size);
  const { socket } = response;
  if (file === undefined || socket === null || size - from < aheadBytes) {
    await pump(source, offset, response, signal);
    return;
  }
  await pump(source, offset, response, signal, from);
  const isSent = await sendFile({ fd: file.fd, from, to: size }, socket, signal);
  if (!isSent) await pump(source, from, response, signal);
}

/** Whether `sendBytes` may come to hand over the connection: nothing is read from it after that. */
export const endsConnection = ({ file }: ByteSource): boolean => file !== undefined;

/**
 * Writes `source` from `offset` to its end (or to `end`). The next chunk is read while the one before is being sent, never further
 * ahead, so a slow client costs two chunks of memory and many streams take turns. Rejects if the source ends early or
 * `signal` is aborted (the client is gone). Closes nothing.
 */
export async function pump(
  source: ByteSource,
  offset: number,
  sink: Writable,
  signal: AbortSignal,
  end = source.size,
): Promise<void> {
  signal.throwIfAborted();
  let buffers: readonly [Uint8Array, Uint8Array] = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)];
  let sent: Promise<void> = Promise.resolve();
  for (let at = offset; at < end; ) {
    const want = Math.min(chunkBytes, end - at);
    const chunk = buffers[0].subarray(0, want);
    const got = await source.read(chunk, at);
    if (got !== want) throw new Error(`the source ended at ${at + got} of ${source.size} bytes`);
    await sent;
    signal.throwIfAborted();
    sent = write(sink, chunk, signal);
    sent.catch(() => undefined);
    buffers = [buffers[1], buffers[0]];
    at += got;
  }
  await sent;
}

/**
 * Settles once the bytes are with the kernel: then the buffer may be used again. Rejects when `signal` is aborted before:
 * of a client that is gone nothing more may be heard.
 */
const write = (sink: Writable, chunk: Uint8Array, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    sink.write(chunk, (error) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    });
  });
