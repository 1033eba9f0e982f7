/**
 * What this machine has to be for the boards behind it: their way out and their clock (pure). `bramble-gateway` beside this
 * file does it, as root; it has the rules, and believes none of these words.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, type Subnet, subnetText } from '../../config/values.ts';

export type GatewaySite = {
  readonly interface: string;
  readonly address: Ipv4;
  readonly subnet: Subnet;
  /** The boards' default gateway. */
  readonly gateway: Ipv4 | undefined;
  /** The interface that leads out, if there is one. */
  readonly uplink: string | undefined;
};

/** Beside a router: nothing. Behind the master: the clock in any case, and a way out where there is one. */
export type GatewayWish =
  | { readonly name: 'nothing' }
  | { readonly name: 'clock'; readonly interface: string; readonly subnet: Subnet }
  | { readonly name: 'way-out'; readonly interface: string; readonly subnet: Subnet; readonly uplink: string };

export function gatewayWish(site: GatewaySite): GatewayWish {
  const { interface: boards, subnet, uplink } = site;
  // The owner may have named another gateway (dhcp.gateway): its way out is not ours to make.
  return uplink === undefined || site.gateway !== site.address
    ? { name: 'clock', interface: boards, subnet }
    : { name: 'way-out', interface: boards, subnet, uplink };
}

/** Boards are told that the way out is here, and here is none. */
export const isStranded = (site: GatewaySite): boolean => site.uplink === undefined && site.gateway === site.address;

export const strandedAdvice =
  'this machine has no default route, so the boards behind it reach nothing else: connect it, or set uplink';

/** The arguments of `bramble-gateway`. */
export function wishLine(wish: GatewayWish): string {
  if (wish.name === 'nothing') return 'down';
  const uplink = wish.name === 'way-out' ? wish.uplink : '-';
  return `up ${wish.interface} ${subnetText(wish.subnet)} ${uplink}`;
}

/** `lacks`: why the boards get no time from here. */
export type GatewayDone = { readonly lacks: string | undefined };

/** Its one line. Nothing at all is what a program says that was ended. */
export function parseGatewayAnswer(text: string): Result<GatewayDone, Problem<'GATEWAY_FAILED' | 'GATEWAY_ANSWER'>> {
  const line = text.trim();
  const [, done, lacks] = /^(done)(?:, without a clock: (.+))?$/.exec(line) ?? [];
  if (done !== undefined) return ok({ lacks });
  const [, reason] = /^failed: (.+)$/.exec(line) ?? [];
  return reason === undefined
    ? problem('GATEWAY_ANSWER', 'bramble-gateway gave no answer; see its log')
    : problem('GATEWAY_FAILED', reason);
}

/** Where the package puts it. */
const program = '/usr/lib/bramble/bramble-gateway';

/** What became of the wish. */
export type GatewayStanding =
  | { readonly name: 'unasked' }
  | { readonly name: 'done'; readonly lacks: string | undefined }
  | { readonly name: 'failed'; readonly reason: string };

/** The one line of the status, if there is something to say. `forwards`: `net.ipv4.ip_forward`, if it could be read. */
export function gatewayAdvice(
  wish: GatewayWish,
  standing: GatewayStanding,
  forwards: boolean | undefined,
): string | undefined {
  if (wish.name === 'nothing') return undefined;
  const closed = wish.name === 'way-out' && forwards === false;
  switch (standing.name) {
    case 'failed':
      return `this machine is not the boards’ gateway and clock: ${standing.reason}`;
    case 'unasked':
      return closed ? `the boards have no way out (ip_forward is 0): as root, ${program} ${wishLine(wish)}` : undefined;
    case 'done':
      if (closed) return 'the boards have no way out: something sets net.ipv4.ip_forward to 0';
      return standing.lacks === undefined ? undefined : `the boards get no time from this machine: ${standing.lacks}`;
  }
}
