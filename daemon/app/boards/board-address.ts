/** Work on a board where it is by now: an effect may have waited long, and the router may give it another address meanwhile. */
import type { JoinBoard, LeavingBoard } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Change } from '../../lifecycle/runner.ts';
import { aborted } from '../lifetime.ts';
import type { HostKeys } from './host-keys.ts';

export type BoardAddressDeps = {
  /** As it is by now: an effect may have waited long. */
  readonly boardNow: (device: Device) => Device;
  /** Until the returned function is called. */
  readonly onChange: (listener: (change: Change) => void) => () => void;
  readonly keys: Pick<HostKeys, 'accepted' | 'nodePassword'>;
};

export type BoardAddress = {
  /** `work` at the address of the board, once that is known; begun again where it went if the router gives it another one. */
  readonly located: <T>(
    device: Device,
    signal: AbortSignal,
    work: (board: JoinBoard, signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
  /** Where it is in the cluster: one that was replaced is there, and answers, as it was before. */
  readonly inPlace: (device: Device) => Promise<LeavingBoard>;
};

export function boardAddress({ boardNow, onChange, keys }: BoardAddressDeps): BoardAddress {
  const located: BoardAddress['located'] = async (device, signal, work) => {
    for (;;) {
      signal.throwIfAborted();
      const { address, ...board } = await joinBoard(boardNow(device));
      const moved = new AbortController();
      const there = AbortSignal.any([signal, moved.signal]);
      const unsubscribe = onChange(({ after }) => {
        if (after?.id === device.id && after.address !== address)
          moved.abort(new Error('the board has another address'));
      });
      try {
        if (address !== undefined) return await work({ ...board, address }, there);
        await aborted(there);
      } catch (error) {
        if (signal.aborted || !moved.signal.aborted) throw error;
      } finally {
        unsubscribe();
      }
    }
  };

  const joinBoard = async (device: Device): Promise<LeavingBoard> => {
    const accepted = keys.accepted(device);
    if (accepted.length === 0) throw new Error(`${device.name} has no host key of ours`);
    const model = device.model?.model;
    return {
      id: device.id,
      name: device.name,
      address: device.address,
      fixedAddress: device.addressing === 'reserved',
      hostKeys: accepted,
      nodePassword: await keys.nodePassword(device),
      serials: device.serials,
      // `+` is no character of a label's value.
      labels: model === undefined ? {} : { 'bramble.dev/model': model.replace('+', '-plus') },
    };
  };

  return { located, inPlace: (device) => joinBoard(inItsPlace(boardNow(device))) };
}

const inItsPlace = (device: Device): Device =>
  device.state.name === 'replaced' ? { ...device, addressing: 'heard', ...device.state.was } : device;
