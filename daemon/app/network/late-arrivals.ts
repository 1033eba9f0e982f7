/** Boards whose first DISCOVERs do not reach us. In memory: the next boot shows it again. */
import { type DeviceId, type Millis, seconds } from '../../../config/values.ts';
import { attentive, isLate, restartTakes } from '../../boot/punctuality.ts';
import type { DhcpRequest } from '../../dhcp/server.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Change } from '../../lifecycle/runner.ts';
import type { Clock } from '../../ports.ts';

export type LateArrivals = {
  /** A DHCP message of this board. */
  readonly heard: (device: Pick<Device, 'id'>, request: Pick<DhcpRequest, 'kind' | 'isPxe' | 'secs'>) => void;
  /** Its installation is done, and it starts again; or it is forgotten. */
  readonly changed: (change: Change) => void;
  readonly isLate: (device: Pick<Device, 'id'>) => boolean;
};

/** Time is counted in rests, one a board: the wall clock of a master without a battery jumps. */
export function createLateArrivals({
  clock,
  signal,
}: {
  clock: Pick<Clock, 'sleep'>;
  signal: AbortSignal;
}): LateArrivals {
  const late = new Set<DeviceId>();
  const heardOf = restsOfBoards();
  /** Just started again; and: to be heard of. */
  const restarting = restsOfBoards();
  const expected = restsOfBoards();
  let listened = 0;
  void listen();

  async function listen(): Promise<void> {
    const step = seconds(1);
    while (listened < attentive && (await rest(step, signal))) listened += step;
  }

  async function rest(time: Millis, until: AbortSignal): Promise<boolean> {
    return clock.sleep(time, until).then(
      () => true,
      () => false,
    );
  }

  /** For each board whether its last rest is still on. */
  function restsOfBoards() {
    const resting = new Map<DeviceId, AbortController>();
    const forget = (id: DeviceId): void => {
      resting.get(id)?.abort();
      resting.delete(id);
    };
    const begin = (id: DeviceId, time: Millis): void => {
      forget(id);
      const mine = new AbortController();
      resting.set(id, mine);
      void rest(time, AbortSignal.any([signal, mine.signal])).then((over) => over && resting.delete(id));
    };
    return { begin, forget, isOn: (id: DeviceId): boolean => resting.has(id) };
  }

  const heard: LateArrivals['heard'] = ({ id }, { kind, isPxe, secs }) => {
    if (kind !== 'discover') return;
    const verdict = isLate({
      isPxe,
      secs,
      isRepetition: heardOf.isOn(id) || listened < secs * 1000,
      sinceRestart: !expected.isOn(id) ? 'not' : restarting.isOn(id) ? 'just now' : 'long ago',
    });
    expected.forget(id);
    if (!isPxe) heardOf.begin(id, attentive);
    if (verdict === true) late.add(id);
    else if (verdict === false) late.delete(id);
  };

  const changed: LateArrivals['changed'] = ({ before, after }) => {
    const id = after?.id ?? before?.id;
    if (id === undefined) return;
    if (after === undefined) {
      for (const rests of [heardOf, restarting, expected]) rests.forget(id);
      late.delete(id);
    } else if (before?.state.name === 'installing' && after.state.name === 'starting') {
      restarting.begin(id, restartTakes);
      expected.begin(id, attentive);
    }
  };

  return { heard, changed, isLate: ({ id }) => late.has(id) };
}
