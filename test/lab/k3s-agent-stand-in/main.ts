/**
 * Stands for `k3s agent` on a virtual Pi, started by its unit: what passes between a board and the server is real (CA hash,
 * token, node password, certificates, Node, Lease), its words in the journal are k3s's, and it tells systemd when it is up;
 * no container ever runs.
 *
 *   main.ts agent        configuration, token and node password where k3s has them
 *
 * The kubelet: as kubeadm's stand-in (KUBELET_STAND_IN_…).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { type AgentFiles, type AgentWish, requestAgentFiles } from '../../support/k3s-supervisor/agent-requests.ts';
import { connect } from '../control-plane/api-client.ts';
import { renderKubeconfig } from '../control-plane/kubeconfig.ts';
import { kubelet } from '../kubeadm-stand-in/kubelet.ts';
import { layoutAt } from '../kubeadm-stand-in/layout.ts';

const agent = '/var/lib/rancher/k3s/agent';
const retryMs = 1000;

/** The keys that we write. The real one takes more, and would not start for one that it does not know either. */
const configuration = z.strictObject({
  server: z.url({ protocol: /^https$/ }),
  'token-file': z.string(),
  'node-name': z.string(),
  'node-ip': z.string().optional(),
  'node-label': z.array(z.string()).default([]),
  'node-taint': z.array(z.string().regex(/^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$/)).default([]),
});
type Configuration = z.output<typeof configuration>;

const say = (level: string, text: string): void =>
  void process.stdout.write(`time="${new Date().toISOString()}" level=${level} msg=${JSON.stringify(text)}\n`);

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

function wishOf(config: Configuration, address: string): AgentWish {
  const token = readFileSync(config['token-file'], 'utf8').trim();
  const [cert, key] = [readIfThere(`${agent}/client-kubelet.crt`), readIfThere(`${agent}/client-kubelet.key`)];
  return {
    ...{ server: config.server, token, nodeName: config['node-name'], nodeAddresses: [address] },
    nodePassword: readFileSync('/etc/rancher/node/password', 'utf8').trim(),
    ...(cert !== undefined && key !== undefined && { clientKubelet: { cert, key } }),
  };
}

/** As often as it takes; what is wrong stands in the journal. */
async function askServer(wish: AgentWish): Promise<AgentFiles> {
  for (;;) {
    try {
      return await requestAgentFiles(wish);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (/v1-k3s|Node password/.test(why)) {
        say('info', `Waiting to retrieve agent configuration; server is not ready: ${why}`);
      } else {
        say('error', `Failed to validate connection to cluster at ${wish.server}: ${why}`);
      }
    }
    await sleep(retryMs);
  }
}

function keep(config: Configuration, address: string, files: AgentFiles): ReturnType<typeof layoutAt> {
  mkdirSync(agent, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): void => writeFileSync(join(agent, name), text, { mode: 0o600 });
  for (const [name, pair] of [
    ['serving-kubelet', files.servingKubelet],
    ['client-kubelet', files.clientKubelet],
  ] as const) {
    write(`${name}.crt`, pair.cert);
    write(`${name}.key`, pair.key);
  }
  // What the kubelet stand-in reads: key and certificate in one file, and its flags as kubeadm writes them.
  write('client-kubelet.pem', files.clientKubelet.cert + files.clientKubelet.key);
  const flags = [
    ...[`--hostname-override=${config['node-name']}`, `--node-ip=${address}`],
    ...[`--node-labels=${config['node-label'].join(',')}`, `--register-with-taints=${config['node-taint'].join(',')}`],
  ];
  write('kubelet-flags.env', `KUBELET_KUBEADM_ARGS="${flags.join(' ')}"\n`);
  const credentials = { clientCertificate: `${agent}/client-kubelet.pem`, clientKey: `${agent}/client-kubelet.pem` };
  write('kubelet.kubeconfig', renderKubeconfig(config.server, files.caPem, { name: 'user', credentials }));
  return {
    ...layoutAt('/'),
    ...{ kubeletConf: `${agent}/kubelet.kubeconfig`, kubeletFlags: `${agent}/kubelet-flags.env` },
  };
}

/** Up is who has a Node and a network: then, and not before, the real one tells systemd. */
async function tellWhenUp(config: Configuration, { caPem, clientKubelet }: AgentFiles): Promise<void> {
  const api = connect({ server: config.server, caPem, ...clientKubelet });
  while (!(await api.call('GET', `/api/v1/nodes/${config['node-name']}`).catch(() => undefined))) await sleep(100);
  say('info', 'k3s agent is up and running');
  if (process.env['NOTIFY_SOCKET'] !== undefined) execFileSync('systemd-notify', ['--ready']);
}

/** Without `node-ip`: the address of the interface with the default route; a board has only one. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flat();
  return all.find((info) => info?.family === 'IPv4' && !info.internal)?.address ?? '';
}

if (process.argv[2] !== 'agent') throw new Error('usage: k3s agent');
const config = configuration.parse(parse(readFileSync('/etc/rancher/k3s/config.yaml', 'utf8')));
if (
  !readFileSync('/proc/net/route', 'utf8')
    .split('\n')
    .some((line) => line.split('\t')[1] === '00000000')
) {
  say('fatal', 'no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"');
  process.exit(1);
}
say('info', 'Starting k3s agent v1.34.2+stand-in');
const address = config['node-ip'] ?? ownAddress();
const files = await askServer(wishOf(config, address));
const layout = keep(config, address, files);
await Promise.all([kubelet(layout), tellWhenUp(config, files)]);
process.exit(0);
