/** What `k3s server` keeps under its data directory, as far as anybody who joins or adopts it looks there. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { openssl } from '../../lab/control-plane/pki.ts';
import { type Authority, issue } from './certificates.ts';

export type DataDirectory = {
  readonly serverCa: Authority;
  readonly clientCa: Authority;
  /** Keys that go out with the certificate to an agent that sends no request of its own. */
  readonly sharedKeys: Readonly<Record<SharedKey, string>>;
  readonly listenCert: string;
  readonly listenKey: string;
  /** `K10<hash>::server:<password>`, as in `server/token`. */
  readonly token: string;
  /** As `/cacerts` gives it. */
  readonly caPem: string;
  /** What both `server` and `node` say to the supervisor. */
  readonly password: string;
  /** As `/etc/rancher/k3s/k3s.yaml`: an administrator with a client certificate, the server on loopback. */
  readonly kubeconfig: string;
};

export const sharedKeys = ['serving-kubelet', 'client-kubelet', 'client-kube-proxy', 'client-k3s-controller'] as const;
export type SharedKey = (typeof sharedKeys)[number];

type Server = {
  readonly directory: string;
  readonly port: number;
  /** `tls-san` and the node's own: addresses and names that the serving certificate is valid for. */
  readonly names: readonly string[];
  /** The owner's own authority: the server's is an intermediate one under a root that is in the bundle. */
  readonly ownRoot: boolean;
};

const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const newKey = (file: string): Promise<string> => openssl('genpkey', '-quiet', ...p256, '-out', file);
const caUsage = 'keyUsage=critical,digitalSignature,keyCertSign,cRLSign';

/** Authorities and token are kept: after a second start a board that knows them still trusts the server. */
export async function prepareDataDirectory({ directory, port, names, ownRoot }: Server): Promise<DataDirectory> {
  const server = join(directory, 'server');
  const tls = (name: string): string => join(server, 'tls', name);
  const files = {
    serverCa: { bundle: tls('server-ca.crt'), key: tls('server-ca.key') },
    clientCa: { bundle: tls('client-ca.crt'), key: tls('client-ca.key') },
    sharedKeys: Object.fromEntries(sharedKeys.map((name) => [name, tls(`${name}.key`)])) as DataDirectory['sharedKeys'],
    listenCert: tls('listen.crt'),
    listenKey: tls('listen.key'),
    kubeconfig: join(directory, 'k3s.yaml'),
  };
  const tokenFile = join(server, 'token');
  if (!existsSync(tokenFile)) {
    await mkdir(join(server, 'tls'), { recursive: true, mode: 0o700 });
    const root = ownRoot ? { bundle: tls('root-ca.crt'), key: tls('root-ca.key') } : undefined;
    if (root !== undefined) await makeAuthority(root, 'k3s-root-ca');
    await Promise.all([
      makeAuthority(files.serverCa, 'k3s-server-ca', root),
      makeAuthority(files.clientCa, 'k3s-client-ca', root),
      newKey(files.listenKey),
      ...Object.values(files.sharedKeys).map(newKey),
    ]);
    const token = `K10${await caHash(files.serverCa.bundle)}::server:${randomBytes(16).toString('hex')}`;
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    await symlink(tokenFile, join(server, 'node-token'));
  }
  await writeListenCertificate(files, names);
  await writeFile(files.kubeconfig, await adminKubeconfig(files, port, tls('client-admin.key')), { mode: 0o600 });
  const token = (await readFile(tokenFile, 'utf8')).trim();
  const caPem = await readFile(files.serverCa.bundle, 'utf8');
  return { ...files, token, caPem, password: token.slice(token.lastIndexOf(':') + 1) };
}

/** Self-signed, or signed by `parent`, whose own certificate then follows in the bundle. */
async function makeAuthority({ bundle, key }: Authority, name: string, parent?: Authority): Promise<void> {
  await newKey(key);
  const subject = `/CN=${name}@${Math.floor(Date.now() / 1000)}`;
  const request = ['req', '-x509', '-new', '-key', key, '-subj', subject, '-days', '3650', '-out', bundle];
  const signer = parent === undefined ? [] : ['-CA', parent.bundle, '-CAkey', parent.key];
  await openssl(...request, ...signer, '-addext', caUsage);
  if (parent !== undefined) await appendFile(bundle, await readFile(parent.bundle));
}

async function writeListenCertificate(
  { serverCa, listenCert, listenKey }: Pick<DataDirectory, 'serverCa' | 'listenCert' | 'listenKey'>,
  names: readonly string[],
): Promise<void> {
  const usual = ['127.0.0.1', '10.43.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const certificate = await issue(serverCa, {
    publicKey: await openssl('pkey', '-in', listenKey, '-pubout'),
    subject: '/O=k3s/CN=k3s',
    usage: 'serverAuth',
    names: [...new Set([...usual, ...names])].map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`),
  });
  await writeFile(listenCert, certificate);
}

async function adminKubeconfig(
  { serverCa, clientCa }: Pick<DataDirectory, 'serverCa' | 'clientCa'>,
  port: number,
  key: string,
): Promise<string> {
  await newKey(key);
  const publicKey = await openssl('pkey', '-in', key, '-pubout');
  const certificate = await issue(clientCa, {
    publicKey,
    subject: '/O=system:masters/CN=system:admin',
    usage: 'clientAuth',
  });
  const data = async (file: string): Promise<string> => (await readFile(file)).toString('base64');
  return [
    'apiVersion: v1',
    'clusters:',
    '- cluster:',
    `    certificate-authority-data: ${await data(serverCa.bundle)}`,
    `    server: https://127.0.0.1:${port}`,
    '  name: default',
    'contexts:',
    '- context:',
    '    cluster: default',
    '    user: default',
    '  name: default',
    'current-context: default',
    'kind: Config',
    'users:',
    '- name: default',
    '  user:',
    `    client-certificate-data: ${Buffer.from(certificate).toString('base64')}`,
    `    client-key-data: ${await data(key)}`,
    '',
  ].join('\n');
}

/**
 * The hash in a K10 token (facts 2.1): over the file's literal bytes if it holds one certificate, otherwise over the DER
 * of the root. The root is found by its own signature here, without our daemon's code: the two are to agree by themselves.
 */
async function caHash(bundle: string): Promise<string> {
  const bytes = await readFile(bundle);
  const certificates = bytes.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const root = certificates.map((pem) => new X509Certificate(pem)).find((one) => one.verify(one.publicKey));
  const hashed = certificates.length === 1 ? bytes : root?.raw;
  if (hashed === undefined) throw new Error('the bundle has no root');
  return createHash('sha256').update(hashed).digest('hex');
}
