/**
 * The one schema of `bramble.yaml`. Every key has a default, a description and, where it matters, what a change costs;
 * `example.yaml` and the README are tested against it. Keys that belong to services to come are not here yet: an unknown
 * key is an error, never silently ignored.
 */
import { z } from 'zod';
import { clusterKeys } from './keys/cluster.ts';
import { imageKeys } from './keys/images.ts';
import { networkKeys } from './keys/network.ts';
import { type Ipv4, parseIpv4, rangesOverlap } from './values.ts';

const keys = z.strictObject({
  ...networkKeys,
  ...imageKeys,
  ...clusterKeys,
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
