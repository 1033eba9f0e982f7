/**
 * The writer thread's entry: a fsync on an SD card can take seconds, and must not stop the main thread. It is a file of
 * its own in the bundle, too.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { backUp } from './backup.ts';
import { connect } from './connect.ts';
import { type StoreErrorCode, storeErrorCode } from './error.ts';
import { createGroupWriter } from './transaction.ts';
import { asWriterData, asWriterRequest, type WriterReply } from './writer-messages.ts';

const port = parentPort;
if (port === null) throw new Error('writer-thread is started by daemon/store/writer.ts only');
const reply = (message: WriterReply): void => port.postMessage(message);

try {
  const { path, commitDelay } = asWriterData(workerData);
  const database = connect(path, 'write');
  const writer = createGroupWriter(database, () => block(commitDelay));
  port.on('message', (message: unknown) => {
    const request = asWriterRequest(message);
    if (request.type === 'write') {
      reply({ type: 'written', outcomes: writer.write(request.batches), counters: writer.counters() });
    } else if (request.type === 'back-up') {
      backUp(database, request.now).then(
        (backup) => reply({ type: 'backed-up', backup }),
        (error: unknown) => reply({ type: 'not-backed-up', ...said(error) }),
      );
    } else {
      database.close();
      port.close();
    }
  });
  reply({ type: 'ready', revision: writer.revision() });
} catch (error) {
  reply({ type: 'failed', ...said(error) });
}

function said(error: unknown): { readonly code: StoreErrorCode; readonly message: string } {
  return { code: storeErrorCode(error), message: error instanceof Error ? error.message : String(error) };
}

function block(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
