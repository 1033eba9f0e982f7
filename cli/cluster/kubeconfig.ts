/** Kubeconfig files: an administrator's is read, the daemon's is written. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** A way into a cluster: PEM, and a token or a certificate. */
export type ClusterAccess = {
  readonly server: string;
  readonly ca: string;
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
};

const text = z.string().min(1).optional();
const schema = z.object({
  'current-context': z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.string(),
        'certificate-authority': text,
        'certificate-authority-data': text,
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        ...{ token: text, tokenFile: text },
        ...{ 'client-certificate': text, 'client-certificate-data': text },
        ...{ 'client-key': text, 'client-key-data': text },
      }),
    }),
  ),
});

/** Of the current context. What is wrong is told without the file's content: that holds a key. */
export async function readKubeconfig(file: string): Promise<Result<ClusterAccess, Problem<'KUBECONFIG'>>> {
  const unfit = (why: string) => problem('KUBECONFIG', `${file}: ${why}`);
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (content instanceof Error) {
    const why = { ENOENT: 'there is no such file', EACCES: 'no permission to read it: run it with sudo' }[
      content.code ?? ''
    ];
    return unfit(why ?? content.message);
  }
  const read = schema.safeParse(parsed(content));
  if (!read.success) return unfit('is no kubeconfig');
  const { contexts, clusters, users, 'current-context': current } = read.data;
  const context = contexts.find(({ name }) => name === current)?.context;
  const cluster = clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = users.find(({ name }) => name === context?.user)?.user;
  if (cluster === undefined || user === undefined) return unfit('its current context has no cluster or no user');
  if (!URL.canParse(cluster.server) || !cluster.server.startsWith('https:'))
    return unfit('its server is not https://…');
  /** In the file itself, or in another one that it names. */
  const either = async (data: string | undefined, path: string | undefined): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return path === undefined ? undefined : await readFile(resolve(dirname(file), path), 'utf8');
  };
  try {
    const ca = await either(cluster['certificate-authority-data'], cluster['certificate-authority']);
    const cert = await either(user['client-certificate-data'], user['client-certificate']);
    const key = await either(user['client-key-data'], user['client-key']);
    const token = user.token ?? (await either(undefined, user.tokenFile))?.trim();
    if (ca === undefined) return unfit('has no certificate authority, and without it nobody knows who answers');
    if (token === undefined && (cert === undefined || key === undefined))
      return unfit('its user has neither a token nor a certificate with its key (plugins are not run)');
    const server = cluster.server.replace(/\/+$/, '');
    const own = cert === undefined || key === undefined ? {} : { cert, key };
    return ok({ server, ca, ...own, ...(token !== undefined && { token }) });
  } catch (error) {
    return unfit(error instanceof Error ? error.message : String(error));
  }
}

function parsed(content: string): unknown {
  try {
    return parse(content);
  } catch {
    return undefined;
  }
}

export function renderKubeconfig(user: string, { server, ca, token }: ClusterAccess): string {
  const name = 'kubernetes';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: user, context: { cluster: name, user } }],
    'current-context': user,
  });
}
