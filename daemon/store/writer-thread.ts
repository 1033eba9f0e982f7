/**
 * The writer thread's entry: a fsync on an SD card can take seconds, and must not stop the main thread. It is a file of
 * its own in the bundle, too.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from './connect.ts';
import { storeErrorCode } from './error.ts';
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
    } else {
      database.close();
      port.close();
    }
  });
  reply({ type: 'ready', revision: writer.revision() });
} catch (error) {
  reply({
    type: 'failed',
    code: storeErrorCode(error),
    message: error instanceof Error ? error.message : String(error),
  });
}

function block(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
