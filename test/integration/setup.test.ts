/** `bramble setup` on a machine of its own network, with the real dhcpcd; and where its image comes from. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { fetchImage, imageSource } from '../../cli/setup/image-source.ts';
import { must } from '../../config/result.ts';
import { makeLabBase } from '../support/images.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import { sumOf } from './cluster-release-fixture.ts';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-setup-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A master with dhcpcd, that finds no release of k3s: what it did is to be undone. */
const masterScript = `
trap 'dhcpcd -x >/dev/null 2>&1 || true; kill $server' EXIT
"$NODE" -e "require('node:http').createServer((_, answer) => { answer.statusCode = 404; answer.end(); })
  .listen(8099, '127.0.0.1', () => console.log('listens'))" >/run/server & server=$!
printf 'hostname\\n# without udev\\nnodev\\noption domain_name_servers' >/etc/dhcpcd.conf
cp /etc/dhcpcd.conf /run/before
mkdir -p /run/data
setup() { "$NODE" "$CLI" --socket /run/none setup --config /run/bramble.yaml --image "$IMAGE" --releases http://127.0.0.1:8099 "$@" 2>&1; }
printf '# my rack\\ndata: /run/data\\ncluster: {kubeconfig: /run/none}\\n' >/run/bramble.yaml
dhcpcd -b -c /bin/true >/run/dhcpcd.log 2>&1
echo "== dry run"; setup --dry-run; echo "code $?"
echo "== unasked"; setup </dev/null && true; echo "code $?"
cmp /etc/dhcpcd.conf /run/before && echo untouched
echo "== run"; setup --yes && true; echo "code $?"
cmp /etc/dhcpcd.conf /run/before && echo 'conf as before'
cat /run/bramble.yaml
ls /run/data/bases
echo "== address"; ip -4 -o address show dev eth0
`;

test('what it would do, that it does not without being told to, and that a failure takes back what was done', async (t) => {
  t.timeout(300_000);
  const folder = await temporary(t);
  const image = join(folder, 'lab.img');
  await makeLabBase({ file: image, format: 'cloud-init' });
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const master = await lan.addHost({ name: 'master' });
  const command = ['env', `NODE=${process.execPath}`, `CLI=${cli}`, `IMAGE=${image}`, 'bash', '-c', masterScript];
  const { stdout } = await master.inside.exec(command, { deadlineMs: 240_000 });
  t.log(stdout);
  const [, dry = '', unasked = '', run = '', address = ''] = stdout.split(/^== .*\n/m);
  t.regex(dry, /^- settings {2}\/run\/bramble\.yaml: boards on eth0, behind-master$/m);
  t.regex(dry, /^- address {3}10\.55\.0\.1\/24 on eth0, for good: \/etc\/dhcpcd\.conf$/m);
  t.regex(dry, /^- image {5}import \S+lab\.img$/m);
  t.regex(dry, /^code 0$/m);
  t.regex(unasked, /--yes takes these without asking\ncode 64\nuntouched$/m);
  t.regex(run, /^✔ settings /m);
  t.regex(run, /^✔ address {3}10\.55\.0\.1\/24 on eth0, for good: \/etc\/dhcpcd\.conf$/m);
  t.regex(run, /^✔ image {5}lab$/m);
  t.regex(run, /^✘ k3s .*taken back$/m);
  t.regex(run, /is v\S+ a release of k3s\?\ncode 1\nconf as before\n# my rack\ndata: \/run\/data\ncluster: /);
  t.notRegex(run, /Ready\. Plug in a Pi/);
  t.notRegex(run, /interface: eth0/, 'bramble.yaml is as before');
  t.notRegex(address, /10\.55\.0\.1/, 'nor has the interface that address');
});

async function imageServer(t: ExecutionContext, image: Uint8Array) {
  const asked: string[] = [];
  const server = createServer(({ url, method, headers }, answer) => {
    asked.push(`${method} ${url} ${headers.range ?? ''}`.trim());
    if (url === '/latest') return answer.writeHead(302, { location: '/2026-01-01/pi.img.xz' }).end();
    if (url === '/2026-01-01/pi.img.xz.sha256') return answer.end(`${sumOf(image)}  pi.img.xz\n`);
    if (url !== '/2026-01-01/pi.img.xz') return answer.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${from}-${image.length - 1}/${image.length}` };
    answer.writeHead(from > 0 ? 206 : 200, { 'content-length': image.length - from, ...(from > 0 && range) });
    if (method === 'HEAD') return answer.end();
    return answer.end(image.subarray(from));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('an image is fetched under the name that it has, goes on where an earlier run broke off, and brings its sum', async (t) => {
  const image = new Uint8Array(50_000).map((_, index) => index * 7);
  const { asked, url } = await imageServer(t, image);
  const folder = await temporary(t);
  // As an earlier run left it.
  await writeFile(join(folder, 'pi.img.xz.part'), image.subarray(0, 20_000));
  const options = {
    folder,
    sha256: undefined,
    onProgress: () => {},
    signal: new AbortController().signal,
  };
  const got = must(await fetchImage({ ...options, url: `${url}/latest` }));
  t.deepEqual(got, { path: join(folder, 'pi.img.xz'), sha256: sumOf(image) });
  t.deepEqual(new Uint8Array(await readFile(got.path)), image);
  t.true(asked.includes('GET /2026-01-01/pi.img.xz bytes=20000-'), asked.join('\n'));
  const none = await fetchImage({ ...options, url: `${url}/elsewhere` });
  t.regex(none.ok ? '' : none.error.detail, /HTTP 404\. Without internet: --image FILE$/);
});

test('what lies about is taken before anything is fetched; a backup of a card is not', async (t) => {
  const folder = await temporary(t);
  t.like(await imageSource(undefined, [folder, '/nonexistent']), { is: 'url' });
  await writeFile(join(folder, 'my-card.img.xz'), '');
  t.like(await imageSource(undefined, [folder]), { is: 'url' });
  for (const day of ['2025-10-01', '2025-12-04'])
    await writeFile(join(folder, `${day}-raspios-trixie-arm64-lite.img.xz`), '');
  const newest = join(folder, '2025-12-04-raspios-trixie-arm64-lite.img.xz');
  t.deepEqual(await imageSource(undefined, [folder]), { is: 'file', path: newest });
  t.deepEqual(await imageSource('/x.img', [folder]), { is: 'file', path: '/x.img' });
});
