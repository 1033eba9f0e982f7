/** The master carries nothing (the article's listing 12, without the hand work after it). */
import assert from 'node:assert/strict';
import { masterName } from '../../lab/page/kube-proxy.ts';
import { pageName } from '../../lab/page/workload.ts';
import { type Site, type Stage, withSite } from './site.ts';
import { isReady, type PodView, spreadOf } from './view.ts';

const masterTaints = ({ view }: Site): readonly string[] =>
  view
    .nodes()
    .filter(({ metadata }) => metadata.name === masterName)
    .flatMap(({ spec }) => spec.taints ?? [])
    .map(({ key, effect }) => `${key}:${effect}`);
const taint = 'node-role.kubernetes.io/control-plane:NoSchedule';

const cannotBePlaced = ({ status }: PodView): boolean =>
  status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable') === true;
const wasEvicted = ({ status }: PodView): boolean =>
  status?.conditions?.some(({ type, reason }) => type === 'DisruptionTarget' && reason === 'EvictionByEvictionAPI') ===
  true;

export async function master(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 0 }, async (site) => {
    const { admin, check, lab, view } = site;
    await check('the master has its taint, and is not cordoned', async () => {
      await view.until(taint, 60, () => masterTaints(site).includes(taint));
      assert.ok(view.nodes().every(({ spec }) => spec.unschedulable !== true));
    });
    await check('the bare cluster: a Pod waits for the first worker, and does not go to the master', async () => {
      await site.create(pageName, 2);
      await view.until('nowhere to go', 60, () => view.pods().length === 2 && view.pods().every(cannotBePlaced));
      await site.plug(1);
      await view.until('both run', 60, () => view.pods().filter(isReady).length === 2);
      assert.equal(spreadOf(view.pods())[masterName], undefined);
    });
    await check('Pods that were on the master before are moved politely, and the workers take them', async () => {
      await lab.daemon.stop('SIGTERM');
      const path = `/api/v1/nodes/${masterName}`;
      const cordon = (name: string, unschedulable: boolean) =>
        admin.call('PATCH', `/api/v1/nodes/${name}`, { body: { spec: { unschedulable } }, patch: 'merge' });
      await admin.call('PATCH', path, { body: { spec: { taints: null } }, patch: 'merge' });
      const [worker = ''] = lab.boards.map(({ name }) => name ?? '');
      await cordon(worker, true);
      await site.create('early', 3);
      const onMaster = (): number => spreadOf(view.pods(), 'early')[masterName] ?? 0;
      await view.until('three Pods on the master', 60, () => onMaster() === 3);
      await cordon(worker, false);
      const before = view.moment();
      await lab.daemon.start();
      await view.until('all are on the worker', 300, () => spreadOf(view.pods(), 'early')[worker] === 3);
      assert.ok(masterTaints(site).includes(taint));
      const left = view.history.filter(
        ({ pod }) => pod.spec.nodeName === masterName && pod.metadata.deletionTimestamp !== undefined,
      );
      const names = new Set(left.map(({ pod }) => pod.metadata.name));
      const evicted = new Set(left.filter(({ pod }) => wasEvicted(pod)).map(({ pod }) => pod.metadata.name));
      assert.equal(names.size, 3);
      assert.equal(evicted.size, 3, 'through the Eviction API');
      assert.ok((view.fewest(before).get('early') ?? 0) >= 1, 'one after another');
    });
  });
}
