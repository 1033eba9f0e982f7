/** Keys about the boards' network, and who may come in there. */
import { z } from 'zod';
import { ok, type Problem, problem, type Result } from '../result.ts';
import {
  type AddressRange,
  type Hostname,
  ipv4Number,
  type Mac,
  parseAddressRange,
  parseHostname,
  parseMac,
  parseSerial,
  type Serial,
} from '../values.ts';
import { interfaceName, ipv4, parsedBy, range } from './parsers.ts';

/** More than this are no guests any more but a network that wants a server of its own. */
const guestsMax = 1024;
const guests = parsedBy<'off' | 'on' | AddressRange>((text) => {
  if (text === 'off' || text === 'on') return ok(text);
  const parsed = parseAddressRange(text);
  const size = parsed.ok ? ipv4Number(parsed.value.last) - ipv4Number(parsed.value.first) + 1 : 0;
  if (size > guestsMax) return problem('INVALID_VALUE', `${size} addresses are too many, ${guestsMax} at most`);
  return parsed.ok ? parsed : problem('INVALID_VALUE', `\`off\`, \`on\` or an address range; ${parsed.error.detail}`);
});

/** The host name of the first board, to see that a pattern makes legal names. */
export const nameFromPattern = (pattern: string, number: number): Result<Hostname, Problem<'INVALID_VALUE'>> =>
  parseHostname(pattern.replace('{n}', String(number)));

const namePattern = z
  .string()
  .refine((pattern) => pattern.split('{n}').length === 2, 'must hold {n} once, the place of the number: worker-kube{n}')
  .refine((pattern) => nameFromPattern(pattern, 9999).ok, 'does not make host names (a-z, 0-9 and "-", 63 at most)');

const allowed = z.strictObject({
  serial: parsedBy<Serial>(parseSerial).describe('Serial number as `bramble describe` shows it.'),
  mac: parsedBy<Mac>(parseMac).describe('Hardware address of the Ethernet port.'),
});

export const networkKeys = {
  interface: interfaceName
    .default('auto')
    .describe('The wired interface the Pis are on. `auto`: the only wired one with a carrier.'),
  topology: z
    .enum(['beside-router', 'behind-master'])
    .default('beside-router')
    .describe(
      '`behind-master`: the Pis are on a switch of their own and the master is their gateway. `beside-router`: they share the home network.',
    ),
  uplink: interfaceName
    .default('auto')
    .describe(
      'Behind the master: the interface towards the internet, such as wlan0. `auto`: the one with the default route.',
    ),
  addresses: range
    .optional()
    .describe(
      'Range of the permanent addresses of boards, such as 192.168.1.200-239. Inside the interface’s subnet. Beside a router: one that it does not give out; without it boards keep the router’s addresses and are known by their names.',
    ),
  dhcp: z
    .strictObject({
      mode: z
        .enum(['auto', 'full', 'proxy', 'off'])
        .default('auto')
        .describe(
          '`auto`: chosen once, at the first start: `proxy` if another DHCP server answers, else `full`. `full`: bramble is the only DHCP server here. `proxy`: the router gives addresses, bramble adds the boot information. `off`: nothing is answered.',
        ),
      search: z
        .int()
        .min(0)
        .max(3600)
        .default(120)
        .describe(
          'Seconds for which another DHCP server is looked for before `auto` chooses, and before `full` answers boards that are not known yet. `0`: you say that there is none; this also ends what was remembered of one.',
        ),
      guests: guests
        .default('off')
        .describe(
          'Addresses for machines that are no boards, where bramble is the only DHCP server: `off`, `on` (up to 100 below the boards’), or a range of its own.',
        ),
      gateway: ipv4.optional().describe('Default gateway for the boards. Behind the master: the master; else its own.'),
      dns: z.array(ipv4).optional().describe('Resolvers for the boards. Default: those that the master asks.'),
      ntp: z.array(ipv4).optional().describe('Time servers for the boards. Default: the gateway.'),
    })
    .prefault({}),
  names: z
    .strictObject({
      pattern: namePattern.default('worker-kube{n}').describe('Names of new boards; {n} counts from 1.'),
    })
    .prefault({}),
  admission: z
    .strictObject({
      mode: z
        .enum(['auto', 'approve', 'allow-list'])
        .default('auto')
        .describe(
          '`auto`: a board with nothing to lose is accepted by itself where the network is ours or it proves the join card’s key. `approve`: each one waits for `bramble accept`. `allow-list`: only the pairs below.',
        ),
      limit: z
        .int()
        .min(0)
        .max(1000)
        .default(32)
        .describe('At most this many boards an hour are accepted by themselves.'),
      allow: z.array(allowed).default([]).describe('Pairs of serial and hardware address, for `allow-list`.'),
    })
    .prefault({}),
  pending: z
    .strictObject({
      max: z.int().min(1).max(1000).default(64).describe('Addresses held for boards that nobody has accepted yet.'),
    })
    .prefault({}),
} as const;
