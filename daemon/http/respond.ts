/** Puts an answer on the wire. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Millis } from '../../config/values.ts';
import type { Answer } from './answer.ts';
import type { SendFile } from './file-sender.ts';
import { endsConnection, sendBytes } from './stream.ts';

/** A follower that does not read is cut off when this much waits for it. */
const maxWaiting = 1024 * 1024;

export type Sending = {
  readonly head: boolean;
  /** Aborted when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  /** How often a stream of lines gets an empty one, so that both ends notice a dead connection. */
  readonly heartbeat: Millis;
  readonly sendFile: SendFile;
};

/** Settles once everything is handed to the kernel and the answer's source is closed; rejects if the client went first. */
export async function respond(response: ServerResponse, answer: Answer, sending: Sending): Promise<void> {
  switch (answer.kind) {
    case 'nothing':
      response.writeHead(204, common).end();
      return;
    case 'content': {
      const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
      response.writeHead(answer.status, {
        ...common,
        'content-type': answer.type,
        'content-length': body.length,
        ...answer.headers,
      });
      response.end(sending.head ? undefined : body);
      return;
    }
    case 'bytes':
      try {
        response.writeHead(200, {
          ...common,
          'content-type': 'application/octet-stream',
          'content-length': answer.source.size - answer.offset,
          ...answer.headers,
          ...(endsConnection(answer.source) && { connection: 'close' }),
        });
        if (!sending.head) await sendBytes(answer, response, sending.sendFile, sending.signal);
        response.end();
      } finally {
        await answer.source.close();
      }
      return;
    case 'lines':
      response.writeHead(200, {
        ...common,
        'content-type': answer.type ?? 'application/x-ndjson; charset=utf-8',
        // The client is to see each line as it is written, also through a proxy.
        'x-accel-buffering': 'no',
      });
      response.flushHeaders();
      if (!sending.head) await sendLines(response, answer.run, sending);
      response.end();
  }
}

/** Nothing here may be kept by a cache or guessed to be of another type. */
const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

async function sendLines(
  response: ServerResponse,
  run: (emit: (line: string) => void, signal: AbortSignal) => Promise<void>,
  { signal, heartbeat }: Sending,
): Promise<void> {
  const emit = (line: string): void => {
    if (response.writableLength > maxWaiting) response.destroy();
    else if (!response.destroyed) response.write(`${line}\n`);
  };
  const timer = setInterval(() => emit(''), heartbeat);
  try {
    await run(emit, signal);
  } finally {
    clearInterval(timer);
  }
  if (response.writableNeedDrain && !signal.aborted) await once(response, 'drain', { signal });
}
