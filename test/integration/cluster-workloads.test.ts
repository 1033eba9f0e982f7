/** The World over the real API server, with its real controllers and the daemon's own rights. */
import test from 'ava';
import { findAssets } from '../lab/control-plane/start.ts';
import { becomesTrue, byHand, nodePath, openDaemonCluster, podPath, startPlane } from './cluster-plane.ts';

const assets = await findAssets();
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const renewTime = (step: number): string => `2026-01-01T00:00:${String(step).padStart(2, '0')}.000000Z`;

if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: the watches on the real API server. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  test('the World follows what is made, changed and deleted, and the API server when it comes back', async (t) => {
    t.timeout(300_000);
    const plane = await startPlane(t, assets);
    const { cluster, log } = openDaemonCluster(t, plane.kubeconfig);
    const workloads = cluster.workloads();
    if (workloads === undefined) return t.fail();
    t.is(cluster.workloads(), workloads, 'one for all');
    const changes: string[] = [];
    workloads.onChange(({ kind, name }) => changes.push(`${kind} ${name}`));
    const told = (): string =>
      JSON.stringify({ trouble: workloads.trouble(), changes, log: log.records.map(({ message }) => message) });
    const when = (holds: () => boolean): Promise<void> => becomesTrue(holds, told);
    const owner = (title: string) => [...workloads.world().owners.values()].find((one) => one.title === title);
    const podsOf = (title: string) =>
      [...workloads.world().pods.values()].filter((pod) => pod.owner?.uid === owner(title)?.uid);

    t.is(workloads.age(), undefined);
    await when(workloads.synced);
    t.is(workloads.trouble(), undefined);
    const { admin } = plane;
    const hand = byHand(admin);
    await hand.node('worker');
    const web = await hand.deployment('web', 2);
    await when(() => podsOf('Deployment default/web').length === 2);
    const replicaSet = owner('Deployment default/web');
    t.like(replicaSet, { kind: 'ReplicaSet', replicas: 2, deployment: web, rolling: true, scaledBy: undefined });
    await when(() => podsOf('Deployment default/web').every(({ node }) => node === 'worker'));
    const [one, two] = podsOf('Deployment default/web');
    t.is(one?.shape, two?.shape, 'one shape for both');
    t.like(one, { phase: 'Pending', ready: false, owner: { kind: 'ReplicaSet', uid: replicaSet?.uid } });

    for (const pod of [one, two])
      await admin.call('PATCH', `${podPath(pod?.name.split('/')[1] ?? '')}/status`, {
        body: { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
        patch: 'strategic-merge',
      });
    await when(() => owner('Deployment default/web')?.rolling === false);
    t.true(podsOf('Deployment default/web').every(({ ready, phase }) => ready && phase === 'Running'));

    await hand.make('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', {
      ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web' } },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 3 },
    });
    await when(() => owner('Deployment default/web')?.scaledBy === 'autoscaler');
    await admin.call('DELETE', '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/web');
    await when(() => owner('Deployment default/web')?.scaledBy === undefined);

    await hand.budget('web', 'web', 1);
    await when(() => workloads.world().budgets.some(({ name, allowed }) => name === 'default/web' && allowed === 1));

    // A new template: the ReplicaSet of the old one is history, and not kept.
    const template = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } };
    const path = '/apis/apps/v1/namespaces/default/deployments/web';
    await admin.call('PATCH', path, {
      body: { spec: { strategy: { type: 'Recreate', rollingUpdate: null }, template } },
      patch: 'merge',
    });
    await when(() => {
      const now = owner('Deployment default/web');
      return now !== undefined && now.uid !== replicaSet?.uid && !workloads.world().owners.has(replicaSet?.uid ?? '');
    });

    await claimsAndLeases();
    await comesBack();

    async function claimsAndLeases(): Promise<void> {
      const required = {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['worker'] }] },
        ],
      };
      await hand.make('/api/v1/persistentvolumes', {
        ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' } },
        spec: {
          ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand' },
          ...{ local: { path: '/data' }, nodeAffinity: { required } },
        },
      });
      await hand.make('/api/v1/namespaces/default/persistentvolumeclaims', {
        ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'by-hand',
          volumeName: 'disk',
          resources: { requests: { storage: '1Gi' } },
        },
      });
      await when(() => workloads?.world().claims.get('default/data')?.nodeAffinity !== undefined);
      t.deepEqual(workloads?.world().claims.get('default/data'), {
        ...{ name: 'default/data', single: true },
        nodeAffinity: [[{ key: 'kubernetes.io/hostname', operator: 'In', values: ['worker'] }]],
      });

      t.is(workloads?.lease('worker'), undefined);
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'worker' } };
      await hand.make(leases, {
        ...lease,
        spec: { holderIdentity: 'worker', leaseDurationSeconds: 40, renewTime: renewTime(0) },
      });
      await when(() => workloads?.lease('worker')?.renewals === 0);
      await admin.call('PATCH', `${leases}/worker`, { body: { spec: { renewTime: renewTime(10) } }, patch: 'merge' });
      await when(() => workloads?.lease('worker')?.renewals === 1);
      await when(() => (workloads?.lease('worker')?.age ?? 0) >= 2000);
    }

    async function comesBack(): Promise<void> {
      await plane.stop();
      await when(() => workloads?.trouble()?.code === 'API_UNREACHABLE');
      // What is known stays, and is said to be old.
      await when(() => (workloads?.age() ?? 0) >= 3000);
      await plane.restart();
      await hand.node('second');
      await admin.call('DELETE', path);
      await admin.call('DELETE', nodePath('worker'));
      await when(() => owner('Deployment default/web') === undefined && podsOf('Deployment default/web').length === 0);
      await when(
        () =>
          workloads
            ?.world()
            .nodes.map(({ name }) => name)
            .join() === 'second',
      );
      await when(() => workloads?.trouble() === undefined && (workloads?.age() ?? 9999) < 3000);
      t.true(changes.includes('node second'));
    }
  });

  test('fifty boards at rest cost no requests but those that open the watches again', async (t) => {
    t.timeout(300_000);
    const plane = await startPlane(t, assets);
    const { cluster } = openDaemonCluster(t, plane.kubeconfig);
    const workloads = cluster.workloads();
    const hand = byHand(plane.admin);
    const names = Array.from({ length: 50 }, (_, index) => `worker-${index}`);
    const spec = { leaseDurationSeconds: 40, renewTime: renewTime(0) };
    const each = (deed: (name: string) => Promise<unknown>): Promise<unknown> => Promise.all(names.map(deed));
    await each(async (name) => {
      await hand.node(name);
      await hand.make(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec });
    });
    const heardAll = (count: number) => (): boolean =>
      workloads?.synced() === true && names.every((name) => (workloads.lease(name)?.renewals ?? -1) >= count);
    const told = (): string => JSON.stringify({ asked: cluster.asked(), trouble: workloads?.trouble() });
    await becomesTrue(heardAll(0), told);
    await becomesTrue(() => cluster.nodes().length === 50, told);
    const before = { ...cluster.asked() };
    // A minute of fifty kubelets: six renewals of each Lease, and their Nodes' heartbeats.
    for (let round = 1; round <= 6; round += 1) {
      const body = { spec: { renewTime: renewTime(round) } };
      await each((name) => plane.admin.call('PATCH', `${leases}/${name}`, { body, patch: 'merge' }));
    }
    const heartbeat = { type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:01:00Z' };
    await each((name) =>
      plane.admin.call('PATCH', `${nodePath(name)}/status`, {
        body: { status: { conditions: [heartbeat] } },
        patch: 'strategic-merge',
      }),
    );
    await becomesTrue(heardAll(6), told);
    t.deepEqual(cluster.asked(), before, 'everything is heard on watches that stand');
    t.is(before.WATCH, 11);
    t.is(before.PATCH + before.POST + before.DELETE + before.PUT, 0);
    // A watch stands for 290 s at least, and is followed by a list every ten minutes; every 30 s the server is asked for its version.
    const perMinute = before.WATCH * (60 / 290) + before.GET * (60 / 600) + 60 / 30;
    t.log(`requests in a minute at rest: ${perMinute.toFixed(1)}`);
    t.true(perMinute <= 30, told());
  });
}
