/** Wires the rooms. The only file, with those beside it, that knows all of them. */
import { hostname as systemHostname } from 'node:os';
import { must, ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import { type Instant, minutes, parseDeviceId, parseHostname, seconds, since } from '../../config/values.ts';
import { createTimelines } from '../boot/timeline.ts';
import { type Cluster, openCluster } from '../cluster/index.ts';
import { type Action, type ActionProblem, adminApi } from '../http/endpoints/admin.ts';
import type { ReadDeps } from '../http/endpoints/read.ts';
import { serveHttp } from '../http/server.ts';
import { clearStaleSocket } from '../http/socket.ts';
import type { DeviceView } from '../http/wire.ts';
import { caCertHashes, createJoiner, type Driver, kubeadmDriver } from '../join/index.ts';
import type { Device } from '../lifecycle/device.ts';
import type { LifecycleEvent } from '../lifecycle/event.ts';
import { createRunner, type Runner } from '../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { bootDesk } from './boot-desk.ts';
import { createChanges } from './changes.ts';
import { effectDesk } from './effects.ts';
import { eventFeed } from './event-feed.ts';
import { hostKeys } from './host-keys.ts';
import { loadIdentity } from './identity.ts';
import { imageDesk } from './images.ts';
import { networkServices } from './network-services.ts';
import { followNodes } from './node-events.ts';
import { awaitSite, type Site } from './site.ts';
import { statusView } from './status.ts';
import { createSupervisor } from './supervise.ts';
import { describeDevice, deviceView } from './views.ts';

export type AppDeps = {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly signal: AbortSignal;
  /** The database is open and the command line is answered. Once. */
  readonly onReady: () => void;
};

/** Settles when the signal is aborted and everything is closed; rejects if what it cannot live without is broken. */
export async function runApp(deps: AppDeps): Promise<void> {
  const { config, clock, random, log } = deps;
  // Two daemons on one database would both be right. The socket tells whether one is there.
  const free = await clearStaleSocket(config.socket);
  if (!free.ok) throw new Error(`${config.socket}: ${free.error.detail}`);
  const broken = new AbortController();
  const signal = AbortSignal.any([deps.signal, broken.signal]);
  const storeLife = new AbortController();
  const store = await openStore({ directory: config.data, log, signal: storeLife.signal, clock });
  void store.died.then((error) => broken.abort(error));
  const identity = await loadIdentity(config.data, random);

  const changes = createChanges(clock, signal);
  const timelines = createTimelines();
  const supervisor = createSupervisor({ clock, log, signal });
  const progress = new Map<string, number>();
  const snapshot = store.snapshot();
  let site: Site | undefined;
  let siteProblem = 'looking for the network of the boards';

  const keys = hostKeys(store);
  const images = imageDesk({
    config,
    clusterId: identity.clusterId,
    authorizedKey: identity.ssh.publicLine,
    hostKeyFor: keys.forDevice,
    addressFor: (device) =>
      site && {
        ip: device.address,
        prefix: site.subnet.prefix,
        ...(site.gateway !== undefined && { gateway: site.gateway }),
        dns: site.dns,
      },
    random,
    log,
  });
  const cluster = openCluster({ kubeconfig: config.cluster.kubeconfig, clock, random, log, signal });
  const joiner = createJoiner({
    cluster,
    driver: () => driverFor(config, cluster),
    privateKey: identity.ssh.privateOpenssh,
    clock,
    random,
    log: log.child({ service: 'join' }),
    signal,
    parallel: config.join.parallel,
  });
  const runner: Runner = createRunner({
    commit: store.commit,
    devices: snapshot.devices,
    pendingEffects: snapshot.effects,
    nextNumber: Number(snapshot.settings.get('names.next') ?? '1'),
    reservation: () =>
      site && {
        range: site.range,
        taken: [site.address, ...(site.gateway === undefined ? [] : [site.gateway])],
        pattern: config.names.pattern,
        pendingMax: config.pending.max,
      },
    clock,
    random,
    log,
    signal,
    execute: effectDesk({
      config,
      clock,
      cluster,
      joiner,
      images,
      boards: () => runner.fleet.all(),
      acceptances: recentAcceptances(store, clock.now()),
      hostKeyOf: keys.publicOf,
    }),
    onChange: (change) => {
      const { before, after } = change;
      // Its sectors have done their work, or are of no use any more: they hold its host key.
      if (before?.state.name === 'installing' && after?.state.name !== 'installing') {
        progress.delete(before.id);
        void images.discard(before.id);
      }
      if (before !== undefined && after === undefined) timelines.forget(before.id);
      changes.tell(change);
      feed.committed();
    },
  });
  const feed = eventFeed(store, () => runner.fleet);
  const progressOf = ({ id }: Device): number | undefined => progress.get(id);
  const find = (name: string): Device | undefined => {
    const [asName, asId] = [parseHostname(name), parseDeviceId(name)];
    return (
      (asName.ok ? runner.fleet.byName(asName.value) : undefined) ??
      (asId.ok ? runner.fleet.byId(asId.value) : undefined)
    );
  };

  const clusterFacts = createClusterFacts(cluster, clock);
  const read: ReadDeps = {
    status: async () =>
      statusView({
        config,
        revision: store.revision(),
        now: clock.now(),
        version: deps.version,
        hostname: systemHostname(),
        site,
        siteProblem,
        services: supervisor.failing(),
        cluster: clusterFacts.now(),
        bases: await images.count(),
        devices: runner.fleet.all(),
        progressOf,
      }),
    describe: (name) => {
      const device = find(name);
      return (
        device && describeDevice(device, progressOf(device), store.deviceEvents(device.id), timelines.of(device.id))
      );
    },
    events: feed.events,
    subscribe: feed.subscribe,
    ready: () => {
      const failing = [...supervisor.failing().keys(), ...(site === undefined ? ['network'] : [])];
      return { ok: failing.length === 0, failing };
    },
  };
  const act = async (name: string, action: Action, by: string): Promise<Result<DeviceView, ActionProblem>> => {
    const device = find(name);
    if (device === undefined) return problem('NOT_FOUND', `no board ${name}`);
    const done = await runner.dispatch(device.id, { event: `${action}-requested`, by } satisfies LifecycleEvent);
    if (!done.ok) return problem('NOT_FOUND', done.error.detail);
    if (done.value.outcome === 'refused') return problem('CONFLICT', `${device.name}: ${done.value.reason}`);
    return ok(deviceView(done.value.device, progressOf(device)));
  };
  const boot = bootDesk({
    runner,
    timelines,
    clock,
    random,
    clusterKey: identity.clusterKey,
    addressesAreOurs: config.dhcp.mode === 'full',
    nextChange: changes.next,
    images,
    onProgress: (id, bytes) => {
      const device = runner.fleet.byId(id);
      void (device && images.baseOf(device).then((base) => base && progress.set(id, Math.min(1, bytes / base.bytes))));
    },
  });

  const onNetwork = async (): Promise<void> => {
    const onProblem = (detail: string): void => {
      siteProblem = detail;
    };
    site = await awaitSite(config, { clock, log, signal, onProblem });
    log.info('serving', { interface: site.interface, address: site.address, dhcp: config.dhcp.mode });
    const hostname = parseHostname(systemHostname().split('.', 1)[0]?.toLowerCase() ?? '');
    await networkServices({
      ...deps,
      site,
      hostname: hostname.ok ? hostname.value : must(parseHostname('bramble')),
      runner,
      timelines,
      changes,
      images,
      boot,
      read,
      supervisor,
      signal,
    });
  };
  const admin = async () => {
    const server = await serveHttp({
      listen: { socket: config.socket },
      routes: adminApi({ ...read, act }),
      log: log.child({ service: 'admin' }),
      signal,
    });
    if (!server.ok) throw new Error(`${config.socket}: ${server.error.detail}`);
    deps.onReady();
    return server.value;
  };

  try {
    await Promise.all([
      supervisor.keepUp('admin', admin),
      onNetwork().catch(unlessAborted(signal)),
      runner.run(),
      followNodes(cluster, runner, clock, signal),
      clusterFacts.follow(signal),
      joiner.sweep(signal).then((swept) => swept.ok || log.debug('old tokens not swept', { ...swept.error })),
      joiner.done,
      cluster.done,
    ]);
  } finally {
    await images.close();
    await store.close();
    storeLife.abort();
  }
  if (broken.signal.aborted) throw broken.signal.reason;
}

async function driverFor(config: Config, cluster: Cluster): Promise<Result<Driver, Problem>> {
  const endpoint = await cluster.endpoint();
  if (!endpoint.ok) return endpoint;
  const { host } = new URL(config.cluster.server ?? endpoint.value.server);
  return ok(kubeadmDriver({ apiServerEndpoint: host, caCertHashes: caCertHashes(endpoint.value.caPem) }));
}

/** Whether the API answers, asked now and then: a status must not wait for a dead server. */
function createClusterFacts(cluster: Cluster, clock: Clock) {
  let facts = { reachable: false, detail: 'not asked yet' };
  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const answer = await cluster.reachable(signal).catch(() => undefined);
      if (answer !== undefined) {
        facts = answer.ok
          ? { reachable: true, detail: answer.value }
          : { reachable: false, detail: answer.error.detail };
      }
      await clock.sleep(seconds(facts.reachable ? 30 : 3), signal).catch(() => undefined);
    }
  }
  return { now: () => facts, follow };
}

/** The limit of an hour counts over restarts too. */
function recentAcceptances(store: Store, now: Instant): Instant[] {
  return store
    .events({ limit: 1000 })
    .filter(({ name, to, at }) => name === 'admission-decided' && to === 'accepted' && since(at, now) < minutes(60))
    .map(({ at }) => at);
}

const unlessAborted =
  (signal: AbortSignal) =>
  (error: unknown): void => {
    if (!signal.aborted) throw error;
  };
