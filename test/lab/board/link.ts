/** The board's Ethernet port, before and after it has an address. */
import { spawn } from 'node:child_process';
import type { Ipv4, Mac } from '../../../config/values.ts';
import { bootpFrame, bootpPayload, type FrameStyle } from './frame.ts';
import { run } from './run.ts';

export const device = 'eth0';

export type Link = {
  readonly broadcast: (payload: Uint8Array, style: FrameStyle) => void;
  readonly close: () => Promise<void>;
};

/** Raw frames, as the boot ROM has them. Settles once the port is listening. */
export async function openLink(own: Mac, onReply: (payload: Uint8Array) => void, signal: AbortSignal): Promise<Link> {
  const helper = spawn('perl', [`${import.meta.dirname}/frames.pl`, device], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  });
  const closed = new Promise<void>((resolve) => helper.once('close', () => resolve()));
  helper.on('error', () => undefined);
  helper.stdin.on('error', () => undefined);
  let buffer = Buffer.alloc(0);
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  helper.stdout.on('data', (more: Buffer) => {
    resolve();
    buffer = Buffer.concat([buffer, more]);
    while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
      const length = buffer.readUInt16BE(0);
      const payload = bootpPayload(buffer.subarray(2, 2 + length), own);
      if (payload !== undefined) onReply(payload);
      buffer = buffer.subarray(2 + length);
    }
  });
  await Promise.race([listening, closed]);
  return {
    broadcast: (payload, style) => {
      const frame = bootpFrame(own, payload, style);
      helper.stdin.write(Buffer.concat([Buffer.of(frame.length >>> 8, frame.length & 255), frame]));
    },
    close: async () => {
      helper.stdin.end();
      await closed;
    },
  };
}

/** What a power cycle does to the port: no address, no route, link up. */
export async function resetPort(mac: Mac, signal: AbortSignal): Promise<void> {
  await run('ip', ['addr', 'flush', 'dev', device], { signal });
  // The addresses of Pods.
  await run('ip', ['addr', 'flush', 'dev', 'lo', 'scope', 'global'], { signal });
  await run('ip', ['link', 'set', device, 'address', mac, 'up'], { signal });
  await run('ip', ['link', 'set', 'lo', 'up'], { signal });
}

/** Replaces whatever address there was. */
export async function setAddress(address: Ipv4, prefix: number, signal: AbortSignal): Promise<void> {
  await run('ip', ['addr', 'flush', 'dev', device], { signal });
  await run('ip', ['addr', 'add', `${address}/${prefix}`, 'brd', '+', 'dev', device], { signal });
}
