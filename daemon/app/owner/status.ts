/** `GET /v1/status`, from what is in memory at this moment. Pure. */
import type { Config } from '../../../config/schema.ts';
import { type DeviceId, type Instant, models } from '../../../config/values.ts';
import { type BaseRecord, baseProblems } from '../../../image-builder/index.ts';
import type { MasterView, OpeningView, StatusView, TrafficView } from '../../http/wire.ts';
import type { Device, StateName } from '../../lifecycle/device.ts';
import { nextDeed } from '../../lifecycle/explain.ts';
import { isUndecided } from '../../lifecycle/registry.ts';
import type { Adoption } from '../boards/adoption.ts';
import { LEGACY } from '../boards/kube-config.ts';
import type { KitGaps } from '../boards/netboot-kit.ts';
import { isNetworkDown, type NetworkFacts, networkAdvice } from '../network/advice.ts';
import { dhcpModeView } from '../network/dhcp-standing.ts';
import type { Diagnoses } from './diagnoses.ts';
import { deviceView, guestView } from './views.ts';

export type StatusFacts = {
  readonly config: Config;
  readonly revision: number;
  readonly now: Instant;
  readonly version: string;
  readonly hostname: string;
  readonly network: NetworkFacts;
  /** What is not up, with the reason. */
  readonly services: ReadonlyMap<string, string>;
  readonly cluster: { readonly reachable: boolean; readonly detail: string };
  readonly bases: readonly Pick<BaseRecord, 'name' | 'id' | 'format'>[];
  /** What keeps the installer from being started, and what to do. */
  readonly installerAdvice: readonly string[];
  readonly kitGaps: KitGaps;
  readonly devices: readonly Device[];
  readonly opening: OpeningView | null;
  /** Who else says to be a board of ours, in words. */
  readonly rivals: ReadonlyMap<DeviceId, string>;
  /** Of keeping the cluster, and of Nodes that are not what was joined. */
  readonly nodeAdvice: readonly string[];
  /** Of boards that run a system which somebody flashed. */
  readonly adoption: Pick<Adoption, 'awaitsOwner' | 'lacksLogin'>;
  readonly diagnosisOf: Diagnoses;
  /** Of those that run our system. */
  readonly healthAdvice: readonly string[];
  readonly progressOf: (device: Device) => number | undefined;
  readonly traffic: TrafficView;
};

export function statusView(facts: StatusFacts): StatusView {
  const { network } = facts;
  return {
    revision: facts.revision,
    generatedAt: new Date(facts.now).toISOString(),
    version: facts.version,
    master: masterView(facts),
    devices: facts.devices.map((device) =>
      deviceView(device, facts.progressOf(device), facts.adoption.awaitsOwner(device), facts.diagnosisOf(device)),
    ),
    strangers: network.strangers,
    guests: network.guests.map(guestView),
  };
}

function masterView(facts: StatusFacts): MasterView {
  const { config, network, devices } = facts;
  return {
    hostname: facts.hostname,
    interface: network.site?.interface ?? null,
    address: network.site?.address ?? null,
    dhcpMode: dhcpModeView(network.standing),
    admission: config.admission.mode,
    open: facts.opening,
    cluster: { driver: config.cluster.driver, ...facts.cluster },
    degraded: broken(facts).length > 0 || isNetworkDown(network, devices),
    advice: advice(facts),
    traffic: facts.traffic,
  };
}

/** Those that only just begin are no news. */
const broken = ({ services }: StatusFacts): readonly (readonly [name: string, reason: string])[] =>
  [...services].filter(([, reason]) => reason !== 'starting');

/** What keeps every board waiting comes before what one board waits for. */
function advice(facts: StatusFacts): readonly string[] {
  const { config, network, installerAdvice, cluster, devices } = facts;
  const { all, some } = networkAdvice(network, config, devices);
  const waiting = devices.filter(isUndecided).length;
  return [
    ...broken(facts).map(([name, reason]) => `${name}: ${reason}`),
    ...all,
    ...[...imageAdvice(facts), ...installerAdvice].map((line) => `boards cannot be installed: ${line}`),
    ...kitAdvice(facts),
    ...(cluster.reachable ? [] : [`the cluster cannot be reached: ${cluster.detail}`]),
    ...(waiting >= config.pending.max
      ? [`${waiting} boards wait for a decision: no other is taken in (pending.max)`]
      : []),
    ...some,
    ...rivalAdvice(facts),
    ...facts.nodeAdvice,
    ...(config.cluster.driver === 'kube-config' ? [LEGACY] : []),
    ...devices
      .toSorted((a, b) => urgency(a) - urgency(b))
      .map((device) => nextDeed(device, facts.adoption.awaitsOwner(device)) ?? diagnosisText(device, facts))
      .filter((deed) => deed !== undefined),
    ...facts.healthAdvice,
    ...loginAdvice(devices.filter(facts.adoption.lacksLogin)),
  ];
}

/** Of a board that should get on by itself. What only delays it is told with the network. */
function diagnosisText(device: Device, { diagnosisOf }: StatusFacts): string | undefined {
  const diagnosis = diagnosisOf(device);
  return diagnosis?.stops ? `${device.name}: ${diagnosis.deed}    (${diagnosis.sentence})` : undefined;
}

const imageAdvice = ({ bases, config }: StatusFacts): readonly string[] =>
  bases.length === 0 ? [`there is no base image in ${config.data}/bases`] : baseProblems(bases, config.images);

/** Of the models that wait for it: hardly any kit starts every model there ever was. One that starts none is told at once. */
function kitAdvice({ kitGaps: { kit, missing }, devices }: StatusFacts): readonly string[] {
  if (models.every((model) => missing.has(model)))
    return [
      `boards cannot be installed: ${kit} starts the installer on no board: import a newer Raspberry Pi OS and name it as images.kit`,
    ];
  const asking = devices.filter(({ state }) => state.name === 'seen' || state.name === 'booting');
  const there = new Set(asking.map(({ model }) => model?.model));
  return [...missing]
    .filter(([model]) => there.has(model))
    .map(
      ([model, files]) =>
        `${kit} cannot start the installer on a ${model} (it lacks ${files.join(', ')}): import a newer Raspberry Pi OS and name it as images.kit`,
    );
}

/** One line, however many they are, and the last: nothing is amiss. */
function loginAdvice(flashed: readonly Device[]): readonly string[] {
  if (flashed.length === 0) return [];
  const named = flashed.slice(0, 3).map(({ name }) => name);
  const more = flashed.length - named.length;
  const who = `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return [
    `running a system that was flashed by hand: ${who}: name its login as join.firstLogin to take that in, or start it from the network or a join card`,
  ];
}

/** Of those that go on all the same; what an undecided one waits for is its own deed. */
const rivalAdvice = ({ rivals, devices }: StatusFacts): readonly string[] =>
  devices
    .filter((device) => rivals.has(device.id) && !isUndecided(device))
    .map(
      ({ id, name }) =>
        `another board says to be ${name}: ${rivals.get(id)}; ${name} goes on as it is: find the other one, and take it off the network`,
    );

/** Of the states in which something is asked of the owner. */
const urgent: readonly StateName[] = [
  ...([
    'failed',
    'local-boot-failed',
    'waiting-for-proof',
    'unreachable',
    'reinstalling',
    'wiping',
    'held',
    'pending',
  ] as const),
  ...(['seen', 'booting', 'reported', 'accepted', 'installing', 'starting'] as const),
];
const urgency = ({ state }: Device): number => urgent.indexOf(state.name);
