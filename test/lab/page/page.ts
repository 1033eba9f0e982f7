/** `scale N`: the article's web server in the lab's cluster, how many of it run where, and a window to its page. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openAdmin } from '../admin.ts';
import { ApiError, type ApiObject } from '../control-plane/api-client.ts';
import { type Lab, masterAddress } from '../lab.ts';
import { openWindow } from '../window.ts';
import { findKubeProxy, startKubeProxy } from './kube-proxy.ts';
import { deployment, deployments, pageName, pagePort, service, services } from './workload.ts';

export type Page = {
  /** Settles once it is asked for; the cluster follows. */
  readonly scale: (replicas: number) => Promise<void>;
};

export type PageDeps = {
  readonly lab: Lab;
  readonly say: (line: string) => void;
  /** `LabBoard.replicas` of some board has changed. */
  readonly onReplicas: () => void;
  readonly signal: AbortSignal;
};

type Pod = ApiObject<{
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }> };
}>;

const pods = `/api/v1/namespaces/default/pods?labelSelector=${encodeURIComponent(`app=${pageName}`)}`;
const againMs = 1000;

export async function openPage({ lab, say, onReplicas, signal }: PageDeps): Promise<Page> {
  const admin = await openAdmin(lab, signal);
  const running = new Map<string, string>();

  const count = (): void => {
    for (const board of lab.boards) {
      board.replicas = [...running.values()].filter((node) => node === board.name).length;
    }
    onReplicas();
  };

  const take = (pod: Pod): void => {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
    if (ready && deletionTimestamp === undefined) running.set(uid, pod.spec.nodeName ?? '');
    else running.delete(uid);
  };

  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        running.clear();
        // Without a version it begins with the Pods that there are.
        await admin.watch(`${pods}&watch=true`, signal, ({ type, object }) => {
          if (type === 'DELETED') running.delete(object.metadata.uid ?? '');
          else take(object as Pod);
          count();
        });
      } catch (error) {
        if (!signal.aborted && error instanceof ApiError) say(`Pods: ${error.message}`);
      }
      await sleep(againMs, undefined, { signal }).catch(() => undefined);
    }
  };

  const show = async (): Promise<void> => {
    const program = await findKubeProxy('cached');
    if (program === undefined) {
      say('there is no kube-proxy here, so the page is not to be seen: .ci/control-plane --proxy makes one');
      return;
    }
    await startKubeProxy(lab, program, signal);
    const window = await openWindow(lab.master.netns, { address: masterAddress, port: pagePort }, signal);
    say(`the page of ${pageName}: ${window}`);
  };

  const scale = async (replicas: number): Promise<void> => {
    await admin.create(deployments, deployment(pageName, replicas));
    const path = `${deployments}/${pageName}/scale`;
    await admin.call('PATCH', path, { body: { spec: { replicas } }, patch: 'merge' });
  };

  await admin.create(services, service(pageName, masterAddress));
  void follow();
  void show().catch((error: unknown) => {
    if (!signal.aborted) say(error instanceof Error ? error.message : String(error));
  });
  return { scale };
}
