/** Everything that looks whether boards are there; wires it. */
import { minutes } from '../../../config/values.ts';
import type { Probes } from '../../cluster/failover/signs.ts';
import type { Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Clock, Log } from '../../ports.ts';
import { hasCarrier } from '../../system/carrier.ts';
import { askTcp, openKnock } from '../../system/knock.ts';
import type { HostKeys } from '../boards/host-keys.ts';
import { onceBegun, type Pulse } from '../pulse.ts';
import { createPathProbe, type OwnPlace, type ProbedBoard } from './path-probe.ts';
import { createPeerProbe } from './peer-probe.ts';
import { createPowerState, type PowerStateDeps } from './power-state.ts';

export type ProbesDeps = {
  readonly fleet: () => Pick<Fleet, 'all'>;
  readonly place: () => OwnPlace | undefined;
  readonly keys: Pick<HostKeys, 'accepted'>;
  readonly lookFrom: Joiner['lookFrom'];
  /** By the owner's command. */
  readonly powerOf: PowerStateDeps['ask'];
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly log: Log;
};

/** They have a Node, and are to be there. */
const PROBED: ReadonlySet<string> = new Set(['ready', 'unreachable', 'waiting-for-proof', 'draining']);

/** `follow`: each settles when the signal is aborted and all is closed. */
export function createProbes(deps: ProbesDeps): Probes & {
  readonly follow: (signal: AbortSignal) => readonly Promise<void>[];
} {
  const { clock, place } = deps;
  const log = deps.log.child({ service: 'probes' });
  const probed = () => deps.fleet().all().flatMap(asProbed);
  const path = createPathProbe({ boards: probed, place, openKnock, askTcp, hasCarrier, clock, log });
  const peers = createPeerProbe({
    board: (name) => {
      const device = deps
        .fleet()
        .all()
        .find((one) => one.name === name);
      if (device?.address === undefined) return undefined;
      return { address: device.address, hostKeys: deps.keys.accepted(device) };
    },
    ...{ lookFrom: deps.lookFrom, clock, log },
  });
  return {
    evidence: path.evidence,
    ownLink: path.ownLink,
    peer: peers.ask,
    power: createPowerState({ ask: deps.powerOf, log }),
    follow: (signal) => [path.follow(signal, onceBegun(deps.pulse, 'probes', minutes(1))), peers.follow(signal)],
  };
}

const asProbed = ({ name, address, state }: Device): readonly ProbedBoard[] =>
  address !== undefined && PROBED.has(state.name) ? [{ name, address }] : [];
