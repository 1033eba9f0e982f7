/** How each effect is carried out: the meeting of the life of boards with images, SSH and the cluster. */
import { type Ipv4, type Mac, minutes, seconds } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { JoinBoard, Joiner } from '../../join/index.ts';
import { SERIAL_DIFFERS } from '../../lifecycle/cell.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { armingsOf } from '../../lifecycle/installation.ts';
import type { Execute } from '../../lifecycle/runner.ts';
import { ADAPTERS_MAX } from '../../lifecycle/two-boards.ts';
import type { Clock, Log } from '../../ports.ts';
import type { AdmissionDesk } from './admission-desk.ts';
import { type BoardAddressDeps, boardAddress } from './board-address.ts';
import type { CorrectBootOrder } from './boot-order.ts';
import type { ImageDesk } from './images.ts';
import type { NodeLabels } from './node-labels.ts';
import { inPlaces } from './places.ts';
import type { StartInstaller } from './reinstall.ts';
import { installationFinder } from './silent-installation.ts';

export type EffectDeps = BoardAddressDeps & {
  readonly clock: Clock;
  readonly cluster: Pick<Cluster, 'reachable'>;
  readonly log: Log;
  readonly joiner: Joiner;
  readonly adopt: Execute['adopt'];
  readonly planned: {
    readonly drain: Execute['drain'];
    readonly stop: (board: JoinBoard, device: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
  };
  readonly labels: NodeLabels;
  readonly carriesCluster: (board: Pick<Device, 'name'>) => boolean;
  readonly images: ImageDesk;
  readonly decideAdmission: AdmissionDesk['decide'];
  readonly boards: () => readonly Device[];
  /** Another device answers for its address; the owner is told by whoever knows. */
  readonly hasRival: (board: Device) => boolean;
  readonly startInstaller: StartInstaller;
  /** Of a board that has joined. */
  readonly correctBootOrder: CorrectBootOrder;
  /** Who answers for this address on our link; undefined if nobody does. */
  readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined>;
};

/** Between two tries to put the installer onto a board over SSH. */
const START_PAUSE = minutes(1);

const knownTrouble = (state: Device['state']): string | undefined =>
  (state.name === 'reinstalling' || state.name === 'wiping') && state.start.step === 'waiting'
    ? state.start.code
    : undefined;

const NO_KEY = {
  event: 'installer-start-failed',
  code: 'NO_HOST_KEY',
  detail: 'it never had a system of ours: insert a join card, or switch it off and on if it boots from the network',
} as const;

/** A board that starts shows its own key sooner than that, and later than this it has none: less than the state `starting` lasts. */
const FOREIGN_KEY = minutes(14);

/** Whether the rival is gone is asked about once a minute. */
const RIVAL_TURN = seconds(10);

export function effectDesk(deps: EffectDeps): Execute {
  const { clock, joiner, log } = deps;
  const { located, inPlace } = boardAddress(deps);

  /** The address will stand in it for good: not while it is somebody else's, too. */
  const makeImage = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent> => {
    while (deps.hasRival(deps.boardNow(device))) await clock.sleep(RIVAL_TURN, signal);
    return deps.images.make(device, signal);
  };

  const findInstallation = installationFinder({ joiner, clock });
  const findInstalled = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent | undefined> => {
    const armings = armingsOf(device.state);
    if (armings.length === 0) return undefined;
    await located(device, signal, (board, there) => findInstallation(board, armings, there));
    return { event: 'ssh-answered' };
  };

  const awaitSsh = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent> => {
    for (;;) {
      const answered = await located(device, signal, (board, there) => joiner.awaitSsh(board, FOREIGN_KEY, there));
      if (answered.ok) return { event: 'ssh-answered', ...(await unknownMac(device)) };
      // Until then it was an image's own sshd, perhaps, before its key was put there. A card may not be in yet: then it is somebody else's.
      const isOver = answered.error.code === 'SSH_HOST_KEY_CHANGED' && device.deadline !== undefined;
      if (isOver) return hostKeyChanged(device, answered.error.detail);
    }
  };

  /** Nothing was sent to whoever it is. */
  const hostKeyChanged = ({ name, address }: Device, detail: string): LifecycleEvent => {
    log.error('a board shows a host key that is not its own', { name, address, detail });
    return { event: 'host-key-changed', detail };
  };

  /** A card may be put into any board, another host may have used its name before, and a board be given another network adapter. */
  const unknownMac = async (device: Device): Promise<{ readonly mac?: Mac }> => {
    const { macs, address } = deps.boardNow(device);
    const mac = macs.length < ADAPTERS_MAX && address !== undefined ? await deps.hardwareAddressOf(address) : undefined;
    const isOthers = deps.boards().some(({ id, macs }) => id !== device.id && mac !== undefined && macs.includes(mac));
    return mac === undefined || mac === macs[0] || isOthers ? {} : { mac };
  };

  const join = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent> => {
    const attempt = device.state.name === 'joining' ? device.state.attempt : 1;
    if (attempt > 1) {
      await clock.sleep(seconds(2 ** attempt), signal);
      // It may be starting again.
      await located(device, signal, (board, there) =>
        joiner.awaitSsh(board, minutes(5), there, { foreignKeyEnds: true }),
      );
    }
    const joined = await located(device, signal, (board, there) => joiner.join(board, there));
    if (joined.ok) return { event: 'node-ready' };
    const { code, detail, output } = joined.error;
    if (code === 'SSH_HOST_KEY_CHANGED') return hostKeyChanged(device, detail);
    return { event: 'join-failed', code, detail, ...(output !== undefined && { output }) };
  };

  const release = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent> => {
    const released = await located(device, signal, (board, there) => joiner.release(board, there));
    if (!released.ok && released.error.code === 'SSH_HOST_KEY_CHANGED')
      return hostKeyChanged(device, released.error.detail);
    if (!released.ok && released.error.code === SERIAL_DIFFERS) {
      log.error('the disk of a board is in another Pi', { name: device.name, detail: released.error.detail });
      return { event: 'join-failed', ...released.error };
    }
    if (!released.ok) throw new Error(`${released.error.code}: ${released.error.detail}`);
    await located(device, signal, (board, there) => deps.correctBootOrder(board, device, there));
    return { event: 'quarantine-released' };
  };

  /** Tried again for as long as it is wanted: the board may be off. Told is only what is news. */
  const startInstaller = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent | undefined> => {
    const told = knownTrouble(device.state);
    // It never got an image, so no system of it lets us in.
    if (deps.keys.accepted(device).length === 0) return told === NO_KEY.code ? undefined : NO_KEY;
    for (let pause = told !== undefined; ; pause = true) {
      if (pause) await clock.sleep(START_PAUSE, signal);
      const work = (board: JoinBoard, there: AbortSignal) => deps.startInstaller(board, deps.boardNow(device), there);
      const started = await located(device, signal, work);
      if (started.ok) return { event: 'installer-started' };
      const { code, detail } = started.error;
      if (code !== told) return { event: 'installer-start-failed', code, detail };
    }
  };

  const leave = async (device: Device, signal: AbortSignal): Promise<LifecycleEvent> => {
    // Without a key it never got an image, so there is nothing of it in the cluster.
    if (deps.keys.accepted(device).length === 0) return { event: 'left' };
    const left = await joiner.leave(await inPlace(device), signal);
    if (!left.ok) throw new Error(`${left.error.code}: ${left.error.detail}`);
    return { event: 'left' };
  };

  const execute: Execute = {
    'decide-admission': deps.decideAdmission,
    'make-image': makeImage,
    'find-installed': findInstalled,
    'await-ssh': awaitSsh,
    join,
    'release-quarantine': release,
    leave,
    'start-installer': startInstaller,
    adopt: deps.adopt,
    drain: deps.planned.drain,
    stop: (device, signal) =>
      located(device, signal, (board, there) => deps.planned.stop(board, deps.boardNow(device), there)),
  };
  return inPlaces(execute, deps);
}
