/** What has a name and perhaps a disk is run elsewhere only once it is proven that it does not run any more. */
import assert from 'node:assert/strict';
import { type Site, type Stage, withSite } from './site.ts';
import { isReady } from './view.ts';

const statefulSet = {
  ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'archive', labels: { app: 'archive' } } },
  spec: {
    ...{ replicas: 1, serviceName: 'archive', selector: { matchLabels: { app: 'archive' } } },
    template: {
      metadata: { labels: { app: 'archive' } },
      spec: { containers: [{ name: 'archive', image: 'archive' }] },
    },
  },
};

export async function statefulSets(stage: Stage): Promise<void> {
  // By hand: with a power command the daemon would have the proof by itself.
  await withSite(stage, { workers: 2, powerBatch: 0 }, play);
}

/** Nobody's hand is needed where the daemon can take a board's power itself. */
export async function fencedByPower(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 2 }, async (site) => {
    const { admin, check, lab, say, strip, view } = site;
    await admin.create('/apis/apps/v1/namespaces/default/statefulsets', statefulSet);
    await view.until('it runs', 60, () => view.pods().some(isReady));
    const [pod] = view.pods();
    const node = pod?.spec.nodeName ?? '';
    const board = site.board(node);
    await site.watched();
    // It runs on: only its cable is out.
    await lab.pull(board);
    const pulled = Date.now();
    await check('its power is taken by the owner’s command, and only then its Pod is run elsewhere', async () => {
      const elsewhere = () => view.pods().find((each) => isReady(each) && each.spec.nodeName !== node);
      await view.until('it runs elsewhere', 180, () => elsewhere() !== undefined);
      const off = strip.switchings.find(({ name, power }) => name === node && power === 'off');
      assert.ok(off !== undefined, 'its power was not taken');
      const made = Date.parse(elsewhere()?.metadata.creationTimestamp ?? '');
      // Kubernetes tells the time in whole seconds.
      assert.ok(made >= Math.floor(off.at / 1000) * 1000, `made at ${made}, off at ${off.at}`);
      const told = (at: number): string => ((at - pulled) / 1000).toFixed(1);
      say(`  off after ${told(off.at)} s, its Pod Ready elsewhere after ${told(Date.now())} s`);
    });
    await check('its power is on again, and with its cable it is Ready, without a taint', async () => {
      await view.until('switched on', 120, () => board.hardware.powered());
      await lab.putBack(board);
      await view.until('Ready, without a taint', 180, () => {
        const own = view.nodes().find(({ metadata }) => metadata.name === node);
        return board.state === 'ready' && (own?.spec.taints ?? []).length === 0;
      });
    });
  });
}

async function play(site: Site): Promise<void> {
  const { admin, check, lab, say, view } = site;
  await admin.create('/apis/apps/v1/namespaces/default/statefulsets', statefulSet);
  await view.until('it runs', 60, () => view.pods().some(isReady));
  const [pod] = view.pods();
  const node = pod?.spec.nodeName ?? '';
  const board = site.board(node);
  await site.watched();
  await lab.pull(board);
  await check('the board is held gone, and waits for proof', async () => {
    await view.until('waiting-for-proof', 120, () => board.state === 'waiting-for-proof');
    const { why } = await lab.daemon.client.describe(node);
    assert.equal(why, `waiting for proof: power off ${node} and run \`bramble confirm-off ${node}\``);
    const { stdout } = await site.bramble(['status']);
    assert.ok(stdout.replace(/\s+/g, ' ').includes(`NEXT: ${why}`), stdout);
  });
  await check('until then its Pod is not run a second time', () => {
    const pods = view.pods();
    assert.deepEqual(
      pods.map(({ metadata }) => metadata.uid),
      [pod?.metadata.uid],
    );
  });
  await check('bramble confirm-off: it runs on the other worker', async () => {
    await board.hardware.powerOff();
    const confirmed = performance.now();
    const { code, stdout, stderr } = await site.bramble(['confirm-off', node, '--yes'], 90);
    assert.equal(code, 0, `${stdout}${stderr}`);
    await view.until('it runs elsewhere', 120, () =>
      view.pods().some((each) => isReady(each) && each.spec.nodeName !== node),
    );
    say(`  ${((performance.now() - confirmed) / 1000).toFixed(1)} s after the owner's word`);
  });
  await check('power back: the board is Ready, without a taint, and the Pod stays where it is', async () => {
    const elsewhere = view.pods().map(({ metadata }) => metadata.uid);
    await lab.putBack(board);
    board.hardware.powerOn();
    await view.until('Ready, without a taint', 180, () => {
      const own = view.nodes().find(({ metadata }) => metadata.name === node);
      return board.state === 'ready' && (own?.spec.taints ?? []).length === 0;
    });
    assert.deepEqual(
      view.pods().map(({ metadata }) => metadata.uid),
      elsewhere,
    );
  });
}
