/** What the driver kube-config asks of the API of Kubernetes 1.3. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { KubeRequest } from './cluster-port.ts';
import { deviceLabel, type JoinBoard } from './driver.ts';

export type KubeConfigApi = {
  /** The master works: etcd, scheduler and controller manager are well, and its own Node is Ready. Asked until then. */
  readonly masterReady: (signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** The Node is Ready, and its kubelet was heard while we looked: a Node stays Ready for 40 s after its kubelet died. */
  readonly nodeAlive: (name: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** This kubelet takes no labels: the Node gets the board's once it is there. */
  readonly label: (name: string, board: JoinBoard, signal: AbortSignal) => Promise<Result<void, Problem>>;
};

type Deps = { readonly request: KubeRequest; readonly clock: Pick<Clock, 'sleep'>; readonly master: Ipv4 };

const nodePath = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

export function kubeConfigApi({ request, clock, master }: Deps): KubeConfigApi {
  const readyNode = async (name: string, signal: AbortSignal): Promise<{ readonly heard: unknown } | undefined> => {
    const node = await request('GET', nodePath(name), { signal });
    if (!node.ok) return undefined;
    const ready = list(at(node.value, 'status', 'conditions')).find((entry) => at(entry, 'type') === 'Ready');
    return at(ready, 'status') === 'True' ? { heard: at(ready, 'lastHeartbeatTime') } : undefined;
  };
  const isWell = (component: unknown): boolean =>
    list(at(component, 'conditions')).some(
      (entry) => at(entry, 'type') === 'Healthy' && at(entry, 'status') === 'True',
    );

  /** Ends by its answer, by `tries`, or by the signal. */
  const asked = async <T>(
    tries: number,
    signal: AbortSignal,
    ask: () => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await ask();
      if (answer !== undefined || attempt === tries) return answer;
      await clock.sleep(TURN, signal);
    }
  };

  return {
    masterReady: async (signal) => {
      const works = await asked(MASTER_TRIES, signal, async () => {
        const components = await request('GET', '/api/v1/componentstatuses', { signal });
        const items = components.ok ? list(at(components.value, 'items')) : [];
        return (items.length > 0 && items.every(isWell) && (await readyNode(master, signal))) || undefined;
      });
      return works === undefined
        ? problem('MASTER_NOT_READY', `the master ${master} does not have all of its components running yet`)
        : ok(undefined);
    },
    nodeAlive: async (name, signal) => {
      let first: unknown;
      const alive = await asked(NODE_TRIES, signal, async () => {
        const heard = (await readyNode(name, signal))?.heard;
        first ??= heard;
        return heard !== undefined && heard !== first ? true : undefined;
      });
      return alive === undefined
        ? problem('NODE_NOT_READY', `Node ${name} did not become Ready, or its kubelet is not heard`)
        : ok(undefined);
    },
    label: async (name, board, signal) => {
      const node = await request('GET', nodePath(name), { signal });
      if (!node.ok) return node;
      const there = at(node.value, 'metadata', 'labels');
      const missing = Object.entries({ ...board.labels, [deviceLabel]: board.id }).filter(
        ([key, value]) => at(there, key) !== value,
      );
      if (missing.length === 0) return ok(undefined);
      const patch = [
        { op: 'test', path: '/metadata/uid', value: at(node.value, 'metadata', 'uid') },
        ...(there === undefined ? [{ op: 'add', path: '/metadata/labels', value: {} }] : []),
        // RFC 6901 3: `/` is written `~1`.
        ...missing.map(([key, value]) => ({
          op: 'add',
          path: `/metadata/labels/${key.replaceAll('/', '~1')}`,
          value,
        })),
      ];
      const patched = await request('PATCH', nodePath(name), { body: patch, signal });
      return patched.ok ? ok(undefined) : patched;
    },
  };
}

const TURN = seconds(5);
/** Six minutes, and 100 s: within the steps' own deadlines. */
const MASTER_TRIES = 72;
const NODE_TRIES = 20;

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined),
    value,
  );
}
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
