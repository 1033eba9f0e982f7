/** The cluster's API from the master's network, by curl: as its administrator, or as whoever holds a token. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiServer } from '../../lab/control-plane/api-server.ts';
import type { Host } from '../../support/netns.ts';

export type Reply = { readonly status: number; readonly body: unknown };
export type Asked = { readonly body?: unknown; readonly patch?: boolean; readonly as?: string; readonly from?: Host };

/** One that somebody minted; it may be gone by now. */
export type Token = {
  readonly secretName: string;
  readonly device: string;
  readonly id: string;
  readonly secret: string;
};

export type Api = {
  /** `as`: with this bearer token; `from`: another host's network. */
  readonly call: (method: string, path: string, how?: Asked) => Promise<Reply>;
  /** Every token that there ever was since the start, seen through a watch. */
  readonly tokens: () => readonly Token[];
  /** Names of the bootstrap tokens that there are now. */
  readonly tokensNow: () => Promise<readonly string[]>;
  readonly nodes: () => Promise<readonly ClusterNode[]>;
  /** The sum of `apiserver_request_total`. */
  readonly requests: () => Promise<number>;
};

export type ClusterNode = {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  /** Kubernetes 1.3 has none. */
  readonly spec?: { readonly taints?: ReadonlyArray<{ readonly key: string }> };
};

const secrets = '/api/v1/namespaces/kube-system/secrets';
const onlyTokens = `fieldSelector=${encodeURIComponent('type=bootstrap.kubernetes.io/token')}`;

export async function openApi(
  master: Host,
  folder: string,
  server: Pick<ApiServer, 'server' | 'caPem' | 'adminToken'>,
): Promise<Api> {
  const ca = join(folder, 'api-ca.pem');
  await writeFile(ca, server.caPem);
  let files = 0;
  // Nothing secret in arguments: a test looks at those.
  const put = async (text: string): Promise<string> => {
    files += 1;
    const path = join(folder, `api-${files}`);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const admin = await put(`Authorization: Bearer ${server.adminToken}\n`);
  const headersOf = async (bearer: string | undefined): Promise<string> =>
    bearer === undefined ? admin : await put(`Authorization: Bearer ${bearer}\n`);

  const text = async (
    method: string,
    path: string,
    { body, patch, as, from = master }: Asked,
  ): Promise<[number, string]> => {
    const type = `Content-Type: application/${patch === true ? 'merge-patch+json' : 'json'}`;
    const args = ['-sS', '--max-time', '20', '--cacert', ca, '-X', method, '-H', `@${await headersOf(as)}`, '-H', type];
    if (body !== undefined) args.push('--data-binary', `@${await put(JSON.stringify(body))}`);
    const { code, stdout, stderr } = await from.exec([
      'curl',
      ...args,
      '-w',
      '\n%{http_code}',
      `${server.server}${path}`,
    ]);
    if (code !== 0) throw new Error(`${method} ${path}: ${stderr}`);
    const end = stdout.lastIndexOf('\n');
    return [Number(stdout.slice(end + 1)), stdout.slice(0, end)];
  };
  const call: Api['call'] = async (method, path, how = {}) => {
    const [status, body] = await text(method, path, how);
    return { status, body: JSON.parse(body) };
  };
  const items = async (path: string): Promise<readonly ClusterNode[]> => {
    const { body } = await call('GET', path);
    return (body as { readonly items: readonly ClusterNode[] }).items;
  };

  const watched = `${server.server}${secrets}?watch=true&${onlyTokens}`;
  const watch = master.spawn(['curl', '-sSN', '--cacert', ca, '-H', `@${admin}`, watched]);
  const tokens = (): readonly Token[] => {
    const found = new Map<string, Token>();
    const lines = watch.stdout().split('\n');
    for (const line of lines.slice(0, -1)) {
      const { object } = JSON.parse(line) as { object: Minted };
      const { name, labels } = object.metadata;
      const [id = '', secret = ''] = ['token-id', 'token-secret'].map((key) => decode(object.data?.[key]));
      found.set(name, { secretName: name, device: labels?.['bramble.dev/device'] ?? '', id, secret });
    }
    return [...found.values()];
  };
  return {
    call,
    tokens,
    tokensNow: async () => (await items(`${secrets}?${onlyTokens}`)).map(({ metadata }) => metadata.name),
    nodes: () => items('/api/v1/nodes'),
    requests: async () => {
      const [, metrics] = await text('GET', '/metrics', {});
      return metrics
        .split('\n')
        .filter((line) => line.startsWith('apiserver_request_total{'))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
  };
}

type Minted = {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
};
const decode = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();
