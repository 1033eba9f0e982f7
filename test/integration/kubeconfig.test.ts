/** `bramble kubeconfig`: the command line and the daemon's part of it around the real control plane, and what one may do with it. */
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiException, AuthenticationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { callApi } from '../../cli/cluster/api.ts';
import { makeKeyAndRequest } from '../../cli/cluster/certificate-request.ts';
import { readKubeconfig } from '../../cli/cluster/kubeconfig.ts';
import { newKubeconfig } from '../../cli/cluster/merge-kubeconfig.ts';
import { must, ok } from '../../config/result.ts';
import { configSchema } from '../../config/schema.ts';
import { seconds } from '../../config/values.ts';
import { accessDesk } from '../../daemon/app/owner/access-desk.ts';
import { issueCertificate } from '../../daemon/cluster/certificates.ts';
import { openCluster } from '../../daemon/cluster/index.ts';
import { serverNames } from '../../daemon/cluster/server-names.ts';
import { type AccessDeps, accessRoute } from '../../daemon/http/endpoints/access.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import type { AccessRequest } from '../../daemon/http/wire.ts';
import type { Write } from '../../daemon/store/store.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { openssl } from '../lab/control-plane/pki.ts';
import { findAssets, startControlPlane } from '../lab/control-plane/start.ts';
import { runBramble } from '../support/command-line.ts';
import { createLogDouble } from '../support/doubles.ts';

const assets = await findAssets();
const year = 365 * 24 * 3600 * 1000;

async function begin(t: ExecutionContext) {
  t.timeout(300_000);
  const directory = await mkdtemp(join(tmpdir(), 'bramble-kubeconfig-'));
  const stopping = new AbortController();
  const { signal } = stopping;
  const options = { address: '127.0.0.1', port: 0, signal: new AbortController().signal };
  const plane = await startControlPlane({
    ...options,
    ...{ assets: assets ?? '', directory, log: (line: string) => t.log(line) },
  });
  const log = createLogDouble();
  const deps = { clock: systemClock, random: systemRandom, log, signal };
  const cluster = openCluster({ kubeconfig: plane.daemonKubeconfig, ...deps });
  const written: Write[] = [];
  const desk = accessDesk({
    ...{ config: configSchema.parse({}), cluster, site: () => undefined, ...deps },
    commit: async (batch) => written.push(...batch),
    onCommit: () => undefined,
  });
  const socket = join(directory, 'brambled.sock');
  const server = must(await serveHttp({ listen: { socket }, routes: [accessRoute(desk)], log, signal }));
  // As where the server's certificate names the master.
  const named = join(directory, 'named.sock');
  const giveAccess: AccessDeps['giveAccess'] = async (request) => {
    const given = await desk.giveAccess(request);
    return given.ok ? ok({ ...given.value, server: 'https://master.local:6443', address: plane.server }) : given;
  };
  const other = must(
    await serveHttp({ listen: { socket: named }, routes: [accessRoute({ giveAccess })], log, signal }),
  );
  t.teardown(async () => {
    stopping.abort();
    await Promise.all([server.closed, other.closed, cluster.done]);
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const home = join(directory, 'home');
  const bramble = (args: readonly string[], env: Record<string, string> = {}) =>
    runBramble(['kubeconfig', ...args], { BRAMBLE_SOCKET: socket, HOME: home, ...env });
  return { plane, cluster, desk, written, home, directory, bramble, named, log, signal };
}

/** As kubectl would use it. */
function client(text: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

async function statusOf(text: string): Promise<number> {
  try {
    await client(text).makeApiClient(CoreV1Api).listNamespacedSecret({ namespace: 'kube-system' });
    return 200;
  } catch (error) {
    if (error instanceof ApiException) return error.code;
    throw error;
  }
}

if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: kubeconfigs for people at the real control plane. Run .ci/control-plane once.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  test('whoever has the socket gets a way into the cluster, as himself, and it is on record', async (t) => {
    const { plane, cluster, desk, written, home, directory, bramble, named, log, signal } = await begin(t);

    // To standard output.
    const shown = await bramble(['--user', 'Anna.B@example.org']);
    t.is(shown.code, 0, shown.err);
    const { status } = await client(shown.out).makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    t.is(status?.userInfo?.username, 'Anna.B@example.org');
    t.deepEqual(status?.userInfo?.groups, ['bramble:admins', 'system:authenticated']);
    t.is(await statusOf(shown.out), 200);
    t.is(client(shown.out).getCurrentCluster()?.server, plane.server);
    t.regex(shown.err, /Anna\.B@example\.org is an administrator of the cluster until 20\d\d-/);
    t.regex(shown.err, /does not name .*\.local.*tls-san/);
    const [notice] = written;
    if (notice?.write !== 'append-notice') return t.fail(JSON.stringify(notice));
    t.is(notice.name, 'access-given');
    const told = /^anna got a certificate for Anna\.B@example\.org, an administrator .* until (.*)$/.exec(
      notice.reason,
    );
    const spanMs = Date.parse(told?.[1] ?? '') - Date.now();
    t.true(spanMs > 0.99 * year && spanMs <= year, notice.reason);
    t.false(JSON.stringify([log.records, written]).includes('PRIVATE KEY'));

    // Into a file that people keep, behind a link.
    const [real, link] = [join(directory, 'dotfiles'), join(home, '.kube', 'config')];
    await mkdir(join(home, '.kube'), { recursive: true });
    const theirs = newKubeconfig({ server: 'https://work:6443', ca: 'CA', certificate: 'C', key: 'K' })
      .replaceAll('bramble', 'work')
      .replace('kind: Config', 'kind: Config # mine');
    await writeFile(real, theirs, { mode: 0o644 });
    await symlink(real, link);
    t.like(await bramble(['--merge', '--days', '1']), { code: 0, out: `${link}: context bramble\n` });
    const merged = await readFile(real, 'utf8');
    t.is((await stat(real)).mode & 0o777, 0o600);
    t.regex(merged, /kind: Config # mine/);
    t.like(parse(merged), { 'current-context': 'work', clusters: { 0: parse(theirs).clusters[0] } });
    const used = client(merged);
    used.setCurrentContext('bramble');
    const pods = await used.makeApiClient(CoreV1Api).listPodForAllNamespaces();
    t.deepEqual(pods.items, []);
    const [, later] = written;
    t.regex(later?.write === 'append-notice' ? later.reason : '', /^anna got a certificate for anna,/);

    // Again: the same entries, another certificate.
    t.is((await bramble(['--merge'])).code, 0);
    const again = parse(await readFile(real, 'utf8'));
    t.deepEqual(
      again.users.map(({ name }: { name: string }) => name),
      ['work', 'bramble'],
    );
    t.notDeepEqual(again.users, parse(merged).users);

    // A list of files, of which none is there; then a new file of its own.
    const [first, last] = [join(directory, 'x', 'first'), join(directory, 'x', 'last')];
    t.like(await bramble(['--merge'], { KUBECONFIG: `${first}::${last}` }), {
      code: 0,
      out: `${last}: context bramble\n`,
    });
    t.is(await statusOf(await readFile(last, 'utf8')), 200);
    await writeFile(first, '');
    t.like(await bramble(['--merge'], { KUBECONFIG: `${first}:${last}` }), { out: `${last}: context bramble\n` });
    const own = join(directory, 'own');
    t.is((await bramble(['-o', own])).code, 0);
    t.is((await stat(own)).mode & 0o777, 0o600);

    // By the master's name, which needs mDNS, or by its address.
    const [byName, byAddress] = [[], ['--address']].map((args) => bramble(args, { BRAMBLE_SOCKET: named }));
    t.is(client((await byName)?.out ?? '').getCurrentCluster()?.server, 'https://master.local:6443');
    t.is(await statusOf((await byAddress)?.out ?? ''), 200);

    // What is refused costs no certificate, and no file anything.
    const given = written.length;
    const before = await readFile(own, 'utf8');
    const broken = join(directory, 'broken');
    await writeFile(broken, 'clusters: [\ntoken: of-mine');
    for (const [args, env, code, err] of [
      [['-o', own], {}, 1, /own is there already/],
      [['--merge'], { KUBECONFIG: broken }, 1, /broken is no YAML \(line \d.*left as it is/],
      [['--merge', '-o', own], {}, 64, /leave -o out/],
      [['--user', 'system:masters'], {}, 64, /a-z A-Z/],
      [['--days', '0'], {}, 64, /1 to 3650/],
    ] as const) {
      const ended = await bramble(args, env);
      t.is(ended.code, code, ended.err);
      t.regex(ended.err, err);
    }
    t.deepEqual([await readFile(own, 'utf8'), await readFile(broken, 'utf8')], [before, 'clusters: [\ntoken: of-mine']);
    await writeFile(`${own}.lock`, '');
    t.regex((await bramble(['--merge'], { KUBECONFIG: own })).err, /another program is changing it.*own\.lock/);
    t.is(await readFile(own, 'utf8'), before);
    t.is(written.length, given + 1, 'only the last one, whose file was locked, got as far as that');

    // The daemon approves nobody but the user whom it writes down, in the one group.
    const ask = (request: string, more: Partial<AccessRequest> = {}) =>
      desk.giveAccess({ user: 'anna', days: 1, by: 'anna', request, ...more });
    for (const subject of [
      { user: 'anna', group: 'system:masters' },
      { user: 'system:admin', group: 'bramble:admins' },
      { user: 'bob', group: 'bramble:admins' },
    ])
      t.like(await ask(makeKeyAndRequest(subject).request), { ok: false, error: { code: 'BAD_REQUEST' } });
    t.like(await ask('none'), { ok: false, error: { code: 'BAD_REQUEST' } });
    // And if it did, the cluster has the last word on the one group that nobody can be put out of.
    const { request } = makeKeyAndRequest({ user: 'anna', group: 'system:masters' });
    const wish = { request, seconds: 86_400, message: '', patience: seconds(20) };
    const masters = await issueCertificate(cluster, wish, { clock: systemClock, signal });
    t.regex(masters.ok ? 'given' : masters.error.detail, /system:masters/);
    t.is(written.length, given + 1);

    // The same names from another authority: nobody.
    const [key, certificate] = [join(directory, 'stranger.key'), join(directory, 'stranger.crt')];
    const subject = ['-subj', '/O=bramble:admins/CN=anna', '-keyout', key, '-out', certificate];
    await openssl('req', '-x509', '-newkey', 'ed25519', '-noenc', ...subject);
    const pem = { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
    t.is(await statusOf(newKubeconfig({ server: plane.server, ca: plane.caPem, ...pem })), 401);

    // A daemon of before, whose account has fewer rights; and certificates without the binding.
    const admin = must(await readKubeconfig(plane.adminKubeconfig));
    const name = '/apis/rbac.authorization.k8s.io/v1/clusterroles/bramble';
    const rules = { body: { rules: [] }, type: 'application/merge-patch+json', signal };
    must(await callApi(admin, 'PATCH', name, rules));
    const denied = await bramble([]);
    t.like(denied, { code: 1, out: '' });
    t.regex(denied.err, /does not let the daemon do that .*sudo bramble cluster install/);
    const binding = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/bramble-admins';
    must(await callApi(admin, 'PATCH', binding, { ...rules, body: { subjects: [] } }));
    t.is(await statusOf(shown.out), 403);

    const names = must(await serverNames({ server: plane.server, caPem: plane.caPem }, signal));
    t.deepEqual(['localhost', '127.0.0.1', 'kubernetes.default', 'master.local', '127.0.0.2'].map(names), [
      true,
      true,
      true,
      false,
      false,
    ]);
    await plane.stop();
    const away = await bramble([]);
    t.like(away, { code: 1, out: '' });
    t.regex(away.err, /the cluster: .*ECONNREFUSED/);
  });
}
