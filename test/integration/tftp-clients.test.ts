/** Foreign clients fetch files over loopback, and every byte is compared. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { patternBytes, startServer } from './tftp-fixture.ts';

type Run = { readonly code: number | null; readonly output: string };
type Client = (port: number, file: string, target: string, folder: string) => Promise<Run>;

async function run(program: string, args: readonly string[], input = ''): Promise<Run> {
  const child = spawn(program, args, { timeout: 60_000 });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, output };
}

const atftp =
  (...options: readonly string[]): Client =>
  (port, file, target) =>
    run('atftp', [
      ...options.flatMap((option) => ['--option', option]),
      '-g',
      '-r',
      file,
      '-l',
      target,
      '127.0.0.1',
      `${port}`,
    ]);
const curl =
  (...options: readonly string[]): Client =>
  (port, file, target) =>
    run('curl', ['-sS', '--max-time', '60', ...options, '-o', target, `tftp://127.0.0.1:${port}/${file}`]);

const tftpHpa: Client = (port, file, target) =>
  run('tftp', ['-m', 'binary', '127.0.0.1', `${port}`, '-c', 'get', file, target]);
const busybox =
  (...options: readonly string[]): Client =>
  (port, file, target) =>
    run('busybox', ['tftp', ...options, '-g', '-l', target, '-r', file, '127.0.0.1', `${port}`]);

/** The package from npm is a client of ours too (`bramble doctor`); in a process of its own, as it is used. */
const tftpPackage =
  (options: { readonly blockSize?: number; readonly windowSize?: number } = {}): Client =>
  (port, file, target) => {
    const entry = createRequire(import.meta.url).resolve('tftp');
    const settings = JSON.stringify({ host: '127.0.0.1', port, ...options });
    const script = `require(process.argv[1]).createClient(${settings})
    .get(process.argv[2], process.argv[3], (error) => { if (error) { console.error(error.message); process.exit(1); } })`;
    return run(process.execPath, ['--no-deprecation', '-e', script, entry, file, target]);
  };

const clients: Readonly<Record<string, Client>> = {
  'tftp-hpa': tftpHpa,
  atftp: atftp(),
  'atftp blksize 1468': atftp('blksize 1468', 'tsize 0'),
  'atftp windowsize 4': atftp('blksize 1024', 'windowsize 4'),
  'atftp windowsize 16': atftp('blksize 1468', 'windowsize 16'),
  curl: curl(),
  'curl blksize 1468': curl('--tftp-blksize', '1468'),
  'curl blksize 65464': curl('--tftp-blksize', '65464'),
  'curl without options': curl('--tftp-no-options'),
  'busybox tftp': busybox(),
  'busybox tftp blksize 1468': busybox('-b', '1468'),
  'tftp package (windowsize 4)': tftpPackage(),
};

const files: Readonly<Record<string, Uint8Array>> = {
  'one-byte': patternBytes(1),
  'under-a-block': patternBytes(511),
  'exactly-a-block': patternBytes(512),
  'exactly-1468': patternBytes(1468 * 4),
  '89eb9bb9/start.elf': patternBytes(2_965_216),
};

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bramble-tftp-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

for (const [name, client] of Object.entries(clients)) {
  test(`${name} gets every file as it is`, async (t) => {
    const { server, served } = await startServer(t, { files });
    const path = await folder(t);
    for (const [file, bytes] of Object.entries(files)) {
      const target = join(path, 'got');
      const { code, output } = await client(server.local.port, file, target, path);
      t.is(code, 0, `${file}: ${output}`);
      t.true((await readFile(target)).equals(bytes), `${file} differs`);
    }
    t.deepEqual(served.map(({ file }) => file).slice(0, 5), Object.keys(files));
    t.true(
      served.every(({ ended }) => ended === 'complete'),
      JSON.stringify(served),
    );
  });

  test(`${name} is told about a missing file`, async (t) => {
    const { server, served } = await startServer(t, { files });
    const path = await folder(t);
    const { output } = await client(server.local.port, 'bootsig.bin', join(path, 'got'), path);
    // curl 7.88 has a number only (68 is "not found"): its text is about getpeername().
    t.regex(output, /not found|curl: \(68\)/i);
    t.deepEqual(served, []);
  });
}

// Quirk: curl with options calls a tsize of 0 in the OACK illegal.
test('a file without a byte ends at once', async (t) => {
  const { server, served } = await startServer(t, { files: { empty: new Uint8Array() } });
  const path = await folder(t);
  const target = join(path, 'got');
  const { code, output } = await curl('--tftp-no-options')(server.local.port, 'empty', target, path);
  t.is(code, 0, output);
  const other = await atftp('blksize 1468', 'tsize 0')(server.local.port, 'empty', target, path);
  t.is(other.code, 0, other.output);
  t.is((await readFile(target)).length, 0);
  t.deepEqual(
    served.map(({ bytes, ended }) => ({ bytes, ended })),
    [
      { bytes: 0, ended: 'complete' },
      { bytes: 0, ended: 'complete' },
    ],
  );
});

/** The smallest blocks that each can be made to ask for: 65,536 of them are enough to roll over. */
const rollingOver: Readonly<Record<string, readonly [blksize: number, client: Client]>> = {
  'tftp-hpa': [512, tftpHpa],
  'atftp in lock-step': [8, atftp('blksize 8')],
  'atftp windowsize 16': [64, atftp('blksize 64', 'windowsize 16')],
  curl: [8, curl('--tftp-blksize', '8')],
  // Its buffer for the request is as large as a block.
  'busybox tftp': [64, busybox('-b', '64')],
  'tftp package': [8, tftpPackage({ blockSize: 8, windowSize: 1 })],
  'tftp package windowsize 4': [8, tftpPackage({ blockSize: 8 })],
};

// One after the other: each takes seconds of one processor.
for (const [name, [blksize, client]] of Object.entries(rollingOver)) {
  test.serial(`${name}: block numbers roll over, 66,000 blocks`, async (t) => {
    const bytes = patternBytes(66_000 * blksize + 5);
    const { server, served } = await startServer(t, { files: { big: bytes } });
    const path = await folder(t);
    const target = join(path, 'got');
    const { code, output } = await client(server.local.port, 'big', target, path);
    t.is(code, 0, output);
    t.true((await readFile(target)).equals(bytes));
    t.deepEqual(
      served.map(({ bytes: acknowledged }) => acknowledged),
      [bytes.length],
    );
  });
}

test('a write is refused', async (t) => {
  const { server } = await startServer(t, { files });
  const path = await folder(t);
  await writeFile(join(path, 'mine'), 'x');
  const args = ['-m', 'binary', '127.0.0.1', `${server.local.port}`, '-c', 'put', join(path, 'mine'), 'start.elf'];
  const { output } = await run('tftp', args);
  t.regex(output, /read-only/);
});

test('netascii is refused clearly', async (t) => {
  const { server } = await startServer(t, { files });
  const target = join(await folder(t), 'got');
  const args = ['-m', 'ascii', '127.0.0.1', `${server.local.port}`, '-c', 'get', 'one-byte', target];
  const { output } = await run('tftp', args);
  t.regex(output, /netascii is not served/);
});
