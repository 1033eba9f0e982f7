/** A TFTP server on loopback with files in memory, and a bare client that speaks packets. For the tests beside it. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { err, must, ok } from '../../config/result.ts';
import { type Ipv4, parseIpv4 } from '../../config/values.ts';
import type { Log, OpenUdp } from '../../daemon/ports.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { nodeUdp } from '../../daemon/system/udp.ts';
import { decodePacket, encodePacket, type TftpPacket } from '../../daemon/tftp/packet.ts';
import { type OpenFile, type Served, type TftpServer, tftpServer } from '../../daemon/tftp/server.ts';
import type { Gate } from '../../daemon/traffic/gate.ts';
import { memorySource } from '../../image-builder/index.ts';

export const loopback = must(parseIpv4('127.0.0.1'));
const nothing = (): void => undefined;
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog };

/** Bytes that differ from block to block, the same in every run. */
export function patternBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let seed = 0x9e3779b9 ^ length;
  for (let at = 0; at < length; at += 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[at] = seed >>> 24;
  }
  return bytes;
}

export type Fixture = {
  readonly server: TftpServer;
  readonly served: Served[];
  readonly stop: () => Promise<void>;
  /** The next transfer's end. */
  readonly nextServed: () => Promise<Served>;
};

export type FixtureOptions = {
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly open?: OpenFile;
  readonly openUdp?: OpenUdp;
  readonly limits?: { readonly perClient: number; readonly total: number };
  readonly admit?: Gate<Ipv4>;
};

/** Stopped by the test's teardown at the latest. */
export async function startServer(t: ExecutionContext, options: FixtureOptions = {}): Promise<Fixture> {
  const ending = new AbortController();
  const served: Served[] = [];
  const waiting: ((one: Served) => void)[] = [];
  const files = new Map(Object.entries(options.files ?? {}));
  const openFile: OpenFile = async ({ file }) => {
    const bytes = files.get(file);
    return bytes === undefined ? err({ code: 'NOT_FOUND', detail: file }) : ok(memorySource(bytes));
  };
  const server = await tftpServer({
    openUdp: options.openUdp ?? nodeUdp(silentLog),
    listen: { bind: { address: loopback, port: 0 } },
    transferAddress: loopback,
    clock: systemClock,
    log: silentLog,
    signal: ending.signal,
    limits: options.limits ?? { perClient: 64, total: 128 },
    open: options.open ?? openFile,
    ...(options.admit !== undefined && { admit: options.admit }),
    onServed: (one) => {
      served.push(one);
      waiting.shift()?.(one);
    },
  });
  const stop = async (): Promise<void> => {
    ending.abort();
    await server.closed;
  };
  t.teardown(stop);
  return { server, served, stop, nextServed: () => new Promise((resolve) => waiting.push(resolve)) };
}

export type BareClient = {
  readonly send: (packet: TftpPacket | Uint8Array, port: number) => void;
  /** The next datagram, or `undefined` after `deadline` milliseconds without one. */
  readonly receive: (deadline?: number) => Promise<{ readonly packet: TftpPacket; readonly port: number } | undefined>;
};

/** `address`: another one of loopback is another board to the server. */
export async function bareClient(t: ExecutionContext, address: string = loopback): Promise<BareClient> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  type Received = { readonly packet: TftpPacket; readonly port: number };
  const inbox: Received[] = [];
  let arrived: () => void = nothing;
  socket.on('message', (payload, { port }) => {
    inbox.push({ packet: must(decodePacket(Uint8Array.from(payload))), port });
    arrived();
  });
  async function receive(deadline = 10_000): Promise<Received | undefined> {
    if (inbox.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline);
        arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return inbox.shift();
  }
  return {
    send: (packet, port) => socket.send(packet instanceof Uint8Array ? packet : encodePacket(packet), port, loopback),
    receive,
  };
}
