/** The daemon's own route for files; what it answers can be cut, damaged or held up on purpose. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { K3sFile, K3sFiles } from '../../daemon/join/k3s-files.ts';

/** `cut`: the connection ends after so many bytes. `hold`: it stays open after them. `damage`: all of it, one bit wrong. */
export type Mischief = { readonly cut: number } | { readonly hold: number } | 'damage' | 'refuse';

export type FileServer = {
  readonly baseUrl: string;
  readonly files: K3sFiles;
  readonly list: readonly K3sFile[];
  /** What was asked for, in order: `<first digits of the sum>@<offset>`. */
  readonly asked: string[];
  /** For the next requests, one each. */
  readonly next: Mischief[];
  /** Settles once a request was held up. */
  readonly held: Promise<void>;
};

export async function startFileServer(
  t: Pick<ExecutionContext, 'teardown'>,
  arch: K3sFile['arch'],
  contents: readonly { readonly kind: K3sFile['kind']; readonly bytes: Buffer }[],
  host = '127.0.0.1',
): Promise<FileServer> {
  const named = contents.map(({ kind, bytes }) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const name = kind === 'binary' ? `k3s-${arch}` : `k3s-airgap-images-${arch}.tar.zst`;
    return { file: { version: 'v1.34.2+k3s1', name, arch, kind, bytes: bytes.length, sha256 }, bytes };
  });
  const [asked, next]: [string[], Mischief[]] = [[], []];
  const holding = new EventTarget();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://board');
    const found = named.find(({ file }) => pathname === `/v1/cluster/files/${file.sha256}`);
    const offset = Number(searchParams.get('offset') ?? '0');
    if (found === undefined) return void response.writeHead(404).end();
    asked.push(`${found.file.sha256.slice(0, 6)}@${offset}`);
    const bytes = Buffer.from(found.bytes.subarray(offset));
    const mischief = next.shift();
    if (mischief === 'refuse') return void response.writeHead(503).end();
    response.writeHead(200, { 'content-length': bytes.length });
    if (mischief === undefined) return void response.end(bytes);
    if (mischief === 'damage') return void response.end(bytes.fill((bytes[0] ?? 0) ^ 1, 0, 1));
    if ('cut' in mischief) return void response.write(bytes.subarray(0, mischief.cut), () => response.destroy());
    response.write(bytes.subarray(0, mischief.hold), () => holding.dispatchEvent(new Event('held')));
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port }: Pick<AddressInfo, 'port'> = Object(server.address());
  const list = named.map(({ file }) => file);
  const open: K3sFiles['open'] = async (sha256) => {
    const bytes = named.find(({ file }) => file.sha256 === sha256)?.bytes;
    if (bytes === undefined) return undefined;
    const read = async (into: Uint8Array, offset: number): Promise<number> => bytes.copy(into, 0, offset);
    return { size: bytes.length, read, close: async () => undefined };
  };
  return {
    ...{ baseUrl: `http://${host}:${port}`, files: { list: async () => list, open }, list, asked, next },
    held: once(holding, 'held').then(() => undefined),
  };
}
