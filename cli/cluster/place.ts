/** Where the boards are, seen from this machine: as the daemon says, or as bramble.yaml and the kernel do without it. */
import { hostname, networkInterfaces } from 'node:os';
import { clusterRangeIn } from '../../config/cluster-ranges.ts';
import { must, ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import {
  type Ipv4,
  inSubnet,
  ipv4Number,
  parseHostname,
  parseIpv4,
  parseSubnet,
  type Subnet,
  subnetOf,
  subnetText,
} from '../../config/values.ts';
import type { MasterView } from '../../daemon/http/wire.ts';
import { type ServerPlace, unfitRanges } from './server-config.ts';

type Interfaces = ReturnType<typeof networkInterfaces>;

/** `master`: undefined if no daemon runs. */
export function serverPlace(
  config: Config,
  master: MasterView | undefined,
  interfaces: Interfaces = networkInterfaces(),
): Result<ServerPlace, Problem> {
  const name = master?.interface ?? (config.interface === 'auto' ? undefined : config.interface);
  if (name === undefined) {
    const why =
      master === undefined ? 'the daemon does not run' : (master.advice[0] ?? 'the daemon has no network yet');
    return problem(
      'NO_PLACE',
      `which interface are the boards on? ${why}: write it into bramble.yaml, such as interface: eth0`,
    );
  }
  const own = (interfaces[name] ?? []).filter(({ family }) => family === 'IPv4');
  const found = own.find(({ address }) => address === master?.address) ?? own[0];
  const address = parseIpv4(found?.address ?? '');
  if (found === undefined || !address.ok) return problem('NO_PLACE', `${name} has no address here`);
  const prefix = Number(found.cidr?.split('/')[1] ?? 32);
  const subnet = subnetOf(address.value, prefix);
  const clash = clusterRangeIn(subnet, config.cluster);
  if (clash !== undefined) {
    const detail = `the boards' network ${subnetText(subnet)} is in the cluster's own ${subnetText(clash)}: write two others into bramble.yaml, such as cluster: {ranges: [10.142.0.0/16, 10.143.0.0/16]}`;
    return problem('RANGE_OVERLAP', detail);
  }
  const unfit = unfitRanges(config.cluster);
  if (unfit !== undefined) return problem('RANGES', unfit);
  const label = parseHostname(hostname().split('.', 1)[0]?.toLowerCase() ?? '');
  if (!label.ok) return problem('HOSTNAME', `this machine's name cannot be a node's: ${label.error.detail}`);
  const otherAddresses = addressesBut(address.value, interfaces, config);
  const place = { interface: name, address: address.value, otherAddresses, hostname: label.value };
  return ok({ ...place, ranges: config.cluster.ranges });
}

/** Behind these are containers and virtual machines of this machine, and nobody else. */
const inside = /^(docker|br-|veth|cni|flannel|kube-|virbr)/;
const linkLocal: Subnet = must(parseSubnet('169.254.0.0/16'));

/** This machine's own on every network, without those that the cluster itself has made, in an order that stays. */
function addressesBut(boardsSide: Ipv4, interfaces: Interfaces, { cluster }: Config): readonly Ipv4[] {
  const outside = Object.entries(interfaces).filter(([name]) => !inside.test(name));
  const own = outside
    .flatMap(([, addresses = []]) => addresses)
    .flatMap(({ family, internal, address }) => {
      const parsed = parseIpv4(address);
      return family === 'IPv4' && !internal && parsed.ok ? [parsed.value] : [];
    });
  const isFit = (address: Ipv4): boolean =>
    address !== boardsSide &&
    !inSubnet(linkLocal, address) &&
    clusterRangeIn(subnetOf(address, 32), cluster) === undefined;
  return [...new Set(own.filter(isFit))].sort((a, b) => ipv4Number(a) - ipv4Number(b));
}
