/** `GET /v1/status`, from what is in memory at this moment. Pure. */
import type { Config } from '../../config/schema.ts';
import type { Instant } from '../../config/values.ts';
import type { MasterView, StatusView, StrangerView } from '../http/wire.ts';
import type { Device } from '../lifecycle/device.ts';
import { nextDeed } from '../lifecycle/explain.ts';
import { isUndecided } from '../lifecycle/registry.ts';
import { type DhcpStanding, declineAdvice, standingAdvice } from './dhcp-standing.ts';
import type { Site } from './site.ts';
import { deviceView } from './views.ts';

export type StatusFacts = {
  readonly config: Config;
  readonly revision: number;
  readonly now: Instant;
  readonly version: string;
  readonly hostname: string;
  readonly site: Site | undefined;
  readonly siteProblem: string;
  readonly standing: DhcpStanding;
  readonly hasDeclined: (device: Device) => boolean;
  readonly services: ReadonlyMap<string, string>;
  readonly cluster: { readonly reachable: boolean; readonly detail: string };
  readonly bases: number;
  readonly devices: readonly Device[];
  readonly strangers: readonly StrangerView[];
  /** Names of ours that another host has. */
  readonly nameConflicts: ReadonlyMap<string, string>;
  readonly progressOf: (device: Device) => number | undefined;
};

export function statusView(facts: StatusFacts): StatusView {
  return {
    revision: facts.revision,
    generatedAt: new Date(facts.now).toISOString(),
    version: facts.version,
    master: masterView(facts),
    devices: facts.devices.map((device) => deviceView(device, facts.progressOf(device))),
    strangers: facts.strangers,
  };
}

function masterView(facts: StatusFacts): MasterView {
  const { config, site } = facts;
  return {
    hostname: facts.hostname,
    interface: site?.interface ?? null,
    address: site?.address ?? null,
    dhcpMode: config.dhcp.mode,
    admission: config.admission.mode,
    cluster: { driver: config.cluster.driver, ...facts.cluster },
    advice: advice(facts),
  };
}

/** What keeps every board waiting comes before what one board waits for. */
function advice(facts: StatusFacts): readonly string[] {
  const { config, site, services, bases, cluster, devices } = facts;
  // Before there is a site nothing is served anyway.
  const standing = config.dhcp.mode === 'full' && site !== undefined ? standingAdvice(facts.standing) : undefined;
  const waiting = devices.filter(isUndecided).length;
  return [
    ...(site === undefined ? [facts.siteProblem] : []),
    ...[...services].filter(([, reason]) => reason !== 'starting').map(([name, reason]) => `${name}: ${reason}`),
    ...(config.dhcp.mode === 'off' ? ['nothing is served: set dhcp.mode in bramble.yaml to full or proxy'] : []),
    ...(standing === undefined ? [] : [standing]),
    ...(bases === 0 ? ['import a base image: boards cannot be installed without one'] : []),
    ...(cluster.reachable ? [] : [`the cluster cannot be reached: ${cluster.detail}`]),
    ...(waiting >= config.pending.max
      ? [`${waiting} boards wait for a decision: no other is taken in (pending.max)`]
      : []),
    ...[...facts.nameConflicts].map(([name, theirs]) => `another host is called ${name} (${theirs}): rename it`),
    ...devices.filter(facts.hasDeclined).map(declineAdvice),
    ...devices.map(nextDeed).filter((deed) => deed !== undefined),
  ];
}
