/** Why boards stop: what was seen of their starts, and what is known of their network. */
import { type Diagnosis, diagnose } from '../../boot/diagnosis.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Clock } from '../../ports.ts';
import type { Network } from '../network/network.ts';

export type Diagnoses = (device: Device) => Diagnosis | undefined;

/** For any number of boards, as things are at this moment. */
export function diagnosesNow(deps: {
  readonly timelines: Pick<Timelines, 'of' | 'now'>;
  readonly network: Pick<Network, 'facts' | 'hasRival'>;
  readonly clock: Pick<Clock, 'now'>;
}): Diagnoses {
  const { standing, late } = deps.network.facts();
  const now = deps.timelines.now(deps.clock.now());
  return (device) =>
    diagnose({
      name: device.name,
      state: device.state,
      model: device.model?.model,
      boots: deps.timelines.of(device.id),
      now,
      isProxy: standing.name === 'proxy',
      otherServer: standing.name === 'narrowed' ? standing.server : undefined,
      isLate: late.has(device.id),
      hasRival: deps.network.hasRival(device),
    });
}
