/** Kubeconfigs: written by the lab, read by whoever it hands them to. Written as JSON, which is YAML as well. */

type Credentials = {
  readonly token?: string;
  /** Files. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
};

type KubeconfigUser = { readonly name: string; readonly credentials: Credentials };

/** Without a user it is what `kube-public/cluster-info` holds: the server and its CA, nothing else. */
export function renderKubeconfig(server: string, caPem: string, user?: KubeconfigUser): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') };
  const { token, clientCertificate, clientKey } = user?.credentials ?? {};
  const auth = { token, 'client-certificate': clientCertificate, 'client-key': clientKey };
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: user === undefined ? '' : 'kubernetes', cluster }],
      contexts: user === undefined ? [] : [{ name: 'lab', context: { cluster: 'kubernetes', user: user.name } }],
      users: user === undefined ? [] : [{ name: user.name, user: auth }],
      'current-context': user === undefined ? '' : 'lab',
    },
    null,
    2,
  )}\n`;
}

type Rendered = {
  readonly clusters: ReadonlyArray<{
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }>;
  readonly users: ReadonlyArray<{
    readonly user: { readonly token?: string; readonly 'client-certificate'?: string; readonly 'client-key'?: string };
  }>;
};

/** Reads what `renderKubeconfig` wrote; a foreign kubeconfig needs a YAML parser in front (`parse`). */
export function readKubeconfig(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): { readonly server: string; readonly caPem: string; readonly credentials: Credentials } {
  const { clusters, users } = parse(text) as Rendered;
  const cluster = clusters[0]?.cluster;
  if (cluster === undefined) throw new Error('the kubeconfig names no cluster');
  const user = users[0]?.user;
  return {
    server: cluster.server,
    caPem: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(),
    credentials: {
      ...(user?.token !== undefined && { token: user.token }),
      ...(user?.['client-certificate'] !== undefined && { clientCertificate: user['client-certificate'] }),
      ...(user?.['client-key'] !== undefined && { clientKey: user['client-key'] }),
    },
  };
}
