/** What the installer on a board is told to do, state by state. */
import { createHash } from 'node:crypto';
import { seconds } from '../../../config/values.ts';
import { type SectorsPayload, sectorIndex } from '../../http/endpoints/boot.ts';
import type { BootInstruction } from '../../http/order.ts';
import type { BoardReport, Device } from '../../lifecycle/device.ts';
import { explain } from '../../lifecycle/explain.ts';
import type { Runner } from '../../lifecycle/runner.ts';

/** What is written to boards that are being installed; undefined where it is not there any more. */
export type BoardImages = {
  readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
  readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
};

/** For the board that has just told `board`: the disk is the one that it has now. */
export type Instruct = (device: Device | undefined, board: BoardReport) => Promise<BootInstruction>;

/** How long the installer sleeps between two questions (design: a later acceptance needs no power cycle). */
const RETRY = seconds(2);

export function instructions({
  runner,
  images,
}: {
  readonly runner: Pick<Runner, 'fleet' | 'dispatch'>;
  readonly images: BoardImages;
}): Instruct {
  async function instruction(device: Device | undefined, board: BoardReport): Promise<BootInstruction> {
    const { disk } = board;
    if (device === undefined) return wait('unknown', 'this board was forgotten');
    const { state } = device;
    const message = explain(device);
    switch (state.name) {
      case 'installing': {
        const [base, sectors] = await Promise.all([images.baseOf(device), images.sectorsOf(device)]);
        if (base === undefined || sectors === undefined) return await imageGone(device, board);
        if (disk.content === 'none') return wait(state.name, 'it has no disk any more that may be written');
        const sectorsSha256 = createHash('sha256').update(sectorIndex(sectors)).digest('hex');
        const { arming } = state;
        return { action: 'install', state: state.name, message, arming, disk: disk.name, base, sectorsSha256 };
      }
      case 'starting':
        return { action: 'boot', state: state.name, message, disk: disk.name };
      case 'joining':
      case 'ready':
      case 'unreachable':
      case 'waiting-for-proof':
      case 'draining':
      case 'stopped':
      case 'left':
        return toItsSystem(device, board);
      case 'local-boot-failed':
        // Its disk does not start: to send it there once more helps nobody. Where the installer was put it does.
        return board.source === 'reinstall' ? toItsSystem(device, board) : wait(state.name, message);
      case 'rejected':
        // Nothing of ours is to stay on it but its system, which only the installer keeps from starting.
        return state.system === 'disk' && board.source === 'reinstall' && disk.content === 'ours'
          ? toItsSystem(device, board)
          : { action: 'stop', state: state.name, message };
      case 'replaced':
        return { action: 'stop', state: state.name, message };
      case 'failed':
        return state.resume.at === 'install' || state.resume.at === 'wipe'
          ? wait(state.name, message)
          : toItsSystem(device, board);
      case 'wiping':
        if (state.start.step === 'done') return { action: 'stop', state: state.name, message };
        if (state.start.step !== 'running') return wait(state.name, message);
        if (disk.content === 'none') return wait(state.name, 'it has no disk that may be written');
        return { action: 'wipe', state: state.name, message, arming: state.arming, disk: disk.name };
      case 'seen':
      case 'booting':
      case 'adopting':
      case 'reported':
      case 'pending':
      case 'accepted':
      case 'reinstalling':
      case 'held':
        return wait(state.name, message);
    }
  }

  /** Its base was removed, or its own sectors are damaged or of an older version: they are made anew when it asks again. */
  async function imageGone(device: Device, board: BoardReport): Promise<BootInstruction> {
    const { id, state } = device;
    const now = runner.fleet.byId(id);
    // What was looked for belonged to a state that is over.
    if (now?.state !== state) return wait(now?.state.name ?? 'unknown', 'decided anew');
    const detail = 'its image is not there any more; a new one is made by itself when its installer asks again';
    await runner.dispatch(id, { event: 'install-failed', code: 'IMAGE_GONE', detail });
    return await instruction(runner.fleet.byId(id), board);
  }

  return instruction;
}

/**
 * A join card would start the installer again, over and over. Where the installer was put into its own boot partition it gives
 * the board its config.txt back before it restarts.
 */
function toItsSystem({ name, state }: Device, { source, disk }: BoardReport): BootInstruction {
  if (source !== 'join-card')
    return { action: 'boot', state: state.name, message: 'start from your disk', disk: disk.name };
  const message = `${name} is installed already: take the card out, or ask for \`bramble reinstall ${name}\``;
  return wait(state.name, message);
}

export const wait = (state: string, message: string) => ({ action: 'wait', state, message, retry: RETRY }) as const;
