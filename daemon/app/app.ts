/** Wires the rooms. The only file, with those beside it, that knows all of them. */
import type { Config } from '../../config/schema.ts';
import { seconds } from '../../config/values.ts';
import { openCluster } from '../cluster/index.ts';
import { adminApi } from '../http/endpoints/admin.ts';
import { serveHttp } from '../http/server.ts';
import { clearStaleSocket } from '../http/socket.ts';
import { fingerprint } from '../join/index.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { createRests } from '../rests.ts';
import { openStore } from '../store/open.ts';
import { keepBackups } from './backups.ts';
import { createBoards } from './boards/boards.ts';
import { createClusterFacts } from './boards/control-plane.ts';
import { plainServer } from './boards/kube-config.ts';
import { loadIdentity } from './identity.ts';
import { createKeeping } from './keeping/keeping.ts';
import { together } from './lifetime.ts';
import { createNetwork, type Network } from './network/network.ts';
import type { LaunchedSockets } from './network/whereabouts.ts';
import { accessDesk } from './owner/access-desk.ts';
import { eventFeed } from './owner/event-feed.ts';
import { createMetrics } from './owner/metrics.ts';
import { openingDesk } from './owner/opening-desk.ts';
import { ownerDesk } from './owner/owner-desk.ts';
import { pageDesk } from './owner/page-desk.ts';
import { placeDesk } from './owner/place-desk.ts';
import { workloadsView } from './owner/workloads-view.ts';
import { createPulse } from './pulse.ts';
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
  /** Where `bramble-power` is asked, if anywhere (bramble-power.socket). */
  readonly powerSocket: string | undefined;
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
  const metrics = createMetrics({
    ...{ traffic: () => network.traffic.now(), boards: () => runner.fleet.all() },
    apiRequests: () => cluster.asked(),
  });
  const written = watchStore({ ...store, commit: metrics.timed(store.commit) });
  const snapshot = store.snapshot();
  const identity = await loadIdentity(config.data, random, { isNew: snapshot.devices.length === 0 });

  const supervisor = createSupervisor({ clock, log, signal });
  const network: Network = createNetwork({
    ...deps,
    settings: snapshot.settings,
    guests: snapshot.guests,
    commit: written.commit,
    runner: () => runner,
    signal,
  });
  const cluster = openCluster({
    kubeconfig: config.cluster.kubeconfig,
    plainServer: plainServer(config, () => runner.fleet),
    ...{ clock, random, log, signal },
  });
  const rests = createRests(clock, seconds(1));
  const onEvents = (): void => feed.committed();
  const known = { config, cluster, pulse, rests, clock, random, log };
  const boards = createBoards({
    ...known,
    ...{ identity, store, snapshot, network, onEvents, signal },
    commit: written.commit,
    planned: { drain: (...args) => keeping.drain(...args), stop: (...args) => keeping.stop(...args) },
  });
  const { runner, joiner, timelines, keys, images, installer } = boards;
  const feed = eventFeed(store, () => runner.fleet);
  const keeping = createKeeping({
    ...known,
    ...{ joiner, runner, keys, site: network.site, onNotice: onEvents, powerSocket: deps.powerSocket, signal },
    settings: snapshot.settings,
    commit: written.commit,
  });
  const clusterFacts = createClusterFacts(cluster, clock);
  const page = pageDesk({
    ...{ config, rests, clock, random, log, site: network.site, onCommit: onEvents },
    commit: written.commit,
  });
  const owner = ownerDesk({
    ...{ network, config, clock, random, store, runner, timelines, feed, images, installer, keeping, metrics },
    version: deps.version,
    places: placeDesk({ runner, cluster, signal }),
    installerLog: boards.boot.logOf,
    fingerprints: (device) => keys.accepted(device).map(fingerprint),
    locate: boards.boot.locate,
    locateOwn: boards.locate,
    health: boards.health,
    cards: boards.cards,
    access: accessDesk({
      ...{ config, cluster, clock, log, signal },
      site: network.site,
      commit: written.commit,
      onCommit: onEvents,
    }),
    login: page,
    opening: openingDesk(boards.opening, config.admission.limit),
    rivals: boards.rivals,
    adoption: boards.adoption,
    guard: boards.guard,
    cluster: clusterFacts,
    workloads: () => {
      const kept = cluster.workloads();
      const world = kept?.synced() === true ? kept.world() : undefined;
      return workloadsView({ world, services: cluster.services(), nodes: cluster.nodes() });
    },
    progressOf: boards.progress.of,
    failing: () => new Map([...supervisor.failing(), ...written.failing()]),
    stuck: pulse.stuck,
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

  await boards.sweep();
  const isLegacy = config.cluster.driver === 'kube-config';
  await together(
    [
      supervisor.keepUp('admin', admin),
      network.follow({
        ...{ version: deps.version, runner, timelines, images, installer, read: owner, page, supervisor },
        changes: boards.changes,
        eeproms: boards.eeproms,
        boot: boards.boot,
        openClusterFile: boards.files.open,
        bootKeyOf: boards.bootKeyOf,
        noticeRival: boards.rivals.notice,
        adoption: boards.adoption,
      }),
      ...boards.follow(),
      // Kubernetes 1.3 lacks what they need.
      ...(isLegacy ? [] : keeping.follow(signal)),
      written.follow(clock, pulse.loop('store', STORE_TURN), signal),
      keepBackups(store, { clock, log }, signal),
      pulse.follow(signal),
      rests.follow(signal),
      clusterFacts.follow(signal),
      cluster.done,
    ],
    broken,
    signal,
  );
  try {
    await boards.close();
  } finally {
    await store.close();
    storeLife.abort();
  }
  if (broken.signal.aborted) throw broken.signal.reason;
}
