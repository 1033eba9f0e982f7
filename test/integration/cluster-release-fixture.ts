/** A release of k3s as it is published, with small files, and a web server that misbehaves as it is told. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { fillerBytes } from '../support/images.ts';

export const version = 'v1.34.2+k3s1';
export const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** ELF headers: class, data, version at 4; type and machine at 16. */
function program(name: string, bits: number, machine: number): Uint8Array {
  const bytes = fillerBytes(name, 300_000);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits, 1, 1]);
  bytes.set([2, 0, machine, 0], 16);
  return bytes;
}
function archive(name: string): Uint8Array {
  const bytes = fillerBytes(name, 500_000);
  bytes.set([0x28, 0xb5, 0x2f, 0xfd]);
  return bytes;
}

const files: Readonly<Record<string, Uint8Array>> = {
  k3s: program('amd64', 2, 62),
  'k3s-arm64': program('arm64', 2, 183),
  'k3s-armhf': program('armhf', 1, 40),
  'k3s-airgap-images-amd64.tar.zst': archive('amd64'),
  'k3s-airgap-images-arm64.tar.zst': archive('arm64'),
  'k3s-airgap-images-arm.tar.zst': archive('arm'),
};
const lists = {
  'sha256sum-amd64.txt': ['k3s', 'k3s-airgap-images-amd64.tar.zst'],
  'sha256sum-arm64.txt': ['k3s-arm64', 'k3s-airgap-images-arm64.tar.zst'],
  'sha256sum-arm.txt': ['k3s-armhf', 'k3s-airgap-images-arm.tar.zst'],
};

/** By published name: both files of each architecture, and the lists of sums. */
export const release: ReadonlyMap<string, Uint8Array> = new Map([
  ...Object.entries(files),
  ...Object.entries(lists).map(([list, names]) => {
    const lines = names.map((name) => `${sumOf(files[name] ?? new Uint8Array())}  ${name}\n`);
    return [list, Buffer.from(`${lines.join('')}${'0'.repeat(64)}  k3s-airgap-images.txt\n`)] as const;
  }),
]);
export const bytesOf = (name: string): Uint8Array => release.get(name) ?? new Uint8Array();

export async function writeRelease(folder: string, names: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of names) await writeFile(join(folder, name), bytesOf(name));
}

/** Undefined: as it should be. */
export type Misbehave = (name: string, range: string | undefined) => undefined | Misbehaviour;
export type Misbehaviour = {
  /** Cuts the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Stops sending after so many, and leaves the connection open. */
  readonly stopAfter?: number;
  readonly status?: number;
  readonly noRanges?: true;
  readonly bytes?: Uint8Array;
};

export type ReleaseServer = {
  readonly url: string;
  /** `NAME RANGE`, as they came. */
  readonly asked: string[];
  misbehave: Misbehave;
};

export async function serveRelease(t: ExecutionContext): Promise<ReleaseServer> {
  const served: ReleaseServer = { url: '', asked: [], misbehave: () => undefined };
  const server = createServer((request, response) => answer(served, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return Object.assign(served, {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/download`,
  });
}

function answer({ asked, misbehave }: ReleaseServer, request: IncomingMessage, response: ServerResponse): void {
  const [, folder, release_, name = ''] = (request.url ?? '').split('/').map(decodeURIComponent);
  const { range } = request.headers;
  asked.push(`${name} ${range ?? ''}`.trim());
  const bad = misbehave(name, range) ?? {};
  const bytes = bad.bytes ?? release.get(name);
  if (bad.status !== undefined || bytes === undefined || folder !== 'download' || release_ !== version) {
    response.writeHead(bad.status ?? 404).end('no');
    return;
  }
  const from = bad.noRanges === true ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const headers = { 'content-length': bytes.length - from };
  const isPart = range !== undefined && bad.noRanges !== true;
  const part = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(isPart ? 206 : 200, { ...headers, ...(isPart && part) });
  const end = bad.cutAfter ?? bad.stopAfter;
  if (end === undefined) response.end(bytes.subarray(from));
  else response.write(bytes.subarray(from, from + end), () => bad.cutAfter !== undefined && response.destroy());
}
