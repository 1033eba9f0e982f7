/** Runs in the master's network: on-master.ts FOLDER NETNS_OF_THE_BOARD KUBERNETES. Each check is one line of JSON on stdout. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { must, ok } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, seconds } from '../../../config/values.ts';
import { awaitNode } from '../../../daemon/join/await-node.ts';
import type { JoinedNode } from '../../../daemon/join/cluster-port.ts';
import { generateSshKeyPair, type JoinBoard } from '../../../daemon/join/index.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { watchArguments } from '../../integration/join-arguments.ts';
import { until } from '../../support/until.ts';
import { stepContext } from '../../unit/join/step-context.ts';
import type { CheckReport } from '../on-master.ts';
import type { Scenario } from '../scenario.ts';
import { type KubeletBoard, startKubeletBoard } from './board.ts';
import { type Master, startMaster } from './master.ts';

const quarantine = 'bramble.dev/quarantine';
const name = must(parseHostname('worker-kube1'));
const address = must(parseIpv4('10.77.0.11'));
/** Where kubeadm and the kubelet keep what they know, and what we put there. */
const keptOnBoard = '/etc/kubernetes /var/lib/kubelet /run/bramble';

const joins =
  (master: Master, board: KubeletBoard, joined: JoinBoard): Scenario =>
  async (check) => {
    const { joiner, driver, cluster, log, deaf, api, secrets, signal } = master;
    const whenNode = (holds: (node: JoinedNode | undefined) => boolean) =>
      awaitNode(cluster, name, holds, { clock: systemClock, signal, patience: seconds(120) });
    const whenReady = async (): Promise<void> => assert.ok((await whenNode((node) => node?.ready === true))?.ready);
    const taints = async (): Promise<readonly string[]> =>
      must(await cluster.readNode(name, signal))?.taints.map(({ key }) => key) ?? [];
    let firstUid: string | undefined;

    await check('a real kubelet joins by our driver, and nobody’s arguments hold the token', async () => {
      must(await joiner.awaitSsh(joined, seconds(30), signal));
      const watching = watchArguments();
      const end = await joiner.join(joined, signal);
      const seen = await watching.stop();
      must(end);
      assert.match(seen.text, /kubeadm\0join/);
      assert.equal(secrets.length, 1);
      assert.ok(!seen.text.includes(String(secrets[0])));
    });
    await check(
      'its Node has our name, its address and label, and the quarantine taint; nobody else is there',
      async () => {
        const nodes = await api.nodes();
        assert.deepEqual(
          nodes.map(({ metadata }) => metadata.name),
          [name],
        );
        const [node] = nodes;
        firstUid = node?.metadata.uid;
        const { nodeInfo, addresses } = node?.status ?? {};
        assert.equal(nodeInfo?.kubeletVersion, master.version);
        assert.match(String(nodeInfo?.containerRuntimeVersion), /^containerd:\/\//);
        assert.equal(addresses?.find(({ type }) => type === 'InternalIP')?.address, address);
        assert.equal(node?.metadata.labels?.['bramble.dev/device'], joined.id);
        assert.equal(node?.metadata.labels?.['bramble.dev/model'], 'pi4');
        assert.ok((await taints()).includes(quarantine));
      },
    );
    await check('it asked for one certificate, which we approved and nobody else', async () => {
      const requests = await api.certificateRequests();
      assert.equal(requests.length, 1);
      const [request] = requests;
      assert.match(String(request?.spec.username), /^system:bootstrap:[a-z0-9]{6}$/);
      assert.deepEqual(
        request?.status?.conditions?.map(({ type, reason }) => [type, reason]),
        [['Approved', 'BrambleExpectedNode']],
      );
      const pem = '/var/lib/kubelet/pki/kubelet-client-current.pem';
      assert.match(
        await board.output(`openssl x509 -noout -subject -nameopt multiline -in ${pem}`),
        new RegExp(`system:nodes[^]*system:node:${name}\\n`),
      );
    });
    await check('it becomes Ready by its own word', whenReady);
    await check('in quarantine it is given no Pod; released, it runs one', async () => {
      await until('no taint but ours', 120, async () => (await taints()).join() === quarantine);
      await api.createPod('probe');
      await until('the scheduler’s word', 120, async () =>
        (await api.unschedulable('probe')).includes('untolerated taint'),
      );
      must(await joiner.release(joined, signal));
      assert.ok(!(await taints()).includes(quarantine));
      await until('the Pod', 120, async () => (await api.podPhase('probe')) === 'Running');
      assert.match(await board.output('/usr/local/bin/ctr -n k8s.io task ls'), /RUNNING/);
    });
    await check('the token is gone from the cluster and was never kept on the board', async () => {
      assert.deepEqual(await api.tokens(), []);
      const files = await board.output(`grep -rlF ${secrets[0]} ${keptOnBoard} 2>/dev/null || true`);
      const journal = await board.output(`journalctl --no-pager | grep -F ${secrets[0]} || true`);
      assert.equal(files + journal, '');
    });
    await check('started anew without a token it is heard again', async () => {
      const before = await api.lastHeard(name);
      await board.output('systemctl restart kubelet');
      await until('a newer word of the kubelet', 120, async () => (await api.lastHeard(name)) > before);
      await whenReady();
    });
    await check('it leaves: kubeadm reset, its containers and its Node are gone', async () => {
      must(await joiner.leave(joined, signal));
      // A board that cannot be reset is left behind with a warning.
      assert.deepEqual(
        log.records.filter(({ level }) => level === 'warn' || level === 'error'),
        [],
      );
      assert.deepEqual(await api.nodes(), []);
      assert.equal(await board.output('find /etc/kubernetes /var/lib/kubelet -type f 2>/dev/null || true'), '');
      assert.equal(await board.output('systemctl is-active kubelet || true'), 'inactive\n');
      assert.equal(await board.output('/usr/local/bin/ctr -n k8s.io containers ls -q'), '');
    });
    await check('it joins again under the same name, as another Node, in quarantine, and becomes Ready', async () => {
      must(await joiner.join(joined, signal));
      assert.ok((await taints()).includes(quarantine));
      await whenReady();
      assert.notEqual((await api.nodes())[0]?.metadata.uid, firstUid);
      must(await joiner.release(joined, signal));
      assert.deepEqual(await api.tokens(), []);
      assert.equal((await api.certificateRequests()).length, 2);
    });
    await check(
      'cut off while it waits for its certificate it is half joined, and joined by asking again',
      async () => {
        must(await joiner.leave(joined, signal));
        const asked = (await api.certificateRequests()).length;
        const cut = new AbortController();
        deaf.isSet = true;
        const joining = assert.rejects(joiner.join(joined, cut.signal), /pulled/);
        await until('its request', 120, async () => (await api.certificateRequests()).length > asked);
        cut.abort(new Error('pulled'));
        await joining;
        deaf.isSet = false;
        assert.deepEqual(await api.tokens(), []);
        // What tells a join that came to its end from this one is the certificate alone.
        const left = await board.output('cd /etc/kubernetes; ls kubelet.conf /var/lib/kubelet/pki');
        assert.match(left, /^kubelet\.conf$/m);
        assert.doesNotMatch(left, /kubelet-client-current/);
        must(
          await joiner.onBoard(joined, signal, async (session) => {
            assert.equal(must(await driver.probe(session, stepContext)), 'partial');
            return ok(undefined);
          }),
        );
        must(await joiner.join(joined, signal));
        await whenReady();
        must(await joiner.release(joined, signal));
      },
    );
  };

const [folder = '', netns = '', kubernetes = ''] = process.argv.slice(2);
const key = generateSshKeyPair('daemon');
const closing: (() => Promise<void>)[] = [];
try {
  const [masterFolder, boardFolder] = [join(folder, 'master'), join(folder, 'board')];
  await Promise.all([mkdir(masterFolder), mkdir(boardFolder)]);
  const board = await startKubeletBoard({
    ...{ netns, name, folder: boardFolder, kubernetes, authorized: key.publicLine },
  });
  closing.push(board.close);
  const master = await startMaster(masterFolder, key.privateOpenssh, board.hostKeyPublic);
  closing.push(master.close);
  const report = (line: CheckReport): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const joined: JoinBoard = {
    ...{ id: must(parseDeviceId('d-0123456789ab')), name, address, fixedAddress: true },
    ...{
      hostKeys: [board.hostKeyPublic],
      nodePassword: 'ab'.repeat(16),
      serials: [],
      labels: { 'bramble.dev/model': 'pi4' },
    },
  };
  let failed = false;
  await joins(
    master,
    board,
    joined,
  )(async (what, verify) => {
    // Each step stands on the one before.
    if (failed) return report({ name: what, problem: 'not tried: a step before it failed' });
    try {
      await verify();
      report({ name: what });
    } catch (error) {
      const journal = await board.output('journalctl --no-pager -n 30 -o cat -u kubelet').catch(String);
      report({ name: what, problem: `${error instanceof Error ? error.message : String(error)}\n${journal}` });
      failed = true;
    }
  });
} finally {
  for (const close of closing.reverse()) await close();
}
