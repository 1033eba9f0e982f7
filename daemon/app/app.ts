/** Wires the rooms. The only file, with those beside it, that knows all of them. */
import { hostname as systemHostname } from 'node:os';
import { must, ok, problem, type Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import { minutes, parseDeviceId, parseHostname } from '../../config/values.ts';
import { createTimelines } from '../boot/timeline.ts';
import { openCluster } from '../cluster/index.ts';
import { type Action, type ActionProblem, adminApi } from '../http/endpoints/admin.ts';
import type { ReadDeps } from '../http/endpoints/read.ts';
import { serveHttp } from '../http/server.ts';
import { clearStaleSocket } from '../http/socket.ts';
import type { DeviceView } from '../http/wire.ts';
import { createJoiner } from '../join/index.ts';
import type { Device } from '../lifecycle/device.ts';
import type { LifecycleEvent } from '../lifecycle/event.ts';
import { createRunner, type Runner } from '../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { openStore } from '../store/open.ts';
import { hardwareAddressOf } from '../system/neighbours.ts';
import { bootDesk } from './boot-desk.ts';
import { createChanges } from './changes.ts';
import { createClusterFacts, driverFor } from './control-plane.ts';
import { effectDesk, recentAcceptances } from './effects.ts';
import { eventFeed } from './event-feed.ts';
import { hostKeys } from './host-keys.ts';
import { loadIdentity } from './identity.ts';
import { imageDesk } from './images.ts';
import { together } from './lifetime.ts';
import { networkServices } from './network-services.ts';
import { followNodes, NODES_TURN } from './node-events.ts';
import { createPulse } from './pulse.ts';
import { awaitSite, type Site } from './site.ts';
import { statusView } from './status.ts';
import { createSupervisor } from './supervise.ts';
import { describeDevice, deviceView } from './views.ts';
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
  const written = watchStore(store);
  const identity = await loadIdentity(config.data, random);

  const changes = createChanges(clock, signal);
  const timelines = createTimelines();
  const supervisor = createSupervisor({ clock, log, signal });
  const progress = new Map<string, number>();
  const snapshot = store.snapshot();
  let site: Site | undefined;
  let siteProblem = 'looking for the network of the boards';

  const keys = hostKeys({ ...store, commit: written.commit });
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
    commit: written.commit,
    devices: snapshot.devices,
    pendingEffects: snapshot.effects,
    nextNumber: Number(snapshot.settings.get('names.next') ?? '1'),
    reservation: () =>
      site && {
        range: site.range,
        taken: site.taken,
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
    onTurn: pulse.loop('lifecycle', minutes(1)),
    onChange: (change) => {
      const { before, after } = change;
      // Its sectors have done their work, or are of no use any more: they hold its host key.
      if (before !== undefined && needsSectors(before) && !(after && needsSectors(after))) {
        progress.delete(before.id);
        void images.discard(before.id);
      }
      if (before !== undefined && after === undefined) {
        timelines.forget(before.id);
        boot.forget(before.id);
      }
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

  const failing = (): ReadonlyMap<string, string> => {
    const problem = written.problem();
    return new Map([...supervisor.failing(), ...(problem === undefined ? [] : [['database', problem] as const])]);
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
        services: failing(),
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
      const checks = [...failing().keys(), ...(site === undefined ? ['network'] : []), ...pulse.stuck()];
      return { ok: checks.length === 0, failing: checks };
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
    hardwareAddressOf,
    onProgress: async (device, bytes) => {
      const base = await images.baseOf(device);
      const installs = runner.fleet.byId(device.id)?.state.name === 'installing';
      if (base !== undefined && installs) progress.set(device.id, Math.min(1, bytes / base.bytes));
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
  let told = false;
  const admin = async () => {
    const server = await serveHttp({
      listen: { socket: config.socket },
      routes: adminApi({ ...read, act }),
      log: log.child({ service: 'admin' }),
      signal,
    });
    if (!server.ok) throw new Error(`${config.socket}: ${server.error.detail}`);
    if (!told) deps.onReady(pulse.stuck);
    told = true;
    return server.value;
  };

  await images.sweep((id) => {
    const device = find(id);
    return device !== undefined && needsSectors(device);
  });
  const onTurn = pulse.loop('nodes', NODES_TURN);
  await together(
    [
      supervisor.keepUp('admin', admin),
      onNetwork(),
      runner.run(),
      followNodes(cluster, runner, { clock, log, signal, onTurn }),
      written.follow(clock, pulse.loop('store', STORE_TURN), signal),
      pulse.follow(signal),
      clusterFacts.follow(signal),
      joiner.sweep(signal).then((swept) => swept.ok || log.debug('old tokens not swept', { ...swept.error })),
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
