/** A release of k3s from a web server on loopback that cuts, stalls and lies, and from files; into the daemon's data. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type FetchOptions, fetchRelease } from '../../cli/cluster/fetch.ts';
import { k3sFolder } from '../../config/k3s-release.ts';
import { must } from '../../config/result.ts';
import { parseIpv4 } from '../../config/values.ts';
import { k3sFiles } from '../../daemon/app/boards/k3s-files.ts';
import { clusterFileRoute } from '../../daemon/http/endpoints/cluster.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { runBramble } from '../support/command-line.ts';
import { finish, startProgram } from '../support/program.ts';
import { bytesOf, serveRelease, sumOf, version, writeRelease } from './cluster-release-fixture.ts';
import { silentLog } from './installer-boot-fake.ts';

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-fetch-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function begin(t: ExecutionContext) {
  const data = await temporary(t);
  const server = await serveRelease(t);
  const seen: string[] = [];
  const options: FetchOptions = {
    ...{ data, version, archs: ['arm64'], url: server.url, waits: [1, 1, 1], signal: new AbortController().signal },
    onProgress: () => {},
    onFile: (name, how) => seen.push(`${name} ${how}`),
  };
  return { data, server, seen, options, folder: k3sFolder(data, version) };
}

const codeOf = (end: { ok: true } | { ok: false; error: { code: string } }): string => (end.ok ? 'ok' : end.error.code);
const cliMain = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const program = 'k3s-arm64';
const images = 'k3s-airgap-images-arm64.tar.zst';

test('a release is fetched once; a second time it is only read', async (t) => {
  const { data, server, seen, options } = await begin(t);
  must(await fetchRelease({ ...options, archs: ['arm64', 'armhf', 'amd64'] }));
  t.is(server.asked.length, 9);
  const files = await k3sFiles(data).list();
  t.deepEqual(
    files.map(({ name, arch, kind, bytes }) => ({ name, arch, kind, bytes })),
    [
      { name: 'k3s-airgap-images-amd64.tar.zst', arch: 'amd64', kind: 'images', bytes: 500_000 },
      { name: 'k3s-airgap-images-arm64.tar.zst', arch: 'arm64', kind: 'images', bytes: 500_000 },
      { name: 'k3s-airgap-images-armhf.tar.zst', arch: 'armhf', kind: 'images', bytes: 500_000 },
      { name: 'k3s-amd64', arch: 'amd64', kind: 'binary', bytes: 300_000 },
      { name: 'k3s-arm64', arch: 'arm64', kind: 'binary', bytes: 300_000 },
      { name: 'k3s-armhf', arch: 'armhf', kind: 'binary', bytes: 300_000 },
    ],
  );
  t.is(files.find(({ name }) => name === 'k3s-armhf')?.sha256, sumOf(bytesOf('k3s-armhf')));
  t.is((await stat(k3sFolder(data, version))).mode & 0o777, 0o755, 'the daemon reads it, whoever fetched it');

  server.misbehave = () => ({ status: 500 });
  seen.splice(0);
  must(await fetchRelease(options));
  t.deepEqual(seen, [`${program} here`, `${images} here`], 'without a word from the server');
});

test('a connection that is cut again and again: it goes on where it broke off', async (t) => {
  const { data, server, options } = await begin(t);
  server.misbehave = (name) => (name === images ? { cutAfter: 150_000 } : undefined);
  must(await fetchRelease(options));
  const asked = server.asked.filter((line) => line.startsWith(images));
  t.true(asked.length >= 4, asked.join());
  t.deepEqual(asked.slice(0, 2), [images, `${images} bytes=150000-`]);
  t.is((await k3sFiles(data).list()).length, 2);
});

test('interrupted, then run again: what came is not fetched twice', async (t) => {
  const { data, server, options, folder } = await begin(t);
  const stopping = new AbortController();
  server.misbehave = (name) => (name === program ? { stopAfter: 100_000 } : undefined);
  const onProgress = (_: string, done: number): void => {
    if (done === 100_000) stopping.abort(new Error('ctrl-C'));
  };
  await t.throwsAsync(fetchRelease({ ...options, onProgress, signal: stopping.signal }), { message: 'ctrl-C' });
  t.deepEqual(await k3sFiles(data).list(), [], 'half a file is none');
  t.is((await stat(join(folder, 'k3s-arm64.part'))).size, 100_000);
  server.misbehave = () => undefined;
  must(await fetchRelease(options));
  t.true(server.asked.includes(`${program} bytes=100000-`), server.asked.join());
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.part')),
    [],
  );
});

test('a server that says nothing more is left and asked again', async (t) => {
  const { server, options } = await begin(t);
  let turns = 0;
  server.misbehave = (name) => (name === program && turns++ === 0 ? { stopAfter: 100_000 } : undefined);
  must(await fetchRelease({ ...options, stallMs: 2000 }));
  t.true(server.asked.includes(`${program} bytes=100000-`));
});

test('a server without ranges: from the beginning, and whole', async (t) => {
  const { data, server, options } = await begin(t);
  let turns = 0;
  server.misbehave = (name) => ({ noRanges: true, ...(name === program && turns++ === 0 && { cutAfter: 1000 }) });
  must(await fetchRelease(options));
  t.is((await k3sFiles(data).list()).length, 2);
});

test('an earlier run left other bytes: fetched anew, by itself', async (t) => {
  const { data, options, folder } = await begin(t);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'k3s-arm64.part'), 'of something else');
  await writeFile(join(folder, `${images}.part`), Buffer.alloc(600_000));
  must(await fetchRelease(options));
  t.is((await k3sFiles(data).list()).length, 2);
});

test('other bytes than the list says: not kept, and the next run asks for the list, too', async (t) => {
  const { data, server, options, folder } = await begin(t);
  const other = Buffer.from(bytesOf(program));
  other[1000] = (other[1000] ?? 0) ^ 1;
  server.misbehave = (name) => (name === program ? { bytes: other } : undefined);
  const end = await fetchRelease(options);
  t.is(codeOf(end), 'WRONG_SUM');
  t.regex(end.ok ? '' : end.error.detail, new RegExp(`${sumOf(other)}, and should have ${sumOf(bytesOf(program))}`));
  t.deepEqual(await k3sFiles(data).list(), []);
  t.deepEqual(await readdir(folder), []);
  server.misbehave = () => undefined;
  must(await fetchRelease(options));
});

test('the list and the file agree, and it is for another processor', async (t) => {
  const { server, options } = await begin(t);
  const foreign = bytesOf('k3s');
  const list = `${sumOf(foreign)}  ${program}\n${sumOf(bytesOf(images))}  ${images}\n`;
  server.misbehave = (name) => {
    if (name === 'sha256sum-arm64.txt') return { bytes: Buffer.from(list) };
    return name === program ? { bytes: foreign } : undefined;
  };
  const end = await fetchRelease(options);
  t.is(codeOf(end), 'NOT_K3S');
  t.regex(end.ok ? '' : end.error.detail, /is a program for another processor than arm64/);
});

for (const [what, { status, code, turns }] of Object.entries({
  'no such release': { status: 404, code: 'NOT_PUBLISHED', turns: 1 },
  forbidden: { status: 403, code: 'UNREACHABLE', turns: 1 },
  'a server that is broken': { status: 503, code: 'UNREACHABLE', turns: 3 },
})) {
  test(`${what}: HTTP ${status}`, async (t) => {
    const { server, options } = await begin(t);
    server.misbehave = () => ({ status });
    const end = await fetchRelease(options);
    t.is(codeOf(end), code);
    t.is(server.asked.length, turns, 'what passes is waited for, what does not is told');
    t.regex(end.ok ? '' : end.error.detail, /sha256sum-arm64\.txt.*HTTP/);
  });
}

test('nobody there, a page instead of sums, a file without end', async (t) => {
  const { server, options } = await begin(t);
  t.is(codeOf(await fetchRelease({ ...options, url: 'http://127.0.0.1:1/x', waits: [1] })), 'UNREACHABLE');
  server.misbehave = () => ({ bytes: Buffer.from('<html>log in</html>') });
  t.is(codeOf(await fetchRelease(options)), 'NO_SUMS');
  server.misbehave = () => ({ bytes: Buffer.alloc(300_000) });
  t.is(codeOf(await fetchRelease(options)), 'TOO_LARGE');
});

async function cli(t: ExecutionContext, data: string, ...args: readonly string[]) {
  const config = join(await temporary(t), 'bramble.yaml');
  await writeFile(config, `data: ${data}\n`);
  return await runBramble(['cluster', ...args], { BRAMBLE_CONFIG: config });
}

test('files from elsewhere: by name, by sum where one was renamed; others are left alone', async (t) => {
  const data = await temporary(t);
  const folder = join(await temporary(t), 'stick');
  await writeRelease(folder, ['sha256sum-arm64.txt', program, images]);
  await rename(join(folder, images), join(folder, 'images.bin'));
  await writeFile(join(folder, 'notes.txt'), 'mine');
  const { code, out, err } = await cli(t, data, 'fetch', '--from', folder);
  t.is(code, 0, err);
  t.regex(out, /k3s-arm64: imported\n/);
  t.regex(out, /k3s-airgap-images-arm64\.tar\.zst: imported\n/);
  t.regex(err, /notes\.txt: no file of a release/);
  t.is((await k3sFiles(data).list()).length, 2);
  const again = await cli(t, data, 'fetch', '--from', join(folder, program));
  t.regex(again.out, /k3s-arm64: is here already/);
});

test('files from elsewhere that are not what they say', async (t) => {
  const data = await temporary(t);
  const folder = await temporary(t);
  await writeRelease(folder, [program]);
  const without = await cli(t, data, 'fetch', '--from', folder);
  t.is(without.code, 1);
  t.regex(without.err, /put sha256sum-arm64\.txt of the same release beside it/);
  await writeRelease(folder, ['sha256sum-arm64.txt']);
  await writeFile(join(folder, program), 'cut');
  t.regex((await cli(t, data, 'fetch', '--from', folder)).err, /is damaged, or of another release/);
  // A list of somebody's own making: its sum is right, and the program is for another processor.
  await writeFile(join(folder, program), bytesOf('k3s'));
  await writeFile(join(folder, 'sha256sum-arm64.txt'), `${sumOf(bytesOf('k3s'))}  ${program}\n`);
  t.regex((await cli(t, data, 'fetch', '--from', folder)).err, /another processor than arm64/);
  t.deepEqual(await k3sFiles(data).list(), []);
  t.regex((await cli(t, data, 'fetch', '--from', join(folder, 'nowhere'))).err, /there is no such file or folder/);
});

test('what the command line says and refuses', async (t) => {
  const data = await temporary(t);
  const server = await serveRelease(t);
  const got = await cli(t, data, 'fetch', '--url', server.url, '--arch', 'armhf');
  t.is(got.code, 0, got.err);
  t.is(got.out, `k3s-armhf: fetched\nk3s-airgap-images-arm.tar.zst: fetched\nk3s ${version} is in ${data}/k3s\n`);
  t.regex(got.err, /^fetch k3s-armhf.*100%/m);
  t.is((await cli(t, data, 'fetch', '--arch', 'arm64,sparc')).code, 64);
  t.is((await cli(t, data, 'fetch', '--version', '../x')).code, 64);
  t.is((await cli(t, data, 'fetch', '--url', 'file:///etc')).code, 64);
});

const asRoot = process.getuid?.() === 0;
(asRoot ? test : test.skip)('a full disk (needs root): said in plain words, and what came is kept', async (t) => {
  const data = await temporary(t);
  const server = await serveRelease(t);
  const config = join(await temporary(t), 'bramble.yaml');
  await writeFile(config, `data: ${data}\n`);
  const inside = `mount -t tmpfs -o size=700k small "$1"
    "$2" "$3" cluster fetch --arch arm64 --config "$4" --url "$5" || echo "code $?"
    stat -c '%n %s' "$1"/k3s/*/*.part`;
  const words = [data, process.execPath, cliMain, config, server.url];
  const { stdout, stderr } = await finish(startProgram(['unshare', '--mount', 'sh', '-c', inside, 'sh', ...words]));
  t.regex(stderr, /the disk is full: make room and run it again/);
  t.regex(stdout, /^k3s-arm64: fetched\ncode 1\n.*k3s-airgap-images-arm64\.tar\.zst\.part [1-9]\d+\n$/);
});

test('what was fetched is served by its sum, from any byte on', async (t) => {
  const { data, options } = await begin(t);
  must(await fetchRelease(options));
  const stopped = new AbortController();
  const routes = [clusterFileRoute({ openClusterFile: k3sFiles(data).open })];
  const listen = { address: must(parseIpv4('127.0.0.1')), port: 0 };
  const server = must(await serveHttp({ listen, routes, log: silentLog, signal: stopped.signal }));
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  const url = `http://127.0.0.1:${server.port}/v1/cluster/files/${sumOf(bytesOf(program))}`;
  t.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), Buffer.from(bytesOf(program)));
  const rest = await fetch(`${url}?offset=299000`);
  t.deepEqual(Buffer.from(await rest.arrayBuffer()), Buffer.from(bytesOf(program).subarray(299_000)));
  t.is((await fetch(url, { method: 'HEAD' })).headers.get('content-length'), '300000');
  t.is((await fetch(`${url}?offset=300001`)).status, 400);
  t.is((await fetch(`${url.slice(0, -1)}x`)).status, 404);
  const unfinished = join(k3sFolder(data, version), 'k3s-arm64');
  await writeFile(unfinished, (await readFile(unfinished)).subarray(1));
  t.is((await fetch(url)).status, 404, 'what is not whole is not there');
});
