/** All that is done with boards, from their first packet to a Node that works: wires the desks of this folder. */
import type { Problem, Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Mac, minutes } from '../../../config/values.ts';
import { createTimelines } from '../../boot/timeline.ts';
import type { Cluster } from '../../cluster/index.ts';
import { bootKey } from '../../http/proof.ts';
import { createJoiner, firstLogin } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import { explain } from '../../lifecycle/explain.ts';
import { boardNamed } from '../../lifecycle/fleet.ts';
import { createRunner, type Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';
import { hardwareAddressOf } from '../../system/neighbours.ts';
import { answersSsh } from '../../system/ssh-banner.ts';
import { createChanges } from '../changes.ts';
import type { Identity } from '../identity.ts';
import type { Network } from '../network/network.ts';
import type { Pulse } from '../pulse.ts';
import { createAcceptances, recentlyAccepted } from './acceptances.ts';
import { admissionDesk } from './admission-desk.ts';
import { createAdoption } from './adoption.ts';
import { blinkLight } from './board-light.ts';
import { bootDesk } from './boot-desk.ts';
import { bootOrderDesk } from './boot-order.ts';
import { watchBoots } from './boot-watch.ts';
import { cardDesk } from './cards.ts';
import { driverFor, earliestNow } from './control-plane.ts';
import { eepromDesk } from './eeproms.ts';
import { type EffectDeps, effectDesk } from './effects.ts';
import { createHealthWatch, HEALTH_TURN } from './health-watch.ts';
import { hostKeys } from './host-keys.ts';
import { imageDesk } from './images.ts';
import { installerKit } from './installer-kit.ts';
import { k3sFiles } from './k3s-files.ts';
import { nodeNames } from './kube-config.ts';
import { followNodes, NODES_TURN } from './node-events.ts';
import { createNodeGuard } from './node-guard.ts';
import { nodeLabels } from './node-labels.ts';
import { createOpening } from './opening.ts';
import { ownBoard } from './own-board.ts';
import { createProgress, PROGRESS_TURN } from './progress.ts';
import { installerStarter } from './reinstall.ts';
import { createRivals } from './rivals.ts';

export type BoardsDeps = {
  readonly config: Config;
  readonly identity: Identity;
  readonly store: Store;
  readonly snapshot: ReturnType<Store['snapshot']>;
  /** The store's, timed and watched. */
  readonly commit: Store['commit'];
  readonly cluster: Cluster;
  readonly network: Network;
  /** How work that the owner planned is carried out. */
  readonly planned: EffectDeps['planned'];
  /** Events are on disk. */
  readonly onEvents: () => void;
  readonly pulse: Pulse;
  readonly rests: Rests;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export function createBoards(deps: BoardsDeps) {
  const { config, identity, store, snapshot, commit, cluster, network, onEvents } = deps;
  const { pulse, rests, clock, random, log, signal } = deps;
  const changes = createChanges(clock, signal);
  const timelines = createTimelines(rests);
  const progress = createProgress(() => runner);
  const all = (): readonly Device[] => runner.fleet.all();
  const boardNow = (device: Device): Device => runner.fleet.byId(device.id) ?? device;
  const dispatch: Runner['dispatch'] = (id, event) => runner.dispatch(id, event);

  const keys = hostKeys({ ...store, commit });
  const images = imageDesk({
    config,
    clusterId: identity.clusterId,
    authorizedKey: identity.ssh.publicLine,
    hostKeyFor: keys.forImage,
    storedHostKey: keys.stored,
    site: network.site,
    random,
    log,
  });
  const installer = installerKit({ config, kit: images.kit, log });
  const bootKeyOf = (mac: Mac): string => bootKey(identity.clusterKey, mac).toString('hex');
  const names = nodeNames(config, () => runner.fleet);
  const files = k3sFiles(config.data);
  const driver = () => driverFor({ config, cluster, clock, fleet: () => runner.fleet, site: network.site, files });
  const joiner = createJoiner({
    cluster,
    driver,
    privateKey: identity.ssh.privateOpenssh,
    ownKeys: keys.own,
    earliest: () => earliestNow(cluster),
    clock,
    random,
    log: log.child({ service: 'join' }),
    signal,
    parallel: config.join.parallel,
  });
  const rivals = createRivals({ dispatch, rests, log });
  const opening = createOpening({ settings: snapshot.settings, commit, onNotice: onEvents, clock, rests, log });
  const acceptances = createAcceptances(recentlyAccepted(store, clock.now()), rests);
  const { lanIsOurs, hasRival } = network;
  const adoption = createAdoption({
    ...{ config, dispatch, boardNow, keys, acceptances, lanIsOurs, hasRival, answersSsh, firstLogin },
    daemonKey: identity.ssh,
    ...{ clock, log, signal },
  });
  const admission = admissionDesk({ config, boards: all, acceptances, opening, rivals, lanIsOurs });
  const runner: Runner = createRunner({
    commit: (batch) => commit(keys.withInstallations(batch)),
    devices: snapshot.devices,
    pendingEffects: snapshot.effects,
    nextNumber: Number(snapshot.settings.get('names.next') ?? '1'),
    reservation: network.reservation,
    ...{ clock, random, log, signal },
    execute: effectDesk({
      ...{ clock, cluster, log, joiner, images, keys, boards: all, boardNow, hasRival, hardwareAddressOf },
      decideAdmission: admission.decide,
      adopt: adoption.adopt,
      planned: deps.planned,
      onChange: changes.subscribe,
      carriesCluster: ({ name }) => name === config.cluster.controlPlane,
      labels: nodeLabels(cluster, { ...store, commit }),
      correctBootOrder: bootOrderDesk({
        wanted: config.netboot.bootOrder,
        joiner,
        askedNetworkFirst: timelines.wasSentToDisk,
        tell: dispatch,
        log,
      }),
      startInstaller: installerStarter({
        joiner,
        kitFiles: images.kitFiles,
        openKitFile: images.openKitFile,
        initramfs: installer.initramfs,
        keyOf: bootKeyOf,
        imageBytes: images.bytesFor,
        server: () => {
          const site = network.site();
          return site && { address: site.address, port: config.http.port };
        },
      }),
    }),
    onTurn: pulse.loop('lifecycle', minutes(1)),
    onChange: (change) => {
      const { before, after } = change;
      // Its sectors have done their work, or are of no use any more: they hold its host key.
      if (before !== undefined && needsSectors(before) && !(after && needsSectors(after))) {
        progress.forget(before.id);
        void images.discard(before.id);
      }
      if (before !== undefined && after === undefined) {
        timelines.forget(before.id);
        boot.forget(before.id);
        rivals.forget(before.id);
      }
      if (after !== undefined && after.state.name !== before?.state.name && after.state.name !== 'seen')
        timelines.see(after.id, clock.now(), { sight: 'state', name: after.state.name, what: explain(after) });
      network.changed(change);
      changes.tell(change);
      onEvents();
    },
  });
  const guard = createNodeGuard({
    ...{ cluster, boards: all, dispatch, commit, onNotice: onEvents, clock, log },
    settings: snapshot.settings,
  });
  const eeproms = eepromDesk({ config, log });
  const cards = cardDesk({
    ...{ config, identity, images, installer, eeproms, dispatch, hasRival, signal },
    site: network.site,
    boardNamed: (name) => boardNamed(runner.fleet, name),
    expect: runner.expect,
  });
  const boot = bootDesk({
    ...{ runner, timelines, clock, random, images, hardwareAddressOf },
    clusterKey: identity.clusterKey,
    clusterId: identity.clusterId,
    diskRules: config.images.disk,
    addressesAreOurs: network.standing.isAlone,
    onHeard: network.onHeard,
    isOverdue: admission.isOverdue,
    noticeRival: rivals.notice,
    nextChange: changes.next,
    onProgress: async (device, bytes) => {
      const base = await images.baseOf(device);
      if (base !== undefined) progress.tell(device, bytes, base.bytes);
    },
  });

  const health = createHealthWatch({ boards: all, joiner, keys, clock, random, log, signal });
  /** Its own system lets its light blink. */
  const locate = async (device: Device): Promise<Result<void, Problem>> => {
    const board = ownBoard(device, keys);
    return board.ok ? await joiner.onBoard(board.value, signal, (session) => blinkLight(session)) : board;
  };

  /** Settled, what follows may begin: images that a crash left are gone. */
  const sweep = (): Promise<void> =>
    images.sweep((id) => {
      const device = boardNamed(runner.fleet, id);
      return device !== undefined && needsSectors(device);
    });

  /** Each settles when the signal is aborted and it is at rest. */
  const follow = (): readonly Promise<void>[] => {
    const watched = { boards: all, joiner, driver, keys, dispatch, clock, log };
    const onTurn = pulse.loop('nodes', NODES_TURN);
    return [
      runner.run(),
      followNodes(cluster, runner, { clock, log, names, signal, onTurn }),
      progress.follow({ clock, log, signal, onTurn: pulse.loop('progress', PROGRESS_TURN) }),
      opening.follow(signal),
      // Kubernetes 1.3 has no taints that it could set.
      config.cluster.driver === 'kube-config'
        ? watchBoots(watched, signal, pulse.loop('boots', minutes(10)))
        : guard.follow(signal),
      health.follow(pulse.loop('health', HEALTH_TURN)),
      joiner.done,
    ];
  };

  return {
    ...{ runner, joiner, changes, timelines, progress, keys, images, installer, eeproms, files, bootKeyOf },
    ...{ rivals, opening, adoption, guard, cards, boot, health, locate, sweep, follow, close: images.close },
  };
}

const needsSectors = ({ state }: Device): boolean => state.name === 'accepted' || state.name === 'installing';
