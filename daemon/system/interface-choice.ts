/** Which interface the boards are on (pure). */
import { err, ok, type Problem, type Result } from '../../config/result.ts';
import type { Ipv4, Mac } from '../../config/values.ts';

/** `wired` has hardware behind it; `virtual` is a veth, VLAN, bond …; `bridged` a bridge, a tunnel or part of a bridge. */
export type InterfaceKind = 'wired' | 'wireless' | 'virtual' | 'bridged' | 'loopback';

export type InterfaceAddress = { readonly address: Ipv4; readonly prefix: number };

export type NetworkInterface = {
  readonly name: string;
  /** The kernel's number: another one is another interface, though it may have the same name. */
  readonly index?: number;
  readonly mac: Mac;
  readonly kind: InterfaceKind;
  /** A cable with something at its other end. */
  readonly carrier: boolean;
  /** IPv4 only, in the kernel's order. */
  readonly addresses: readonly InterfaceAddress[];
};

/** With at least one address that others can reach. */
export type UsableInterface = NetworkInterface & { readonly address: InterfaceAddress };

export type InterfaceProblem = Problem<InterfaceProblemCode> & {
  /** To be written into the configuration file; empty where that would not help. */
  readonly line: string;
};
export type InterfaceProblemCode =
  | 'INTERFACE_UNKNOWN'
  | 'INTERFACE_NO_ADDRESS'
  | 'INTERFACE_NO_CARRIER'
  | 'INTERFACE_UNCLEAR'
  | 'INTERFACE_NONE';

/**
 * `auto` is the only wired interface with a carrier. A name is taken as it is, whatever its kind, and without a carrier,
 * too: the cable may come later. It needs an address in any case.
 */
export function chooseInterface(
  wanted: string,
  interfaces: readonly NetworkInterface[],
): Result<UsableInterface, InterfaceProblem> {
  return wanted === 'auto' ? chooseByItself(interfaces) : chooseNamed(wanted, interfaces);
}

function chooseNamed(name: string, interfaces: readonly NetworkInterface[]): Result<UsableInterface, InterfaceProblem> {
  const found = interfaces.find((one) => one.name === name);
  if (found === undefined) {
    const others = interfaces.filter((one) => one.kind !== 'loopback');
    return wrong('INTERFACE_UNKNOWN', `there is no interface ${name}; there is ${list(others)}`, lineFor(others));
  }
  return usable(found) ?? noAddress(found);
}

function chooseByItself(interfaces: readonly NetworkInterface[]): Result<UsableInterface, InterfaceProblem> {
  const wired = interfaces.filter((one) => one.kind === 'wired');
  // Machines without any network hardware of their own: containers and the network namespaces of the lab.
  const candidates = wired.length > 0 ? wired : interfaces.filter((one) => one.kind === 'virtual');
  const connected = candidates.filter((one) => one.carrier);
  const ready = connected.map(usable).filter((one) => one !== undefined);
  const [only, ...more] = ready;
  if (only !== undefined && more.length === 0) return only;
  if (more.length > 0) {
    const names = list(connected);
    return wrong('INTERFACE_UNCLEAR', `${names} are all connected: say where the boards are`, lineFor(connected));
  }
  const [first] = connected;
  if (first !== undefined) return noAddress(first);
  if (candidates.length > 0) {
    const names = list(candidates);
    return wrong('INTERFACE_NO_CARRIER', `no cable is connected (${names}): plug one in`, '');
  }
  return wrong(
    'INTERFACE_NONE',
    'there is no wired network interface',
    lineFor(interfaces.filter((one) => one.carrier)),
  );
}

/** An address that a DHCP client gave itself (RFC 3927) is none that boards could use. */
function usable(one: NetworkInterface): Result<UsableInterface, never> | undefined {
  const address = one.addresses.find((candidate) => !candidate.address.startsWith('169.254.'));
  return address === undefined ? undefined : ok({ ...one, address });
}

const noAddress = ({ name, carrier }: NetworkInterface) =>
  wrong(
    'INTERFACE_NO_ADDRESS',
    `${name} ${carrier ? 'is connected but ' : ''}has no IPv4 address: give it a fixed one outside your home network, such as 10.55.0.1/24`,
    '',
  );

const list = (interfaces: readonly NetworkInterface[]): string =>
  interfaces.map((one) => one.name).join(', ') || 'none';

/** The first one as a proposal, the others as a comment behind it. */
function lineFor(interfaces: readonly NetworkInterface[]): string {
  const [first, ...others] = interfaces.filter((one) => one.kind !== 'loopback');
  if (first === undefined) return '';
  return `interface: ${first.name}${others.length > 0 ? `   # or ${list(others)}` : ''}`;
}

const wrong = (code: InterfaceProblemCode, detail: string, line: string) => err({ code, detail, line });
