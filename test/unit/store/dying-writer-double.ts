/** A writer thread that dies on its first group, or does not even start (workerData.path says which). */
import { parentPort, workerData } from 'node:worker_threads';
import { asWriterData, type WriterReply } from '../../../daemon/store/writer-messages.ts';

const ready: WriterReply = { type: 'ready', revision: 7 };
if (asWriterData(workerData).path.includes('stillborn')) throw new Error('stillborn');
parentPort?.on('message', () => process.exit(3));
parentPort?.postMessage(ready);
