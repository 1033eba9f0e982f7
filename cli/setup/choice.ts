/** Where the boards will be and which address the master has there: from what the machine is like. Pure. */
import { clusterRangeIn } from '../../config/cluster-ranges.ts';
import { must, ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import {
  type AddressRange,
  type Ipv4,
  inSubnet,
  overlap,
  parseIpv4,
  type Subnet,
  subnetOf,
  subnetText,
} from '../../config/values.ts';
import type { InterfaceAddress, NetworkInterface } from '../../daemon/system/interface-choice.ts';
import type { Surroundings } from '../../daemon/system/surroundings.ts';

export type Topology = Config['topology'];

/** What the owner said on the command line; what is not there is chosen. */
export type Wishes = {
  readonly interface?: string;
  readonly topology?: Topology;
  readonly uplink?: string;
  readonly address?: InterfaceAddress;
  readonly addresses?: AddressRange;
};

export type ChoiceFacts = Surroundings & {
  /** As bramble.yaml has it now. */
  readonly config: Pick<Config, 'interface' | 'topology' | 'uplink' | 'addresses' | 'cluster'>;
  /** Whether bramble.yaml says `topology`, so that its default is not taken for the owner's word. */
  readonly saysTopology: boolean;
  /** Addresses that a DHCP server lent. */
  readonly lent: readonly Ipv4[];
};

export type Choice = {
  readonly interface: string;
  readonly topology: Topology;
  /** Behind the master: the way out, if there is one. */
  readonly uplink: string | undefined;
  readonly address: InterfaceAddress;
  /** It has this address already, and for good. */
  readonly isFixed: boolean;
  /** Beside a router: the way out and the resolvers, which a fixed address must not lose. */
  readonly gateway: Ipv4 | undefined;
  readonly dns: readonly Ipv4[];
  readonly addresses: AddressRange | undefined;
};
export type ChoiceProblem = Problem<'INTERFACE' | 'ADDRESS' | 'OVERLAP'>;

export function choose(facts: ChoiceFacts, wishes: Wishes): Result<Choice, ChoiceProblem> {
  const found = chooseInterface(facts, wishes);
  if (!found.ok) return found;
  const { name } = found.value;
  const topology = wishes.topology ?? chooseTopology(facts, found.value);
  const given = wishes.addresses ?? facts.config.addresses;
  const at =
    topology === 'behind-master' ? behindMaster(facts, wishes, found.value) : besideRouter(facts, wishes, found.value);
  if (!at.ok) return at;
  const subnet = subnetOf(at.value.address.address, at.value.address.prefix);
  if (given !== undefined && !(inSubnet(subnet, given.first) && inSubnet(subnet, given.last)))
    return problem(
      'ADDRESS',
      `${given.first}-${given.last} is not in ${subnetText(subnet)}: name another range with --addresses`,
    );
  return ok({ interface: name, topology, addresses: given, ...at.value });
}

/** One that has the way out already is the home network's: boards are rather on the other. */
function chooseInterface(facts: ChoiceFacts, wishes: Wishes): Result<NetworkInterface, ChoiceProblem> {
  const { config, interfaces } = facts;
  const named = wishes.interface ?? (config.interface === 'auto' ? undefined : config.interface);
  if (named !== undefined) {
    const found = interfaces.find(({ name }) => name === named);
    if (found !== undefined) return ok(found);
    return problem('INTERFACE', `there is no interface ${named}; there is ${list(interfaces)}`);
  }
  const wired = interfaces.filter(({ kind }) => kind === 'wired');
  const candidates = wired.length > 0 ? wired : interfaces.filter(({ kind }) => kind === 'virtual');
  const connected = candidates.filter(({ carrier }) => carrier);
  const usable = connected.length > 0 ? connected : candidates;
  const boards = usable.length > 1 ? usable.filter(({ name }) => !hasWayOut(facts, name)) : usable;
  const [only, ...more] = boards;
  if (only !== undefined && more.length === 0) return ok(only);
  if (only === undefined)
    return problem('INTERFACE', 'there is no wired network interface: boards are plugged in there');
  return problem('INTERFACE', `${list(boards)}: on which are the boards? name it: --interface ${only.name}`);
}

const hasWayOut = ({ defaultRoutes }: Surroundings, name: string): boolean =>
  defaultRoutes.some((route) => route.interface === name);

const list = (interfaces: readonly NetworkInterface[]): string =>
  interfaces.flatMap(({ name, kind }) => (kind === 'loopback' ? [] : [name])).join(', ') || 'none';

/** Whoever lent an address there is a DHCP server: then this is no switch of the boards' own. */
function chooseTopology(facts: ChoiceFacts, { name, addresses }: NetworkInterface): Topology {
  if (facts.saysTopology) return facts.config.topology;
  const isLent = addresses.some(({ address }) => facts.lent.includes(address));
  return isLent || hasWayOut(facts, name) ? 'beside-router' : 'behind-master';
}

type At = Pick<Choice, 'uplink' | 'address' | 'isFixed' | 'gateway' | 'dns'>;

/** Tried in this order. Home networks hardly ever have them. */
const proposals: readonly InterfaceAddress[] = ['10.55.0.1', '10.155.0.1', '192.168.155.1', '172.29.55.1'].map(
  (text) => ({
    address: must(parseIpv4(text)),
    prefix: 24,
  }),
);

function behindMaster(
  facts: ChoiceFacts,
  wishes: Wishes,
  { name, addresses }: NetworkInterface,
): Result<At, ChoiceProblem> {
  const { config, defaultRoutes } = facts;
  const said = wishes.uplink ?? (config.uplink === 'auto' ? undefined : config.uplink);
  const uplink = said ?? defaultRoutes.find((route) => route.interface !== name)?.interface;
  if (uplink === name) return problem('INTERFACE', `the boards are on ${name}: it cannot be the uplink, too`);
  const own = reachable(addresses).find(({ address }) => !facts.lent.includes(address));
  const wanted = wishes.address ?? own;
  if (wanted !== undefined) {
    const clash = clashOf(wanted, facts, name);
    const where = `${wanted.address}/${wanted.prefix} on ${name}`;
    if (clash !== undefined)
      return problem('OVERLAP', `${where} overlaps ${clash}: name another address with --address`);
    return ok({
      uplink,
      address: wanted,
      isFixed: own !== undefined && isSame(own, wanted),
      gateway: undefined,
      dns: [],
    });
  }
  const free = proposals.find((one) => clashOf(one, facts, name) === undefined);
  if (free === undefined)
    return problem('OVERLAP', `no subnet that bramble would take is free: name an address for ${name}: --address`);
  return ok({ uplink, address: free, isFixed: false, gateway: undefined, dns: [] });
}

function besideRouter(
  facts: ChoiceFacts,
  wishes: Wishes,
  { name, addresses }: NetworkInterface,
): Result<At, ChoiceProblem> {
  const [own] = reachable(addresses);
  const address = wishes.address ?? own;
  if (address === undefined)
    return problem(
      'ADDRESS',
      `${name} has no address: is it connected to the router? For a switch of the boards' own: --topology behind-master`,
    );
  const clash = clusterRangeIn(subnetOf(address.address, address.prefix), facts.config.cluster);
  if (clash !== undefined)
    return problem(
      'OVERLAP',
      `the home network overlaps ${subnetText(clash)}, which the cluster takes for itself: write two others into bramble.yaml, such as cluster: {ranges: [10.142.0.0/16, 10.143.0.0/16]}`,
    );
  const gateway = facts.defaultRoutes.find((route) => route.interface === name)?.gateway;
  const dns = facts.resolvers.filter((resolver) => resolver !== address.address);
  const isFixed = own !== undefined && isSame(own, address) && !facts.lent.includes(own.address);
  return ok({ uplink: undefined, address, isFixed, gateway, dns });
}

/** What a DHCP client gave itself is none (RFC 3927). */
const reachable = (addresses: readonly InterfaceAddress[]): readonly InterfaceAddress[] =>
  addresses.filter(({ address }) => !address.startsWith('169.254.'));

const isSame = (a: InterfaceAddress, b: InterfaceAddress): boolean => a.address === b.address && a.prefix === b.prefix;

/** What the boards' subnet would have addresses in common with. */
function clashOf({ address, prefix }: InterfaceAddress, facts: ChoiceFacts, name: string): string | undefined {
  const subnet: Subnet = subnetOf(address, prefix);
  const taken = clusterRangeIn(subnet, facts.config.cluster);
  if (taken !== undefined) return `${subnetText(taken)}, where the cluster has its pods and services`;
  for (const other of facts.interfaces) {
    if (other.name === name || other.kind === 'loopback') continue;
    const theirs = reachable(other.addresses).map((one) => subnetOf(one.address, one.prefix));
    const clash = theirs.find((one) => overlap(one, subnet));
    if (clash !== undefined) return `${subnetText(clash)}, the network of ${other.name}`;
  }
  return undefined;
}
