/** The plain way in: `kubeadm join`, TLS bootstrap, a certificate that we approve (facts 1.3, 2.4). */
import { createHash, X509Certificate } from 'node:crypto';
import { stringify } from 'yaml';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { minutes } from '../../config/values.ts';
import {
  type BoardState,
  type BootstrapToken,
  type JoinBoard,
  mustBeJoined,
  quarantineTaint,
  type SshSession,
  type StepProblem,
  type TokenDriver,
} from './driver.ts';
import { programFailed } from './output.ts';

export type KubeadmConfig = {
  /** `host:port`, as the boards reach it. */
  readonly apiServerEndpoint: string;
  /** `sha256:<hex>` each, see `caCertHashes`. */
  readonly caCertHashes: readonly string[];
};

const configFile = '/run/bramble/join.yaml';
const joinTimeout = minutes(6);

export function kubeadmDriver(config: KubeadmConfig): TokenDriver {
  return {
    name: 'kubeadm',
    needsToken: true,
    tokenGroups: 'system:bootstrappers:kubeadm:default-node-token',
    certificateRequests: true,
    probe,
    install,
    join: (session, board, token) => join(config, session, board, token),
    verify,
    leave,
    stop,
    nodeName: ({ name }) => name,
  };
}

/** kubeadm's pins: SHA-256 over the SubjectPublicKeyInfo of each certificate in the bundle (facts 1.3). */
export function caCertHashes(caPem: string): readonly string[] {
  const blocks = caPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => {
    const key = new X509Certificate(block).publicKey.export({ type: 'spki', format: 'der' });
    return `sha256:${createHash('sha256').update(key).digest('hex')}`;
  });
}

/** A JoinConfiguration, kubeadm.k8s.io/v1beta4 (Kubernetes 1.31 and newer). It holds the token. */
export function renderJoinConfiguration(config: KubeadmConfig, board: JoinBoard, token: BootstrapToken): string {
  const labels = Object.entries({ ...board.labels, 'bramble.dev/device': board.id });
  return stringify({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'JoinConfiguration',
    discovery: {
      bootstrapToken: {
        apiServerEndpoint: config.apiServerEndpoint,
        token: `${token.id}.${token.secret}`,
        caCertHashes: config.caCertHashes,
      },
    },
    nodeRegistration: {
      name: board.name,
      taints: [quarantineTaint],
      kubeletExtraArgs: [
        ...(board.fixedAddress ? [{ name: 'node-ip', value: board.address }] : []),
        { name: 'node-labels', value: labels.map(([key, value]) => `${key}=${value}`).join(',') },
      ],
    },
    timeouts: { discovery: '2m0s', tlsBootstrap: '3m0s' },
  });
}

/**
 * Prints the board's state in one word. The certificate comes last: `kubelet.conf` is written when the kubelet starts to ask
 * for it, and names a file that is not there yet (measured with 1.34.2).
 */
const probeScript = `command -v kubeadm >/dev/null || { echo absent; exit; }
cd /etc/kubernetes 2>/dev/null || { echo clean; exit; }
[ -s kubelet.conf ] && [ -s /var/lib/kubelet/pki/kubelet-client-current.pem ] && { echo joined; exit; }
for f in kubelet.conf bootstrap-kubelet.conf pki/ca.crt; do [ -e $f ] && { echo partial; exit; }; done
echo clean`;

async function probe(session: SshSession): Promise<Result<BoardState, Problem>> {
  const end = await session.run('sh', ['-c', probeScript]);
  if (!end.ok) return end;
  const word = end.value.stdout.trim();
  return word === 'absent' || word === 'clean' || word === 'partial' || word === 'joined'
    ? ok(word)
    : problem('PROBE_FAILED', `the board answered ${JSON.stringify(word.slice(0, 80))}`);
}

/** The image brings kubeadm and the kubelet; nothing is downloaded while joining. */
async function install(session: SshSession): Promise<Result<void, Problem>> {
  const state = await probe(session);
  if (!state.ok) return state;
  return state.value === 'absent'
    ? problem('KUBEADM_MISSING', 'the system on the board has no kubeadm: use an image that has it, or the driver k3s')
    : ok(undefined);
}

async function join(
  config: KubeadmConfig,
  session: SshSession,
  board: JoinBoard,
  token: BootstrapToken,
): Promise<Result<void, StepProblem>> {
  const written = await session.putFile(configFile, renderJoinConfiguration(config, board, token), 0o600);
  const joined = written.ok
    ? await session.run('kubeadm', ['join', '--config', configFile], { timeout: joinTimeout })
    : written;
  // Whatever happened. If the board cannot be reached any more, the caller deletes the token and /run forgets the file.
  const removed = await session.run('rm', ['-f', configFile]);
  if (!joined.ok) return joined;
  if (joined.value.code !== 0) return programFailed('JOIN_FAILED', 'kubeadm join', joined.value, [token.secret]);
  return removed.ok ? ok(undefined) : removed;
}

async function verify(session: SshSession): Promise<Result<void, Problem>> {
  const state = await probe(session);
  return state.ok ? mustBeJoined(state.value) : state;
}

/** On a clean board a reset has nothing to do and ends well. */
async function leave(session: SshSession): Promise<Result<void, StepProblem>> {
  const removed = await session.run('rm', ['-f', configFile]);
  if (!removed.ok) return removed;
  const state = await probe(session);
  if (!state.ok) return state;
  if (state.value === 'absent' || state.value === 'clean') return ok(undefined);
  const end = await session.run('kubeadm', ['reset', '-f'], { timeout: minutes(3) });
  if (!end.ok) return end;
  return end.value.code === 0 ? ok(undefined) : programFailed('RESET_FAILED', 'kubeadm reset', end.value);
}

/** The kubelet first, so that it starts nothing anew; containers have 15 s to end. Without crictl they end with the system. */
const stopScript = `systemctl stop kubelet 2> /dev/null
if command -v crictl > /dev/null; then
  running=$(crictl ps --quiet 2> /dev/null)
  [ -z "$running" ] || crictl stop --timeout 15 $running > /dev/null 2>&1
fi
sync`;

async function stop(session: SshSession): Promise<Result<void, StepProblem>> {
  const end = await session.run('sh', ['-c', stopScript], { timeout: minutes(2) });
  return end.ok ? ok(undefined) : end;
}
