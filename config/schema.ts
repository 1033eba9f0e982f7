/**
 * The one schema of `bramble.yaml`. Every key has a default, a description and, where it matters, what a change costs;
 * `example.yaml` and the README are tested against it. Keys that belong to services to come are not here yet: an unknown
 * key is an error, never silently ignored.
 */
import { z } from 'zod';
import { additionsSchema } from './additions.ts';
import { k3sVersionPattern, pinnedK3sVersion } from './k3s-release.ts';
import { ok, type Problem, problem, type Result } from './result.ts';
import { secretText } from './secret.ts';
import {
  type AddressRange,
  diskTypes,
  type Hostname,
  type Ipv4,
  ipv4Number,
  type Mac,
  parseAddressRange,
  parseByteSize,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
  parseSubnet,
  rangesOverlap,
  type Serial,
  type Subnet,
} from './values.ts';

/** A string in the file, a branded value in the program; the parser's own words are the error. */
const parsedBy = <T>(parse: (text: string) => Result<T, Problem<'INVALID_VALUE'>>) =>
  z.string().transform((text, context): T => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: 'custom', message: result.error.detail });
    return z.NEVER;
  });

const ipv4 = parsedBy<Ipv4>(parseIpv4);
const range = parsedBy<AddressRange>(parseAddressRange);
const subnet = parsedBy<Subnet>(parseSubnet);
const interfaceName = z
  .string()
  .regex(/^(auto|[A-Za-z0-9._-]{1,15})$/, '`auto` or the name of a network interface, such as eth0');

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

const baseName = z.string().regex(/^[A-Za-z0-9._-]+$/, 'the name or id of an imported base image');

const byteSize = parsedBy<number>(parseByteSize);
const diskRule = z
  .strictObject({
    type: z.enum(diskTypes).optional().describe('What it is attached by.'),
    model: z.string().min(1).max(64).optional().describe('What it calls itself; `*` and `?` stand for anything.'),
    min: byteSize.optional().describe('At least this large: `32GB`.'),
    max: byteSize.optional().describe('At most this large.'),
  })
  .refine(
    (rule) => Object.values(rule).some((value) => value !== undefined),
    'a rule without a condition: name a type',
  );

const moduleName = z.string().regex(/^[A-Za-z0-9_-]{1,55}$/, 'the name of a kernel module, such as virtio_net');

const allowed = z.strictObject({
  serial: parsedBy<Serial>(parseSerial).describe('Serial number as `bramble describe` shows it.'),
  mac: parsedBy<Mac>(parseMac).describe('Hardware address of the Ethernet port.'),
});

const keys = z.strictObject({
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
  images: z
    .strictObject({
      default: baseName.optional().describe('Base image for boards. Needed only if more than one is imported.'),
      models: z
        .partialRecord(z.enum(['pi2', 'pi3', 'pi3b+', 'pi4', 'pi400', 'cm4', 'pi5', 'pi500', 'cm5']), baseName)
        .default({})
        .describe('Another base image for a model: `pi3: hypriotos`.'),
      kit: baseName
        .optional()
        .describe('Base image whose firmware and kernel netboot every board. Default: as `default`.'),
      disk: z
        .array(diskRule)
        .max(20)
        .default([])
        .describe(
          'Which disk of a board may be written: the first rule that fits one of its disks says which. No other is ever touched. Without rules: the card or disk that it was started from; from the network the first of sd, emmc, nvme, usb, virtio, other.',
        ),
      modules: z
        .array(moduleName)
        .max(64)
        .default([])
        .describe(
          'Kernel modules that the installer loads, taken with what they need from the initramfs of the kit. Raspberry Pi OS has built in what Raspberry Pis need.',
        ),
      timezone: z
        .string()
        .regex(/^[A-Za-z0-9/_+-]+$/, 'a time zone such as Europe/Amsterdam')
        .default('Etc/UTC'),
      securityUpdates: z
        .boolean()
        .default(true)
        .describe(
          'Boards with cloud-init install the security updates of their distribution by themselves, daily; they never restart for it. `false`: as the image has it.',
        ),
      additions: additionsSchema.describe('More for the images of groups of boards; of several that fit, all count.'),
    })
    .prefault({}),
  netboot: z
    .strictObject({
      bootOrder: z
        .enum(['keep', 'disk-first'])
        .default('keep')
        .describe(
          'Of a Pi 4 or 5 that was seen to ask the network before its disk. `keep`: its EEPROM is its own affair. `disk-first`: after joining it is told once, over SSH, that its disk comes first.',
        ),
      enable: z
        .boolean()
        .default(false)
        .describe(
          'A join card switches network boot on in the board it is put into, for good: in a Pi 3B that CANNOT BE TAKEN BACK; in a Pi 4 or 5 by the EEPROM image in `data`/eeprom/2711 or 2712 (pieeprom.upd, recovery.bin).',
        ),
      eeprom: z
        .boolean()
        .default(false)
        .describe(
          'A Pi 4 or 5 that was accepted gets the EEPROM image in `data`/eeprom/2711 or 2712 (pieeprom.upd) the next time it boots from the network, if it is newer than its last one.',
        ),
    })
    .prefault({}),
  cluster: z
    .strictObject({
      driver: z
        .enum(['k3s', 'kubeadm', 'kube-config'])
        .default('k3s')
        .describe(
          'How boards join. `k3s`: they get k3s from the master, which `bramble cluster install` made a k3s server of. `kubeadm`: the plain TLS bootstrap, into a cluster that is there. `kube-config`: Kubernetes on ARM 0.8.0 on HypriotOS (Kubernetes 1.3.6), legacy: without failover and balance, and whoever is on the network may do everything.',
        ),
      controlPlane: parsedBy<Hostname>(parseHostname)
        .optional()
        .describe('`kube-config` only: the board that carries the cluster, by its name; the others join it.'),
      version: z
        .string()
        .regex(k3sVersionPattern, `a release of k3s such as ${pinnedK3sVersion}`)
        .default(pinnedK3sVersion)
        .describe('The release of k3s that `bramble cluster fetch` gets, and that master and boards run.'),
      kubeconfig: z
        .string()
        .startsWith('/', 'an absolute path')
        .default('/etc/bramble/kubeconfig')
        .describe('Credentials of the daemon’s own account in the cluster; `bramble cluster install` writes them.'),
      server: z
        .url({ protocol: /^https?$/, error: 'an address such as https://192.168.1.10:6443' })
        .optional()
        .describe(
          'API server as the boards reach it. Default: the server of the kubeconfig. `kube-config` only: `http://192.168.1.10:8080`, of a master that is no board of ours.',
        ),
      workloadOnMaster: z
        .boolean()
        .default(false)
        .describe(
          'Whether the master may carry pods of yours, for a cluster of one or two boards. `false`: it is tainted at the start (node-role.kubernetes.io/control-plane:NoSchedule), and what can move is moved.',
        ),
      ranges: z
        .array(subnet)
        .optional()
        .describe(
          'Addresses of pods and services, which the boards’ subnet must not touch. Default: what the driver’s distribution takes if nobody says otherwise.',
        ),
    })
    .prefault({}),
  join: z
    .strictObject({
      parallel: z
        .int()
        .min(1)
        .max(64)
        .default(8)
        .describe('Boards that are sent the programs of the cluster at the same time.'),
      firstLogin: z
        .strictObject({
          user: z
            .string()
            .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'the name of a user, such as pirate')
            .describe('Who may log in, and is root or may use sudo.'),
          password: z
            .string()
            .min(1)
            .max(128)
            .refine((text) => !/\p{Cc}/u.test(text), 'one line')
            .transform(secretText)
            .describe('The published password of the image. It is used once for each board, and taken away there.'),
        })
        .optional()
        .describe(
          'For boards that run a system which was flashed by hand: the login that its image came with. Such a board is taken in with one try, which leaves it with our keys and without passwords. Without this they are not touched.',
        ),
    })
    .prefault({}),
  failover: z
    .strictObject({
      mode: z
        .enum(['on', 'off'])
        .default('on')
        .describe(
          '`on`: the pods of a board that is gone are replaced within seconds. `off`: when Kubernetes says so.',
        ),
      after: z
        .int()
        .min(2)
        .max(600)
        .default(4)
        .describe('Seconds for which two independent signs have to say that a board is gone.'),
    })
    .prefault({}),
  balance: z
    .enum(['on-change', 'always', 'off'])
    .default('on-change')
    .describe(
      'Keeps replicas even over the boards. `on-change`: after a board joined or came back. `always`: whenever they are uneven. `off`: only `bramble balance`.',
    ),
  power: z
    .strictObject({
      command: z
        .string()
        .startsWith('/', 'an absolute path')
        .optional()
        .describe(
          'Your program that switches a board’s power, at a PoE switch or a plug: it is run as `COMMAND on|off|state NAME MAC ADDRESS`. Without it boards are switched by hand.',
        ),
      batch: z.int().min(1).max(64).default(5).describe('Boards that are switched on, or shut down, at the same time.'),
    })
    .prefault({}),
  http: z
    .strictObject({ port: z.int().min(1).max(65535).default(8067).describe('Installer, images and status page.') })
    .prefault({}),
  data: z
    .string()
    .startsWith('/', 'an absolute path')
    .default('/var/lib/bramble')
    .describe('Database, images and keys.'),
  socket: z
    .string()
    .startsWith('/', 'an absolute path')
    .max(107, 'at most 107 characters, the limit of a Unix socket’s path')
    .default('/run/bramble/brambled.sock')
    .describe('Where `bramble` talks to the daemon.'),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
});

/** Keys that do not go together. */
export const configSchema = keys.superRefine((config, context) => {
  checkClusterKeys(config.cluster, (key, message) => {
    context.addIssue({ code: 'custom', path: ['cluster', key], message });
  });
  const { addresses, dhcp } = config;
  if (addresses === undefined || typeof dhcp.guests === 'string' || !rangesOverlap(addresses, dhcp.guests)) return;
  const boards = `${addresses.first}-${addresses.last}`;
  context.addIssue({
    code: 'custom',
    path: ['dhcp', 'guests'],
    message: `overlaps \`addresses\` (${boards}): an address is for boards or for guests`,
  });
});

function checkClusterKeys(
  { driver, controlPlane, server }: z.output<typeof keys>['cluster'],
  wrong: (key: 'controlPlane' | 'server', message: string) => void,
): void {
  const isPlain = server?.startsWith('http:') === true;
  if (driver !== 'kube-config') {
    if (controlPlane !== undefined) wrong('controlPlane', 'is for the driver kube-config only');
    if (isPlain) wrong('server', 'an address such as https://192.168.1.10:6443: without TLS anybody may pass for it');
  } else if (controlPlane === undefined && server === undefined) {
    wrong('controlPlane', 'kube-config needs it: the name of the board that is to carry the cluster');
  } else if (server !== undefined && (controlPlane !== undefined || !isPlainMaster(server))) {
    wrong('server', 'with kube-config an address such as http://192.168.1.10:8080, and no controlPlane beside it');
  }
}

/** Its workers are told an address, and take the port for granted. */
export const plainMaster = (server: string): Ipv4 | undefined => {
  const { protocol, hostname, port } = new URL(server);
  const address = parseIpv4(hostname);
  return protocol === 'http:' && port === '8080' && address.ok ? address.value : undefined;
};
const isPlainMaster = (server: string): boolean => plainMaster(server) !== undefined;

/** Frozen: a change makes a new one. */
export type Config = z.output<typeof configSchema>;
