/** Runs in the master's network: on-master.ts FOLDER NETNS_OF_A_BOARD NETNS_OF_ANOTHER. Each check is one line of JSON on stdout. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { must, type Result } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, seconds } from '../../../config/values.ts';
import { awaitNode } from '../../../daemon/join/await-node.ts';
import type { StepProblem } from '../../../daemon/join/driver.ts';
import { generateSshKeyPair, type JoinBoard } from '../../../daemon/join/index.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { watchArguments } from '../../integration/join-arguments.ts';
import type { CheckReport } from '../on-master.ts';
import type { Scenario } from '../scenario.ts';
import { type K3sBoard, startK3sBoard } from './board.ts';
import { startMaster } from './master.ts';

const [folder = '', netns = '', otherNetns = ''] = process.argv.slice(2);
const key = generateSshKeyPair('daemon');
const name = must(parseHostname('worker-kube1'));
const nodePassword = 'ab'.repeat(16);
const bootstrapToken = 'bootstrap-token-';
const closing: (() => Promise<void>)[] = [];
const token = '/etc/rancher/k3s/token';

let boards = 0;
async function plugIn(where: string): Promise<K3sBoard> {
  boards += 1;
  return startK3sBoard({ netns: where, name, folder: join(folder, `board${boards}`), authorized: key.publicLine });
}
const boardOf = (address: string, id: string, { hostKeyPublic }: K3sBoard, password = nodePassword): JoinBoard => ({
  ...{ id: must(parseDeviceId(id)), name, address: must(parseIpv4(address)), fixedAddress: true },
  ...{ hostKeys: [hostKeyPublic], nodePassword: password, serials: [], labels: { 'bramble.dev/model': 'pi4' } },
});
const codeOf = (end: Result<unknown, StepProblem>): string => (end.ok ? '' : end.error.code);
const outputOf = (end: Result<unknown, StepProblem>): string => (end.ok ? '' : (end.error.output ?? ''));

const scenario: Scenario = async (check) => {
  await mkdir(join(folder, 'master'));
  let first = await plugIn(netns);
  closing.push(() => first.close());
  const master = await startMaster(join(folder, 'master'), key.privateOpenssh);
  closing.push(master.close);
  const { joiner, cluster, api, secrets, signal } = master;
  let board = boardOf('10.77.0.11', 'd-0123456789ab', first);
  const whenReady = async (): Promise<void> => {
    const how = { clock: systemClock, signal, patience: seconds(120) };
    assert.ok((await awaitNode(cluster, name, (node) => node?.ready === true, how))?.ready);
  };
  const uid = async (): Promise<string | undefined> => must(await cluster.readNode(name, signal))?.uid;

  await check('a blank board joins, and nobody’s arguments hold token or node password', async () => {
    must(await joiner.awaitSsh(board, seconds(60), signal));
    const watching = watchArguments();
    const end = await joiner.join(master.asKnown(board), signal);
    const seen = await watching.stop();
    must(end);
    assert.match(seen.text, /k3s\.mjs\0agent/);
    assert.equal(secrets.length, 1);
    for (const secret of [...secrets, nodePassword]) assert.ok(!seen.text.includes(secret));
  });
  await check('its Node has our name, address and label, and the quarantine taint', async () => {
    const node = must(await cluster.readNode(name, signal));
    assert.equal(node?.internalIp, '10.77.0.11');
    assert.equal(node?.device, board.id);
    assert.deepEqual(
      (await api.nodes())[0]?.spec.taints?.filter((taint) => taint.key === 'bramble.dev/quarantine').length,
      1,
    );
    assert.deepEqual(await api.secrets(name), [`${name}.node-password.k3s`]);
  });
  await check('without a router the way to the master stands in for one', async () => {
    assert.match(await first.output('ip route show default'), /^default via 10\.77\.0\.1 .*metric 65000/);
  });
  await check('released, the token is gone from cluster, board and journal', async () => {
    await whenReady();
    must(await joiner.release(master.asKnown(board), signal));
    assert.deepEqual(await api.secrets(bootstrapToken), []);
    const traces = `grep -rlF ${secrets[0]} /etc /var/lib/rancher /run --exclude-dir=journal || true`;
    assert.equal(await first.output(traces), '');
    assert.equal(await first.output(`journalctl --no-pager | grep -F -e ${secrets[0]} -e ${nodePassword} || true`), '');
    assert.match(await first.output(`cat ${token}`), /^K10[0-9a-f]{64}::joined\.0{16}\n$/);
    assert.equal(
      await first.output(`stat -c %a ${token} /etc/rancher/k3s/config.yaml /etc/rancher/node/password`),
      '600\n600\n600\n',
    );
  });
  await check('started anew it comes up without a token', async () => {
    await first.output('timeout 60 systemctl restart k3s-agent');
    assert.equal(await first.output('systemctl is-active k3s-agent'), 'active\n');
  });
  await check('a board that works is left alone', async () => {
    const before = await uid();
    master.asked.splice(0);
    must(await joiner.join(master.asKnown(board), signal));
    assert.equal(await uid(), before);
    assert.equal(secrets.length, 1);
    assert.deepEqual(master.asked, []);
  });
  await check(
    'flashed anew it joins under its name with Node and Secret still there: its password is the same',
    async () => {
      await first.close();
      first = await plugIn(netns);
      board = boardOf('10.77.0.11', 'd-0123456789ab', first);
      master.flashed(board.id);
      must(await joiner.awaitSsh(board, seconds(60), signal));
      must(await joiner.onBoard(board, signal, (session) => master.driverJoins(session, board)));
      assert.deepEqual(await api.secrets(name), [`${name}.node-password.k3s`]);
    },
  );
  await check('the same through the joiner: another Node, in quarantine', async () => {
    const before = await uid();
    await first.output('systemctl stop k3s-agent; rm -rf /var/lib/rancher/k3s/agent/*.kubeconfig');
    must(await joiner.join(master.asKnown(board), signal));
    assert.notEqual(await uid(), before);
    await whenReady();
    must(await joiner.release(master.asKnown(board), signal));
  });

  const second = await plugIn(otherNetns);
  closing.push(second.close);
  const stranger = boardOf('10.77.0.12', 'd-ffffffffffff', second, 'cd'.repeat(16));
  const strangerJoins = async (how?: { lifetime?: number; caHash?: string }): Promise<Result<void, StepProblem>> => {
    must(await joiner.awaitSsh(stranger, seconds(60), signal));
    return joiner.onBoard(stranger, signal, (session) => master.driverJoins(session, stranger, how));
  };
  const nothingLeft = async (): Promise<void> => {
    assert.equal(await second.output('systemctl is-active k3s-agent || true'), 'inactive\n');
    assert.equal(await second.output(`ls ${token} 2> /dev/null || true`), '');
  };
  await check('another board under that name is refused, told as what it is, and stops asking', async () => {
    const before = await uid();
    const end = await strangerJoins();
    assert.equal(codeOf(end), 'NODE_PASSWORD_REJECTED');
    assert.match(outputOf(end), /Node password rejected, duplicate hostname/);
    await nothingLeft();
    assert.equal(await uid(), before);
  });
  await check('to a server with another authority nothing is sent', async () => {
    const end = await strangerJoins({ caHash: 'cd'.repeat(32) });
    assert.equal(codeOf(end), 'SERVER_NOT_TRUSTED');
    assert.match(outputOf(end), /token CA hash does not match/);
    await nothingLeft();
  });
  await check('a token that has expired is told as one', async () => {
    assert.equal(codeOf(await strangerJoins({ lifetime: 0 })), 'TOKEN_REFUSED');
    await nothingLeft();
  });

  await check('it leaves: containers and mounts are gone, images, password and what is the owner’s stay', async () => {
    await first.output(`d=/var/lib/rancher/k3s/data/x/bin; mkdir -p $d /run/k3s/sandbox /var/lib/kubelet/pods/p /var/lib/rancher/k3s/storage/pvc
cp /bin/dash $d/containerd-shim-runc-v2
setsid $d/containerd-shim-runc-v2 -c 'sleep 4321 & wait' > /dev/null 2>&1 < /dev/null &
mount -t tmpfs x /run/k3s/sandbox; mount -t tmpfs x /var/lib/kubelet/pods/p
ip link add cni0 type dummy 2> /dev/null || ip link add cni0 type bridge
touch /etc/rancher/k3s/registries.yaml /var/lib/rancher/k3s/storage/pvc/data
until pgrep -f 'sleep 4321' > /dev/null; do :; done`);
    must(await joiner.leave(master.asKnown(board), signal));
    assert.deepEqual(await api.nodes(), []);
    assert.equal(await first.output('ps -e -o args= | grep -e "sleep [4]321" -e "k3s[.]mjs" || true'), '');
    assert.equal(await first.output('grep -e /run/k3s -e /var/lib/kubelet /proc/mounts || true'), '');
    assert.equal(await first.output('ls -d /sys/class/net/cni0 2> /dev/null || true'), '');
    assert.equal(
      await first
        .output('systemctl is-active k3s-agent || true; systemctl is-enabled k3s-agent 2> /dev/null || true')
        .then((text) => text.split('\n')[0]),
      'inactive',
    );
    const kept =
      'find /etc/rancher /var/lib/rancher/k3s/agent /var/lib/rancher/k3s/storage /usr/local/bin/k3s -type f | sort';
    const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
    assert.deepEqual((await first.output(kept)).trim().split('\n'), [
      ...['/etc/rancher/k3s/registries.yaml', '/etc/rancher/node/password', '/usr/local/bin/k3s'],
      `/var/lib/rancher/k3s/agent/images/k3s-airgap-images-${arch}.tar.zst`,
      '/var/lib/rancher/k3s/storage/pvc/data',
    ]);
  });
  await check('it joins again under its name, and fetches nothing', async () => {
    master.asked.splice(0);
    must(await joiner.join(master.asKnown(board), signal));
    await whenReady();
    must(await joiner.release(master.asKnown(board), signal));
    assert.deepEqual(master.asked, []);
    assert.deepEqual(await api.secrets(bootstrapToken), []);
  });
};

try {
  const report = (line: CheckReport): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  let failed = false;
  await scenario(async (what, verify) => {
    // Each step stands on the one before.
    if (failed) return report({ name: what, problem: 'not tried: a step before it failed' });
    try {
      await verify();
      report({ name: what });
    } catch (error) {
      report({ name: what, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      failed = true;
    }
  });
} finally {
  for (const close of closing.reverse()) await close();
}
