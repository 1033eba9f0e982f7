/** A board's place in the cluster, round about joining and leaving: it is free, the cluster is there, and its labels go with it. */
import type { Problem, Result } from '../../../config/result.ts';
import { seconds } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { Execute } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { NodeLabels } from './node-labels.ts';

export type PlaceDeps = {
  readonly cluster: Pick<Cluster, 'reachable'>;
  readonly labels: NodeLabels;
  readonly boards: () => readonly Device[];
  /** The cluster itself is on this board: without it there is nobody to wait for. */
  readonly carriesCluster: (board: Pick<Device, 'name'>) => boolean;
  readonly clock: Clock;
  readonly log: Log;
};

/** Between two looks: whether the Node of the board before is gone, whether the cluster answers. */
const TURN = seconds(5);

export function inPlaces(execute: Execute, deps: PlaceDeps): Execute {
  const { cluster, labels, clock, log } = deps;

  const clusterAnswers = async (signal: AbortSignal): Promise<LifecycleEvent> => {
    do await clock.sleep(TURN, signal);
    while (!(await cluster.reachable(signal)).ok);
    return { event: 'cluster-answered' };
  };

  /** What the cluster refuses is no reason to wait; that it does not answer is. */
  const orWarn = (name: string, what: string, end: Result<void, Problem>): Problem | undefined => {
    if (end.ok || end.error.code === 'API_UNREACHABLE') return end.ok ? undefined : end.error;
    log.warn(what, { name, ...end.error });
    return undefined;
  };
  const NOT_KEPT = 'the labels of a Node are not kept';
  const NOT_PUT = 'the labels that a Node had are not on it again';

  return {
    ...execute,
    'make-image': async (device, signal) => {
      while (deps.boards().some(({ state }) => isGivingUp(state, device))) await clock.sleep(TURN, signal);
      return execute['make-image'](device, signal);
    },
    join: async (device, signal) => {
      if (deps.carriesCluster(device)) return execute.join(device, signal);
      if (device.state.name === 'joining' && device.state.waits !== undefined) return clusterAnswers(signal);
      const away = orWarn(device.name, NOT_KEPT, await labels.keep(device, device.id, signal));
      return away === undefined ? execute.join(device, signal) : { event: 'join-failed', ...away };
    },
    'release-quarantine': async (device, signal) => {
      const end = await execute['release-quarantine'](device, signal);
      const away = orWarn(device.name, NOT_PUT, await labels.restore(device, signal));
      if (away !== undefined) throw new Error(`${away.code}: ${away.detail}`);
      return end;
    },
    leave: async (device, signal) => {
      const { id, state, name } = device;
      const place = state.name === 'replaced' ? state.was.name : name;
      const holder = deps.boards().find((board) => board.name === place) ?? device;
      const away = orWarn(name, NOT_KEPT, await labels.keep({ id, name: place }, holder.id, signal));
      if (away !== undefined) throw new Error(`${away.code}: ${away.detail}`);
      return execute.leave(device, signal);
    },
  };
}

/** The heir's image has to wait for that: its Node would meet the one that is still there. */
const isGivingUp = (state: Device['state'], { name }: Device): boolean =>
  state.name === 'replaced' && !state.left && state.was.name === name;
