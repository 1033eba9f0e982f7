/** The daemon's account, made in the real control plane as `bramble cluster install` makes it, and what it may and may not do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { lacking, makeAccount, mayDo } from '../../cli/cluster/account.ts';
import { callApi } from '../../cli/cluster/api.ts';
import { readKubeconfig } from '../../cli/cluster/kubeconfig.ts';
import { must } from '../../config/result.ts';
import { type SingleRight, singleRights } from '../../daemon/cluster/account.ts';
import { openCluster } from '../../daemon/cluster/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { findAssets, startControlPlane } from '../lab/control-plane/start.ts';
import { createLogDouble } from '../support/doubles.ts';

const assets = await findAssets();

async function begin(t: ExecutionContext) {
  t.timeout(300_000);
  const directory = await mkdtemp(join(tmpdir(), 'bramble-account-'));
  const { signal } = new AbortController();
  const options = { address: '127.0.0.1', port: 0, signal, log: (line: string) => t.log(line) };
  const plane = await startControlPlane({ ...options, assets: assets ?? '', directory });
  t.teardown(async () => {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return { plane, directory, signal, admin: must(await readKubeconfig(plane.adminKubeconfig)) };
}

type Wish = Omit<SingleRight, 'group'> & { readonly group?: string };

/** What whoever took over the daemon would like to do. */
const forbidden: readonly Wish[] = [
  { verb: 'list', resource: 'secrets' },
  { verb: 'create', resource: 'secrets', namespace: 'default' },
  { verb: 'get', resource: 'secrets', namespace: 'default' },
  { verb: 'update', resource: 'secrets', namespace: 'kube-system' },
  { verb: 'create', resource: 'nodes' },
  { verb: 'update', resource: 'nodes' },
  { verb: 'create', resource: 'pods', namespace: 'default' },
  { verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'kube-system' },
  { verb: 'get', resource: 'nodes', subresource: 'proxy' },
  { verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace: 'kube-system' },
  { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { verb: 'impersonate', resource: 'users' },
  { verb: 'approve', group: 'certificates.k8s.io', resource: 'signers' },
  { verb: 'approve', group: 'certificates.k8s.io', resource: 'signers', name: 'kubernetes.io/kubelet-serving' },
  { verb: 'sign', group: 'certificates.k8s.io', resource: 'signers' },
  { verb: 'delete', group: 'certificates.k8s.io', resource: 'certificatesigningrequests' },
];

if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log(
      'NOT RUN: the daemon’s account in the real control plane. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.',
    );
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  test('the account may do what the daemon does, and nothing else', async (t) => {
    const { plane, directory, admin, signal } = await begin(t);
    const text = must(await makeAccount({ admin, server: plane.server, signal }));
    const file = join(directory, 'bramble.kubeconfig');
    await writeFile(file, text);
    const account = must(await readKubeconfig(file));
    const asks = async (wish: Wish): Promise<boolean> => must(await mayDo(account, wish, signal));
    t.true(singleRights.length >= 12, 'every rule is asked about');
    for (const wish of singleRights) t.true(await asks(wish), JSON.stringify(wish));
    for (const wish of forbidden) t.false(await asks(wish), JSON.stringify(wish));
    const denied = await callApi(account, 'GET', '/api/v1/namespaces/default/secrets', { signal });
    t.like(denied, { ok: false, error: { code: 'API_DENIED' } });

    // The daemon's own client.
    const closing = new AbortController();
    const log = createLogDouble();
    const deps = { clock: systemClock, random: systemRandom, log, signal: closing.signal };
    const cluster = openCluster({ kubeconfig: file, ...deps });
    t.regex(must(await cluster.reachable(signal)), /^v1\./);
    t.is(must(await cluster.readNode('nobody', signal)), undefined);
    t.is(must(await cluster.endpoint()).caPem, plane.caPem);
    closing.abort();
    await cluster.done;

    // A second time: the same account, with the rights that it has to have.
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/bramble';
    const type = 'application/merge-patch+json';
    must(await callApi(admin, 'PATCH', path, { body: { rules: [] }, type, signal }));
    t.false(await asks({ verb: 'list', resource: 'nodes' }));
    t.deepEqual(must(await lacking(account, signal)).slice(0, 2), ['get nodes', 'list nodes']);
    t.is(must(await makeAccount({ admin, server: plane.server, signal })), text);
    t.deepEqual(must(await lacking(account, signal)), []);

    const other = await makeAccount({ admin, server: plane.server.replace('127.0.0.1', '0.0.0.0'), signal });
    t.like(other, { ok: false, error: { code: 'SERVER_NAME' } });
    t.regex(other.ok ? '' : other.error.detail, /does not name 0\.0\.0\.0.*tls-san/);
    const nobody = await makeAccount({ admin: account, server: plane.server, signal, patienceMs: 0 });
    t.like(nobody, { ok: false, error: { code: 'API_DENIED' } });
  });
}
