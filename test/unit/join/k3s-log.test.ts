import test from 'ava';
import { agentTrouble } from '../../../daemon/join/k3s-log.ts';

/** As k3s writes them, from its sources. */
const entry = (level: string, message: string): string =>
  `time="2026-11-23T10:00:00Z" level=${level} msg=${JSON.stringify(message)}`;
const begin = entry('info', 'Starting k3s agent v1.34.2+k3s1');
const waiting = (why: string): string =>
  entry('info', `Waiting to retrieve agent configuration; server is not ready: ${why}`);
const connection = (why: string): string =>
  entry('error', `Failed to validate connection to cluster at https://10.0.0.1:6443: ${why}`);

for (const [code, line] of [
  [
    'NODE_PASSWORD_REJECTED',
    waiting(
      "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry",
    ),
  ],
  ['SERVER_NOT_TRUSTED', connection('token CA hash does not match the Cluster CA certificate hash: aa != bb')],
  ['CGROUP_MEMORY_OFF', entry('fatal', 'failed to find memory cgroup (v2)')],
  ['NO_DEFAULT_ROUTE', entry('fatal', 'no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"')],
  ['DISK_FULL', entry('fatal', 'extracting data: write /var/lib/rancher/k3s/data/x: no space left on device')],
  [
    'CLOCK_WRONG',
    connection(
      'CA cert validation failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 1970',
    ),
  ],
  ['TOKEN_REFUSED', waiting('https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized')],
  [
    'SERVER_UNREACHABLE',
    connection(
      'failed to get CA certs: Get "https://10.0.0.1:6443/cacerts": dial tcp 10.0.0.1:6443: connect: connection refused',
    ),
  ],
] as const) {
  test(`the agent's journal: ${code}`, (t) => {
    t.is(agentTrouble([begin, line].join('\n'))?.code, code);
  });
}

test('what it said last counts', (t) => {
  const [refused, rejected] = [waiting('401 Unauthorized'), waiting('Node password rejected, duplicate hostname')];
  t.is(agentTrouble([refused, rejected, begin].join('\n'))?.code, 'NODE_PASSWORD_REJECTED');
  t.is(agentTrouble([rejected, refused].join('\n'))?.code, 'TOKEN_REFUSED');
});

test('systemd’s word that it ended counts where the agent’s own says nothing', (t) => {
  const ended = 'k3s-agent.service: Main process exited, code=exited, status=1/FAILURE';
  t.is(agentTrouble([entry('fatal', 'flag provided but not defined: -what'), ended].join('\n'))?.code, 'AGENT_ENDS');
  t.is(
    agentTrouble([entry('fatal', 'failed to find memory cgroup (v2)'), ended].join('\n'))?.code,
    'CGROUP_MEMORY_OFF',
  );
});

test('an agent that is only slow is in no trouble', (t) => {
  t.is(
    agentTrouble([begin, entry('info', 'Importing images from k3s-airgap-images-arm64.tar.zst')].join('\n')),
    undefined,
  );
  t.is(agentTrouble(''), undefined);
});
