/** Wires the rooms. The only file, with those beside it, that knows all of them. */
import type { Config } from '../../config/schema.ts';
import { type Mac, minutes } from '../../config/values.ts';
import { createTimelines } from '../boot/timeline.ts';
import { openCluster } from '../cluster/index.ts';
import { adminApi } from '../http/endpoints/admin.ts';
import { bootKey } from '../http/proof.ts';
import { serveHttp } from '../http/server.ts';
import { clearStaleSocket } from '../http/socket.ts';
import { createJoiner, fingerprint, firstLogin } from '../join/index.ts';
import type { Device } from '../lifecycle/device.ts';
import { createRunner, type Runner } from '../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { openStore } from '../store/open.ts';
import { hardwareAddressOf } from '../system/neighbours.ts';
import { answersSsh } from '../system/ssh-banner.ts';
import { createAcceptances, recentlyAccepted } from './boards/acceptances.ts';
import { admissionDesk } from './boards/admission-desk.ts';
import { createAdoption } from './boards/adoption.ts';
import { bootDesk } from './boards/boot-desk.ts';
import { bootOrderDesk } from './boards/boot-order.ts';
import { watchBoots } from './boards/boot-watch.ts';
import { cardDesk } from './boards/cards.ts';
import { createClusterFacts, driverFor, earliestNow } from './boards/control-plane.ts';
import { eepromDesk } from './boards/eeproms.ts';
import { effectDesk } from './boards/effects.ts';
import { hostKeys } from './boards/host-keys.ts';
import { imageDesk } from './boards/images.ts';
import { installerKit } from './boards/installer-kit.ts';
import { k3sFiles } from './boards/k3s-files.ts';
import { nodeNames, plainServer } from './boards/kube-config.ts';
import { followNodes, NODES_TURN } from './boards/node-events.ts';
import { createNodeGuard } from './boards/node-guard.ts';
import { nodeLabels } from './boards/node-labels.ts';
import { createOpening } from './boards/opening.ts';
import { createProgress, PROGRESS_TURN } from './boards/progress.ts';
import { installerStarter } from './boards/reinstall.ts';
import { createRivals } from './boards/rivals.ts';
import { createChanges } from './changes.ts';
import { loadIdentity } from './identity.ts';
import { createKeeping } from './keeping/keeping.ts';
import { together } from './lifetime.ts';
import { createNetwork, type Network } from './network/network.ts';
import type { LaunchedSockets } from './network/whereabouts.ts';
import { accessDesk } from './owner/access-desk.ts';
import { eventFeed } from './owner/event-feed.ts';
import { createMetrics } from './owner/metrics.ts';
import { openingDesk } from './owner/opening-desk.ts';
import { boardNamed, ownerDesk } from './owner/owner-desk.ts';
import { placeDesk } from './owner/place-desk.ts';
import { createPulse } from './pulse.ts';
import { createRests } from './rests.ts';
import { createSupervisor } from './supervise.ts';
import { STORE_TURN, watchStore } from './watched-store.ts';

export type AppDeps = {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly sockets: LaunchedSockets;
  /** Where `bramble-gateway` is asked, if anywhere (bramble-gateway.socket). */
  readonly gatewaySocket: string | undefined;
  readonly signal: AbortSignal;
  /** The database is open and the command line is answered. Once. `stuck` names the loops that do not get on any more. */
  readonly onReady: (stuck: () => readonly string[]) => void;
  /** The end has begun: by the signal, or because something broke. */
  readonly onEnding: () => void;
};

/** Settles when the signal is aborted and everything is closed; rejects if what it cannot live without is broken. */
export async function runApp(deps: AppDeps): Promise<void> {
  const { config, clock, random, log } = deps;
  // Two daemons on one database would both be right. The socket tells whether one is there.
  const free = await clearStaleSocket(config.socket);
  if (!free.ok) throw new Error(`${config.socket}: ${free.error.detail}`);
  const broken = new AbortController();
  const signal = AbortSignal.any([deps.signal, broken.signal]);
  signal.addEventListener('abort', deps.onEnding, { once: true });
  const storeLife = new AbortController();
  const store = await openStore({ directory: config.data, log, signal: storeLife.signal, clock });
  void store.died.then((error) => broken.abort(error));
  const pulse = createPulse(clock);
  const metrics = createMetrics({ traffic: () => network.traffic.now(), boards: () => runner.fleet.all() });
  const written = watchStore({ ...store, commit: metrics.timed(store.commit) });
  const snapshot = store.snapshot();
  const identity = await loadIdentity(config.data, random, { isNew: snapshot.devices.length === 0 });

  const changes = createChanges(clock, signal);
  const timelines = createTimelines();
  const supervisor = createSupervisor({ clock, log, signal });
  const progress = createProgress(() => runner);
  const network: Network = createNetwork({
    ...deps,
    settings: snapshot.settings,
    guests: snapshot.guests,
    commit: written.commit,
    runner: () => runner,
    signal,
  });

  const keys = hostKeys({ ...store, commit: written.commit });
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
  const cluster = openCluster({
    kubeconfig: config.cluster.kubeconfig,
    plainServer: plainServer(config, () => runner.fleet),
    clock,
    random,
    log,
    signal,
  });
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
  const rests = createRests(clock);
  const rivals = createRivals({ dispatch: (id, event) => runner.dispatch(id, event), rests, log });
  const opening = createOpening({
    settings: snapshot.settings,
    commit: written.commit,
    onNotice: () => feed.committed(),
    clock,
    rests,
    log,
  });
  const acceptances = createAcceptances(recentlyAccepted(store, clock.now()), rests);
  const adoption = createAdoption({
    config,
    dispatch: (id, event) => runner.dispatch(id, event),
    boardNow: (device) => runner.fleet.byId(device.id) ?? device,
    keys,
    daemonKey: identity.ssh,
    acceptances,
    lanIsOurs: network.lanIsOurs,
    hasRival: network.hasRival,
    answersSsh,
    firstLogin,
    clock,
    log,
    signal,
  });
  const admission = admissionDesk({
    config,
    boards: () => runner.fleet.all(),
    acceptances,
    opening,
    rivals,
    lanIsOurs: network.lanIsOurs,
  });
  const runner: Runner = createRunner({
    commit: (batch) => written.commit(keys.withInstallations(batch)),
    devices: snapshot.devices,
    pendingEffects: snapshot.effects,
    nextNumber: Number(snapshot.settings.get('names.next') ?? '1'),
    reservation: network.reservation,
    clock,
    random,
    log,
    signal,
    execute: effectDesk({
      clock,
      boards: () => runner.fleet.all(),
      decideAdmission: admission.decide,
      cluster,
      log,
      joiner,
      adopt: adoption.adopt,
      images,
      boardNow: (device) => runner.fleet.byId(device.id) ?? device,
      onChange: changes.subscribe,
      keys,
      carriesCluster: ({ name }) => name === config.cluster.controlPlane,
      labels: nodeLabels(cluster, { ...store, commit: written.commit }),
      hasRival: network.hasRival,
      hardwareAddressOf,
      correctBootOrder: bootOrderDesk({
        wanted: config.netboot.bootOrder,
        joiner,
        askedNetworkFirst: timelines.wasSentToDisk,
        tell: (id, event) => runner.dispatch(id, event),
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
      network.changed(change);
      changes.tell(change);
      feed.committed();
    },
  });
  const feed = eventFeed(store, () => runner.fleet);
  const keeping = createKeeping({
    ...{
      config,
      cluster,
      joiner,
      runner,
      settings: snapshot.settings,
      commit: written.commit,
      onNotice: feed.committed,
    },
    ...{ pulse, rests, clock, random, log },
  });
  const clusterFacts = createClusterFacts(cluster, clock);
  const guard = createNodeGuard({
    cluster,
    boards: () => runner.fleet.all(),
    dispatch: runner.dispatch,
    settings: snapshot.settings,
    commit: written.commit,
    onNotice: feed.committed,
    clock,
    log,
  });
  const eeproms = eepromDesk({ config, log });
  const cards = cardDesk({
    config,
    identity,
    images,
    installer,
    eeproms,
    site: network.site,
    boardNamed: (name) => boardNamed(runner.fleet, name),
    expect: runner.expect,
    dispatch: runner.dispatch,
    hasRival: network.hasRival,
    signal,
  });
  const owner = ownerDesk({
    network,
    config,
    version: deps.version,
    clock,
    random,
    store,
    runner,
    places: placeDesk({ runner, cluster, signal }),
    timelines,
    installerLog: (id) => boot.logOf(id),
    fingerprints: (device) => keys.accepted(device).map(fingerprint),
    locate: (id) => boot.locate(id),
    feed,
    images,
    cards,
    access: accessDesk({
      ...{ config, cluster, clock, log, signal },
      site: network.site,
      commit: written.commit,
      onCommit: feed.committed,
    }),
    opening: openingDesk(opening, config.admission.limit),
    rivals,
    adoption,
    guard,
    keeping,
    installer,
    cluster: clusterFacts,
    metrics,
    progressOf: progress.of,
    failing: () => new Map([...supervisor.failing(), ...written.failing()]),
    stuck: pulse.stuck,
  });
  const boot = bootDesk({
    runner,
    timelines,
    clock,
    random,
    clusterKey: identity.clusterKey,
    clusterId: identity.clusterId,
    diskRules: config.images.disk,
    addressesAreOurs: network.standing.isAlone,
    onHeard: network.onHeard,
    isOverdue: admission.isOverdue,
    noticeRival: rivals.notice,
    nextChange: changes.next,
    images,
    hardwareAddressOf,
    onProgress: async (device, bytes) => {
      const base = await images.baseOf(device);
      if (base !== undefined) progress.tell(device, bytes, base.bytes);
    },
  });

  // Early, so that the owner hears of what is missing before a board needs it.
  void installer.initramfs().catch((error: unknown) => log.error('the installer cannot be made', { error }));
  let told = false;
  const admin = async () => {
    const server = await serveHttp({
      listen: { socket: config.socket },
      routes: adminApi(owner),
      log: log.child({ service: 'admin' }),
      signal,
    });
    if (!server.ok) throw new Error(`${config.socket}: ${server.error.detail}`);
    if (!told) deps.onReady(pulse.stuck);
    told = true;
    return server.value;
  };

  await images.sweep((id) => {
    const device = boardNamed(runner.fleet, id);
    return device !== undefined && needsSectors(device);
  });
  const onTurn = pulse.loop('nodes', NODES_TURN);
  const isLegacy = config.cluster.driver === 'kube-config';
  const boots = { boards: () => runner.fleet.all(), joiner, driver, keys, dispatch: runner.dispatch, clock, log };
  await together(
    [
      supervisor.keepUp('admin', admin),
      network.follow({
        version: deps.version,
        runner,
        timelines,
        changes,
        images,
        installer,
        eeproms,
        boot,
        openClusterFile: files.open,
        bootKeyOf,
        noticeRival: rivals.notice,
        adoption,
        read: owner,
        supervisor,
      }),
      runner.run(),
      followNodes(cluster, runner, { clock, log, names, signal, onTurn }),
      progress.follow({ clock, log, signal, onTurn: pulse.loop('progress', PROGRESS_TURN) }),
      written.follow(clock, pulse.loop('store', STORE_TURN), signal),
      pulse.follow(signal),
      rests.follow(signal),
      opening.follow(signal),
      // Kubernetes 1.3 has no taints that it could set.
      ...(isLegacy
        ? [watchBoots(boots, signal, pulse.loop('boots', minutes(10)))]
        : [guard.follow(signal), ...keeping.follow(signal)]),
      clusterFacts.follow(signal),
      joiner.done,
      cluster.done,
    ],
    broken,
    signal,
  );
  try {
    await images.close();
  } finally {
    await store.close();
    storeLife.abort();
  }
  if (broken.signal.aborted) throw broken.signal.reason;
}

const needsSectors = ({ state }: Device): boolean => state.name === 'accepted' || state.name === 'installing';
