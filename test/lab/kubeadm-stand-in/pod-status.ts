/** What the kubelet stand-in says about a Pod that it "runs": pure. */
import type { ApiObject } from '../control-plane/api-client.ts';
import { seconds } from './node-object.ts';

type Container = {
  readonly name: string;
  readonly image: string;
  readonly ports?: ReadonlyArray<{ readonly containerPort: number }>;
};
type ContainerStatus = { readonly name: string; readonly containerID?: string; readonly restartCount?: number };

export type Pod = ApiObject<{
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly hostNetwork?: boolean;
  };
  readonly status?: {
    readonly phase?: string;
    readonly startTime?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}>;

export type Running = { readonly bootId: string; readonly hostIp: string; readonly podIp: string; readonly now: Date };

const containerId = (pod: Pod, container: string, bootId: string): string =>
  `stand-in://${pod.metadata.uid}/${container}/${bootId}`;

/** Containers do not survive a reboot; those of this boot go on when only the kubelet was started again. */
export const isRunningSince = (pod: Pod, bootId: string): boolean =>
  pod.status?.phase === 'Running' &&
  pod.spec.containers.every(({ name }) =>
    pod.status?.containerStatuses?.some((status) => status.containerID === containerId(pod, name, bootId)),
  );

export function runningStatus(pod: Pod, { bootId, hostIp, podIp, now }: Running): Record<string, unknown> {
  const time = seconds(now);
  const condition = (type: string): Record<string, string> => ({ type, status: 'True', lastTransitionTime: time });
  const statusOf = (container: Container, state: Record<string, unknown>, ready: boolean): Record<string, unknown> => {
    const before = pod.status?.containerStatuses?.find(({ name }) => name === container.name);
    return {
      ...{ name: container.name, image: container.image, imageID: container.image, ready, started: ready, state },
      containerID: containerId(pod, container.name, bootId),
      restartCount: before?.containerID === undefined ? 0 : (before.restartCount ?? 0) + 1,
    };
  };
  const finished = { terminated: { exitCode: 0, reason: 'Completed', startedAt: time, finishedAt: time } };
  return {
    phase: 'Running',
    startTime: pod.status?.startTime ?? time,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    initContainerStatuses: (pod.spec.initContainers ?? []).map((container) => statusOf(container, finished, true)),
    containerStatuses: pod.spec.containers.map((container) =>
      statusOf(container, { running: { startedAt: time } }, true),
    ),
  };
}
