/**
 * A kubeconfig of the plain kind, as `bramble cluster install`, k3s and kubeadm write it: the server, its certificate authority,
 * and a token or a client certificate, all in the file itself. Everything else is client-node's. Pure.
 */
import { parse } from 'yaml';
import { field, list } from './watch-event.ts';

export type PlainKubeconfig = {
  readonly server: string;
  readonly caPem: string;
  readonly login: { readonly token: string } | { readonly cert: string; readonly key: string };
};

/** Undefined if anything in it is not of this kind, or wrong: then it is for client-node to read, and to complain. */
export function readPlainKubeconfig(text: string): PlainKubeconfig | undefined {
  const file: unknown = parseOrNothing(text);
  const context = named(file, 'contexts', 'context', field(file, 'current-context'));
  const cluster = named(file, 'clusters', 'cluster', field(context, 'cluster'));
  const user = named(file, 'users', 'user', field(context, 'user'));
  if (!hasOnly(cluster, ['server', 'certificate-authority-data'])) return undefined;
  const server = field(cluster, 'server');
  const caPem = pem(field(cluster, 'certificate-authority-data'));
  if (typeof server !== 'string' || !URL.canParse(server) || !server.startsWith('https:') || caPem === undefined)
    return undefined;
  const token = field(user, 'token');
  if (hasOnly(user, ['token']) && typeof token === 'string' && /^[\x21-\x7e]+$/.test(token))
    return { server, caPem, login: { token } };
  const cert = pem(field(user, 'client-certificate-data'));
  const key = pem(field(user, 'client-key-data'));
  const isCertificate = hasOnly(user, ['client-certificate-data', 'client-key-data']);
  return isCertificate && cert !== undefined && key !== undefined ? { server, caPem, login: { cert, key } } : undefined;
}

function parseOrNothing(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The one entry of this name; two are nobody's. */
function named(file: unknown, listed: string, what: string, name: unknown): unknown {
  if (typeof name !== 'string') return undefined;
  const [entry, ...others] = list(field(file, listed)).filter((one) => field(one, 'name') === name);
  return others.length === 0 ? field(entry, what) : undefined;
}

const hasOnly = (value: unknown, keys: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).every((key) => keys.includes(key));

/** Out of base64, if it is PEM. */
function pem(data: unknown): string | undefined {
  if (typeof data !== 'string') return undefined;
  const text = Buffer.from(data, 'base64').toString('latin1');
  return /^-----BEGIN [A-Z0-9 ]+-----$/m.test(text) ? text : undefined;
}
