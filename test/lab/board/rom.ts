/**
 * The board from power-on to the moment a kernel would start: local disk, then network, as its boot order says. Its edge:
 * the port, the clock and the disk; what it sends and accepts is in the pure files beside it.
 */

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ipv4, ipv4Number, parseIpv4 } from '../../../config/values.ts';
import type { BootOrder } from './board-file.ts';
import { type Answer, type BootOutcome, bootFiles, type Loaded } from './boot-files.ts';
import { kernelNames, parseConfig } from './config-txt.ts';
import { buildDiscover, buildRequest, chooseOffer, type Lease, parseReply, type Reply, romXid } from './dhcp.ts';
import { type BootPartition, bootPartition, readBootFile, readBootText } from './disk.ts';
import type { Emit } from './events.ts';
import { openLink, setAddress } from './link.ts';
import { type Identity, type ModelRow, modelTable } from './models.ts';
import { type TftpCounters, tftpGet } from './tftp.ts';

export type Board = {
  readonly identity: Identity;
  readonly bootOrder: BootOrder;
  readonly disk: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
};

/** What the firmware hands control to. */
export type Started =
  | { readonly from: 'disk'; readonly boot: BootPartition; readonly initramfs: Uint8Array | undefined }
  | { readonly from: 'network'; readonly lease: Lease; readonly loaded: Loaded }
  /** The ROM gave up for good (Pi 3): only a power cycle helps. */
  | { readonly from: 'nothing' };

const prefixOf = (mask: Ipv4 | undefined): number =>
  mask === undefined ? 24 : ipv4Number(mask).toString(2).replaceAll('0', '').length;

/** Waits for what `poll` finds among the replies that come in, at most `wait` milliseconds. */
async function heard<T>(
  replies: AsyncReplies,
  wait: number,
  poll: (replies: readonly Reply[]) => T | undefined,
): Promise<T | undefined> {
  const until = performance.now() + wait;
  for (;;) {
    const found = poll(replies.all);
    if (found !== undefined) return found;
    const left = until - performance.now();
    if (left <= 0) return;
    const more = Promise.withResolvers<void>();
    replies.onMore = more.resolve;
    const timer = setTimeout(more.resolve, left);
    await more.promise;
    clearTimeout(timer);
  }
}
type AsyncReplies = { all: Reply[]; onMore: () => void };

/** One DHCP sequence of the ROM; `undefined` when it had no usable answer in all its tries. */
async function dhcpSequence(board: Board, row: ModelRow): Promise<Lease | undefined> {
  const { identity, emit, signal } = board;
  const replies: AsyncReplies = { all: [], onMore: () => undefined };
  const link = await openLink(
    identity.mac,
    (payload) => {
      const reply = parseReply(payload);
      if (reply?.chaddr === identity.mac.replaceAll(':', '')) replies.all.push(reply);
      replies.onMore();
    },
    signal,
  );
  const style = { ttl: row.dhcp.ttl, udpChecksum: row.dhcp.udpChecksum, id: 0 };
  try {
    for (const wait of row.dhcp.waits) {
      signal.throwIfAborted();
      const xid = row.dhcp.xid === 'constant' ? romXid : randomInt(2 ** 32);
      replies.all = [];
      emit('discover', { xid: xid.toString(16) });
      link.broadcast(buildDiscover(identity, xid), style);
      let reason = '';
      const lease = await heard(replies, wait, (all) => {
        const choice = chooseOffer(
          identity.model,
          all.filter((reply) => reply.xid === xid && reply.type === 'offer'),
        );
        if (!choice.ok) reason = choice.error;
        return choice.ok ? choice.value : undefined;
      });
      if (lease === undefined) {
        emit('no-offer', { reason });
        continue;
      }
      emit('offer', { address: lease.address, tftp: lease.tftp });
      if (!row.dhcp.request) return lease;
      link.broadcast(buildRequest(identity, xid, lease), style);
      const answer = await heard(replies, wait, (all) =>
        all.find((reply) => reply.xid === xid && reply.type !== 'offer'),
      );
      if (answer?.type === 'ack' && answer.yiaddr === lease.address) return lease;
      emit('no-ack', { answer: answer?.type ?? 'none' });
    }
    return;
  } finally {
    await link.close();
  }
}

/** Drives the model's order of files against the server of the lease. */
async function fetchFiles(board: Board, row: ModelRow, first: Lease): Promise<{ outcome: BootOutcome; lease: Lease }> {
  const counters: TftpCounters = { files: 0, bytes: 0, probes: 0, notFound: 0, duplicates: 0 };
  const files = bootFiles(board.identity);
  let lease = first;
  let port = row.firstSourcePort;
  let answer: Answer;
  let begun = false;
  let step = files.next();
  try {
    while (!step.done) {
      const ask = step.value;
      if (ask.kind === 'dhcp') {
        const again = await dhcpSequence(board, row);
        if (again === undefined) return { outcome: { ok: false, reason: 'bootcode.bin got no address' }, lease };
        lease = again;
        await setAddress(lease.address, prefixOf(lease.mask), board.signal);
        answer = undefined;
      } else {
        answer = await tftpGet(lease.tftp, port, ask, counters, board.signal);
        port += 1;
        if (counters.files === 1 && !begun) {
          begun = true;
          board.emit('first-file', { file: ask.path });
        }
      }
      step = files.next(answer);
    }
  } catch (error) {
    board.signal.throwIfAborted();
    return { outcome: { ok: false, reason: error instanceof Error ? error.message : String(error) }, lease };
  }
  if (step.value.ok) board.emit('files-loaded', counters);
  return { outcome: step.value, lease };
}

async function networkBoot(board: Board): Promise<Started | undefined> {
  const row = modelTable[board.identity.model];
  const lease = await dhcpSequence(board, row);
  if (lease === undefined) return;
  await setAddress(lease.address, prefixOf(lease.mask), board.signal);
  const { outcome, lease: last } = await fetchFiles(board, row, lease);
  if (outcome.ok) return { from: 'network', lease: last, loaded: outcome.loaded };
  board.emit('netboot-failed', { reason: outcome.reason });
  return;
}

/** The firmware files this model needs on a disk to start a kernel from it. */
const firmware = {
  pi3: ['bootcode.bin', 'start.elf'],
  'pi3b+': ['bootcode.bin', 'start.elf'],
  pi4: ['start4.elf'],
  pi5: ['config.txt'],
};

async function diskBoot(board: Board): Promise<Started | undefined> {
  const { model } = board.identity;
  const boot = await bootPartition(board.disk, board.signal);
  if (boot === undefined || !firmware[model].every((file) => boot.files.has(file))) return;
  const config = parseConfig((await readBootText(boot, 'config.txt', board.signal)) ?? '', model);
  const kernel = kernelNames(config, model).find((name) => boot.files.has(`${config.prefix}${name}`.toLowerCase()));
  if (kernel === undefined) return;
  const [ramdisk] = config.initramfs;
  const initramfs = ramdisk === undefined ? undefined : await readBootFile(boot, ramdisk, board.signal);
  board.emit('disk-boot', { kernel });
  return { from: 'disk', boot, initramfs };
}

/** Goes through the boot order until something starts; the EEPROM models start over, the Pi 3 stops. */
export async function powerOn(board: Board): Promise<Started> {
  const row = modelTable[board.identity.model];
  const media = board.bootOrder === 'disk-first' ? [diskBoot, networkBoot] : [networkBoot, diskBoot];
  for (;;) {
    for (const medium of media) {
      const started = await medium(board);
      if (started !== undefined) return started;
    }
    board.emit('nothing-to-boot');
    if (row.afterFailure === 'stop') return { from: 'nothing' };
    await sleep(2000, undefined, { signal: board.signal });
  }
}

/** `http://10.77.0.1:8067` from the kernel command line of a netboot. */
export function serverOf(cmdline: ReadonlyMap<string, string>): string | undefined {
  const url = cmdline.get('bramble.server');
  if (url === undefined || !URL.canParse(url)) return;
  return parseIpv4(new URL(url).hostname).ok ? url : undefined;
}
