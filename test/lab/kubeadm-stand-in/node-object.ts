/** What the kubelet stand-in says about its node: pure. */
import type { ApiObject } from '../control-plane/api-client.ts';

export type NodeFacts = {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: ReadonlyArray<{ readonly key: string; readonly value: string; readonly effect: string }>;
  readonly arch: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly port: number;
};

const list = (text: string): string[] => text.split(',').filter((part) => part !== '');

/** From kubeadm-flags.env: `KUBELET_KUBEADM_ARGS="--node-ip=10.77.0.11 --node-labels=a=b,c=d …"`. */
export function readFlags(text: string, ownAddress: string): Pick<NodeFacts, 'name' | 'address' | 'labels' | 'taints'> {
  const flags = new Map<string, string>();
  for (const [, flag = '', value = ''] of text.matchAll(/--([a-z-]+)=([^\s"]*)/g)) flags.set(flag, value);
  const labels = list(flags.get('node-labels') ?? '').map((label): [string, string] => {
    const at = label.indexOf('=');
    return [label.slice(0, at), label.slice(at + 1)];
  });
  const taints = list(flags.get('register-with-taints') ?? '').map((taint) => {
    const [, key = '', value = '', effect = ''] = /^([^=:]*)=?([^:]*):(.*)$/.exec(taint) ?? [];
    return { key, value, effect };
  });
  const name = flags.get('hostname-override') ?? '';
  // Without the flag kubelet takes the address of the interface with the default route; a board has only one.
  const address = flags.get('node-ip') ?? ownAddress;
  if (name === '' || address === '')
    throw new Error('kubeadm-flags.env names no --hostname-override, and there is no address');
  return { name, address, labels: Object.fromEntries(labels), taints };
}

export function labelsOf({ name, arch, labels }: NodeFacts): Record<string, string> {
  return { ...labels, 'kubernetes.io/hostname': name, 'kubernetes.io/arch': arch, 'kubernetes.io/os': 'linux' };
}

export function nodeObject(facts: NodeFacts): ApiObject<{ spec: unknown }> {
  const taints = facts.taints.map(({ key, value, effect }) => ({ key, effect, ...(value !== '' && { value }) }));
  return {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: facts.name, labels: labelsOf(facts) } },
    spec: { taints },
  };
}

/** `since`: when the conditions became what they are. */
export function nodeStatus(facts: NodeFacts, since: Date, now: Date): Record<string, unknown> {
  const condition = (type: string, status: string, reason: string): Record<string, string> => ({
    ...{ type, status, reason, message: 'kubelet stand-in' },
    ...{ lastHeartbeatTime: seconds(now), lastTransitionTime: seconds(since) },
  });
  const resources = { cpu: '4', memory: '4Gi', 'ephemeral-storage': '30Gi', pods: '110' };
  return {
    capacity: resources,
    allocatable: resources,
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      condition('Ready', 'True', 'KubeletReady'),
    ],
    addresses: [
      { type: 'InternalIP', address: facts.address },
      { type: 'Hostname', address: facts.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.port } },
    nodeInfo: {
      ...{ machineID: facts.machineId, systemUUID: facts.machineId, bootID: facts.bootId },
      ...{ architecture: facts.arch, operatingSystem: 'linux', osImage: 'a virtual Raspberry Pi', kernelVersion: '0' },
      ...{ kubeletVersion: 'v1.34.2+stand-in', kubeProxyVersion: '', containerRuntimeVersion: 'stand-in://1' },
    },
  };
}

export function leaseObject(name: string, nodeUid: string, now: Date): ApiObject<{ spec: unknown }> {
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid: nodeUid };
  return {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    metadata: { name, namespace: 'kube-node-lease', ...(nodeUid !== '' && { ownerReferences: [owner] }) },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(now) },
  };
}

/** metav1.Time has whole seconds, MicroTime exactly six decimals. */
export const seconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
export const microTime = (date: Date): string => date.toISOString().replace(/Z$/, '000Z');
