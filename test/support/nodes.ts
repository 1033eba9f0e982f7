/** Nodes as the watch tells of them, for tests: a Ready worker without anything special, but for the changes. */
import type { NodeFacts } from '../../daemon/cluster/nodes.ts';

export const nodeFacts = (changes: Partial<NodeFacts> & Pick<NodeFacts, 'name'>): NodeFacts => ({
  ...{ uid: `uid-${changes.name}`, ready: true, internalIp: undefined, device: undefined, controlPlane: false },
  ...{ taints: [], unschedulable: false, lastTransition: undefined, cordonedBy: undefined, bootId: undefined },
  labels: { 'kubernetes.io/hostname': changes.name },
  allocatable: { cpu: 4000, memory: 4 * 2 ** 30, pods: 110 },
  ...changes,
});
