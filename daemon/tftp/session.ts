/** Serves one request from a port of its own (RFC 1350 section 4: the TID), from the first look at it to the end. */
import { assertNever, err, type Problem, type Result } from '../../config/result.ts';
import type { Ipv4 } from '../../config/values.ts';
import type { ByteSource, Clock, Endpoint, Log, OpenUdp, Udp } from '../ports.ts';
import { idleTimer } from './idle-timer.ts';
import { negotiate } from './negotiate.ts';
import { decodePacket, encodePacket, errorCode, type TftpRequest } from './packet.ts';
import { type BlockReader, blockReader } from './reader.ts';
import { judgeRequest, type Refusal, refusalOf } from './request.ts';
import {
  beginTransfer,
  bytesAcked,
  type Ended,
  type Step,
  stepTransfer,
  type TransferAction,
  type TransferEvent,
} from './transfer.ts';

export type FileRequest = {
  /** Normalised: no leading and no double slash, no `..`. Its prefix (serial, hardware address) is still in it. */
  readonly file: string;
  readonly client: Endpoint;
};

/** Called once a request; may take its time, others go on. The server closes the source. */
export type OpenFile = (request: FileRequest) => Promise<Result<ByteSource, Problem<'NOT_FOUND' | 'DENIED'>>>;

export type Served = {
  readonly file: string;
  readonly client: Endpoint;
  /** As it was opened; it is closed by now. */
  readonly source: ByteSource;
  /** Acknowledged by the client. */
  readonly bytes: number;
  /** An `aborted` transfer without bytes is how firmware asks whether a file exists. */
  readonly ended: Ended;
};

type SessionDeps = {
  readonly openUdp: OpenUdp;
  readonly transferAddress: Ipv4;
  readonly clock: Clock;
  readonly log: Log;
  readonly open: OpenFile;
};

/**
 * Settles once socket and source are closed: with what was served, or `undefined` when there was nothing to serve.
 * `signal` ends it at once, without a word to the client. `onAlive` is called at every sign of life of the client.
 */
export async function serveRequest(
  deps: SessionDeps,
  request: TftpRequest,
  client: Endpoint,
  signal: AbortSignal,
  onAlive: () => void,
): Promise<Served | undefined> {
  const file = judgeRequest(request);
  if (!file.ok) return await refuse(deps, client, file.error);
  const source = await openSource(deps, { file: file.value, client });
  if (!source.ok) return await refuse(deps, client, source.error);
  try {
    if (signal.aborted) return undefined;
    const { ended, bytes } = await transfer(deps, request, source.value, client, signal, onAlive);
    return { file: file.value, client, source: source.value, bytes, ended };
  } finally {
    await source.value.close();
  }
}

async function openSource(deps: SessionDeps, request: FileRequest): Promise<Result<ByteSource, Refusal>> {
  try {
    const source = await deps.open(request);
    if (source.ok) return source;
    deps.log.debug('file refused', { file: request.file, client: request.client.address, code: source.error.code });
    return err(refusalOf(source.error.code));
  } catch (error) {
    deps.log.error('file could not be opened', { file: request.file, error });
    return err({ code: errorCode.notDefined, message: 'The file could not be opened' });
  }
}

/** At once: a boot asks for some twenty files that do not exist, and silence costs a timeout each (facts 4.2). */
async function refuse(deps: SessionDeps, client: Endpoint, refusal: Refusal): Promise<undefined> {
  const socket = await deps.openUdp({ bind: { address: deps.transferAddress, port: 0 }, onMessage: () => undefined });
  socket.send(encodePacket({ opcode: 'ERROR', ...refusal }), client);
  await socket.close();
  return undefined;
}

async function transfer(
  deps: SessionDeps,
  request: TftpRequest,
  source: ByteSource,
  client: Endpoint,
  signal: AbortSignal,
  onAlive: () => void,
): Promise<{ readonly ended: Ended; readonly bytes: number }> {
  const agreement = negotiate(request.options, source.size);
  const over = Promise.withResolvers<Ended>();
  const timer = idleTimer(deps.clock, () => step({ event: 'timeout' }));
  const bind = { address: deps.transferAddress, port: 0 };
  const socket = await deps.openUdp({ bind, onMessage: receive });
  const reader: BlockReader = blockReader(
    source,
    agreement,
    (upTo) => step({ event: 'data-read', upTo }),
    (detail) => {
      deps.log.warn('file could not be read', { file: request.file, detail });
      step({ event: 'read-failed' });
    },
  );
  let state = beginTransfer(agreement, source.size);
  carryOut(state);

  function receive(payload: Uint8Array, from: Endpoint): void {
    const ours = from.port === client.port && from.address === client.address;
    const packet = decodePacket(payload);
    if (!packet.ok) return;
    const { opcode } = packet.value;
    // RFC 1350 section 4: tell the stranger, go on with ours; never answer an ERROR, or two servers talk for ever.
    if (!ours) {
      if (opcode !== 'ERROR') socket.send(unknownTransfer, from);
      return;
    }
    onAlive();
    if (opcode === 'ACK') step({ event: 'ack', block: packet.value.block });
    if (opcode === 'ERROR') step({ event: 'error', code: packet.value.code, message: packet.value.message });
  }

  function step(event: TransferEvent): void {
    state = stepTransfer(state.transfer, event, deps.clock.now());
    carryOut(state);
  }

  function carryOut({ transfer: now, actions }: Step): void {
    for (const action of actions) perform(action);
    if (now.phase === 'sending') reader.want(now.acked);
  }

  function perform(action: TransferAction): void {
    switch (action.action) {
      case 'send-data':
        for (let block = action.from; block <= action.to; block += 1) socket.send(reader.packet(block), client);
        break;
      case 'arm':
        timer.arm(action.wait);
        break;
      case 'send-oack':
        socket.send(encodePacket({ opcode: 'OACK', options: agreement.acknowledged }), client);
        break;
      case 'send-error':
        socket.send(encodePacket({ opcode: 'ERROR', code: action.code, message: action.message }), client);
        break;
      case 'finish':
        over.resolve(action.ended);
        break;
      default:
        assertNever(action);
    }
  }

  const onAbort = () => over.resolve('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const ended = await over.promise;
  signal.removeEventListener('abort', onAbort);
  timer.stop();
  await closeAll(socket, reader);
  return { ended, bytes: bytesAcked(state.transfer) };
}

const unknownTransfer = encodePacket({
  opcode: 'ERROR',
  code: errorCode.unknownTransferId,
  message: 'Unknown transfer ID',
});

async function closeAll(socket: Udp, reader: BlockReader): Promise<void> {
  await Promise.all([socket.close(), reader.idle()]);
}
