/** What the owner sees and may ask for: the meeting of the API with everything there is to tell. */
import { hostname } from 'node:os';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { DeviceId } from '../../../config/values.ts';
import { isInstalled } from '../../boot/offer.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { AccessDeps } from '../../http/endpoints/access.ts';
import type { AdminDeps } from '../../http/endpoints/admin.ts';
import type { CardDeps } from '../../http/endpoints/cards.ts';
import type { LoginDeps } from '../../http/endpoints/login.ts';
import type { OpenDeps } from '../../http/endpoints/open.ts';
import { noBoardText } from '../../http/endpoints/read.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { explain } from '../../lifecycle/explain.ts';
import { boardNamed } from '../../lifecycle/fleet.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Random } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import type { Adoption } from '../boards/adoption.ts';
import type { ClusterFacts } from '../boards/control-plane.ts';
import type { HealthWatch } from '../boards/health-watch.ts';
import type { ImageDesk } from '../boards/images.ts';
import type { InstallerKit } from '../boards/installer-kit.ts';
import type { NodeGuard } from '../boards/node-guard.ts';
import type { Rivals } from '../boards/rivals.ts';
import type { Keeping } from '../keeping/keeping.ts';
import type { Network } from '../network/network.ts';
import { endsCluster } from './cluster-carrier.ts';
import { diagnosesNow } from './diagnoses.ts';
import type { EventFeed } from './event-feed.ts';
import type { Metrics } from './metrics.ts';
import type { PlaceDesk } from './place-desk.ts';
import { statusView } from './status.ts';
import { describeDevice, deviceView } from './views.ts';

export type OwnerDeskDeps = {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Pick<Store, 'revision' | 'deviceEvents'>;
  readonly runner: Pick<Runner, 'fleet' | 'dispatch' | 'drop'>;
  readonly places: PlaceDesk;
  readonly timelines: Timelines;
  /** What its installer said when it failed, oldest line first. */
  readonly installerLog: (id: DeviceId) => readonly string[];
  /** Of its sshd's keys. */
  readonly fingerprints: (device: Device) => readonly string[];
  /** Its light is to blink: whether its installer asked in time, and was told so. */
  readonly locate: (id: DeviceId) => Promise<boolean>;
  /** The same of one that runs its own system, over SSH. */
  readonly locateOwn: (device: Device) => Promise<Result<void, Problem>>;
  readonly health: Pick<HealthWatch, 'now' | 'advice'>;
  readonly feed: EventFeed;
  readonly cards: CardDeps;
  readonly access: AccessDeps;
  readonly login: Pick<LoginDeps, 'invite'>;
  readonly opening: OpenDeps;
  readonly rivals: Pick<Rivals, 'now'>;
  readonly adoption: Pick<Adoption, 'isAdoptable' | 'awaitsOwner' | 'lacksLogin'>;
  readonly guard: Pick<NodeGuard, 'advice'>;
  readonly keeping: Pick<Keeping, 'advice' | 'balance' | 'failover' | 'power'>;
  readonly installer: Pick<InstallerKit, 'advice'>;
  readonly images: Pick<ImageDesk, 'records' | 'kitGaps' | 'files'>;
  readonly cluster: ClusterFacts;
  readonly network: Pick<Network, 'facts' | 'site' | 'traffic' | 'hasRival'>;
  readonly workloads: AdminDeps['workloads'];
  readonly metrics: Pick<Metrics, 'text'>;
  /** 0 to 1 while the board installs. */
  readonly progressOf: (device: Device) => number | undefined;
  /** What is not up, with the reason. */
  readonly failing: () => ReadonlyMap<string, string>;
  /** Loops that do not get on any more. */
  readonly stuck: () => readonly string[];
};

export function ownerDesk(deps: OwnerDeskDeps): AdminDeps {
  const { runner, progressOf, network } = deps;
  const find = (name: string): Device | undefined => boardNamed(runner.fleet, name);

  const status: AdminDeps['status'] = async () =>
    statusView({
      config: deps.config,
      revision: deps.store.revision(),
      now: deps.clock.now(),
      version: deps.version,
      hostname: hostname(),
      network: network.facts(),
      services: deps.failing(),
      cluster: deps.cluster.now(),
      bases: await deps.images.records(),
      installerAdvice: deps.installer.advice(),
      kitGaps: await deps.images.kitGaps(),
      devices: runner.fleet.all(),
      opening: deps.opening.opening(),
      rivals: deps.rivals.now(),
      nodeAdvice: [...deps.keeping.advice(), ...deps.guard.advice()],
      adoption: deps.adoption,
      diagnosisOf: diagnosesNow(deps),
      healthAdvice: deps.health.advice(runner.fleet.all()),
      progressOf,
      traffic: await network.traffic.now(),
    });

  const describe: AdminDeps['describe'] = async (name) => {
    const device = find(name);
    if (device === undefined) return undefined;
    return describeDevice(device, progressOf(device), {
      rows: deps.store.deviceEvents(device.id),
      boots: deps.timelines.of(device.id),
      diagnosis: diagnosesNow(deps)(device),
      health: await deps.health.now(device),
      installerLog: deps.installerLog(device.id),
      hostKeys: deps.fingerprints(device),
      isAdoptable: deps.adoption.awaitsOwner(device),
    });
  };

  const ready: AdminDeps['ready'] = () => {
    const place = network.site() === undefined ? ['network'] : [];
    const failing = [...deps.failing().keys(), ...place, ...deps.stuck()];
    return { ok: failing.length === 0, failing };
  };

  const locate = async (device: Device): ReturnType<AdminDeps['act']> => {
    if (isInstalled(device)) {
      const blinks = await deps.locateOwn(device);
      if (!blinks.ok)
        return problem(
          'CONFLICT',
          `${device.name}: its light does not blink: ${blinks.error.detail} (${blinks.error.code}); see whether it is on`,
        );
    } else if (!(await deps.locate(device.id))) {
      return problem(
        'CONFLICT',
        `${device.name}: its installer does not ask (${explain(device)}); its light blinks while the installer waits, or its own system runs.`,
      );
    }
    return ok(deviceView(device, progressOf(device)));
  };

  const act: AdminDeps['act'] = async (name, action, { by, force }) => {
    const device = find(name);
    if (device === undefined) return problem('NOT_FOUND', `no board ${name}`);
    const against = force ? undefined : endsCluster(action, device, deps.config.cluster);
    if (against !== undefined) return problem('CONFLICT', against);
    if (action === 'locate') return await locate(device);
    if (action === 'forget') {
      const forgotten = (await runner.drop(device.id)) ? ok(device) : await deps.places.forget(device, by);
      return forgotten.ok ? ok(deviceView(forgotten.value, undefined)) : forgotten;
    }
    if (action === 'reject' && (await runner.drop(device.id))) {
      return ok(deviceView({ ...device, state: { name: 'rejected', by, left: true, system: 'none' } }, undefined));
    }
    // Its wipe is tied to a nonce; an installation gets its own with its image.
    const arming = Buffer.from(deps.random.bytes(16)).toString('hex');
    const event: LifecycleEvent =
      action === 'accept' && deps.adoption.isAdoptable(device)
        ? { event: 'adopt-requested', by }
        : action === 'wipe'
          ? { event: 'wipe-requested', by, arming }
          : { event: `${action}-requested`, by };
    const done = await runner.dispatch(device.id, event);
    if (!done.ok) return problem('NOT_FOUND', done.error.detail);
    if (done.value.outcome === 'refused') return problem('CONFLICT', `${device.name}: ${done.value.reason}`);
    return ok(deviceView(done.value.device, progressOf(done.value.device)));
  };

  const replace: AdminDeps['replace'] = async (name, { heir, by, loseData }) => {
    const [old, other] = [find(name), find(heir)];
    if (old === undefined || other === undefined) return problem('NOT_FOUND', noBoardText(old ? heir : name));
    const replaced = await deps.places.replace(old, other, { by, loseData });
    return replaced.ok ? ok(deviceView(replaced.value, progressOf(replaced.value))) : replaced;
  };

  const imageFiles: AdminDeps['imageFiles'] = async (name) => {
    const device = find(name);
    return device && (await deps.images.files(device));
  };

  const { events, subscribe } = deps.feed;
  return {
    status,
    describe,
    events,
    subscribe,
    ready,
    workloads: deps.workloads,
    metrics: deps.metrics.text,
    act,
    replace,
    imageFiles,
    ...deps.cards,
    ...deps.access,
    ...deps.opening,
    invite: deps.login.invite,
    ...deps.keeping.balance,
    ...deps.keeping.failover,
    ...deps.keeping.power,
  };
}
