/** Keys and certificates of one cluster, made with the openssl command line. What exists in the folder is kept. */
import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const openssl = async (...args: readonly string[]): Promise<string> => (await run('openssl', [...args])).stdout;

export type Pki = {
  readonly caCert: string;
  readonly caKey: string;
  readonly serverCert: string;
  readonly serverKey: string;
  /** Signs service account tokens; the server checks them with the public half, which it wants in a file of its own. */
  readonly accountKey: string;
  readonly accountPublicKey: string;
  readonly caPem: string;
};

const newKey = (file: string): Promise<string> =>
  openssl('genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);

/** `names` are what the serving certificate is valid for, addresses and DNS names alike. */
export async function makePki(directory: string, names: readonly string[]): Promise<Pki> {
  const file = (name: string): string => join(directory, name);
  const paths = {
    caCert: file('ca.crt'),
    caKey: file('ca.key'),
    serverCert: file('apiserver.crt'),
    serverKey: file('apiserver.key'),
    accountKey: file('sa.key'),
    accountPublicKey: file('sa.pub'),
  };
  if (!existsSync(paths.serverCert)) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await Promise.all([newKey(paths.caKey), newKey(paths.serverKey), newKey(paths.accountKey)]);
    await openssl('pkey', '-in', paths.accountKey, '-pubout', '-out', paths.accountPublicKey);
    await openssl(
      ...[
        'req',
        '-x509',
        '-new',
        '-key',
        paths.caKey,
        '-out',
        paths.caCert,
        '-days',
        '3650',
        '-subj',
        '/CN=kubernetes',
      ],
      ...['-addext', 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign'],
    );
    await openssl('req', '-new', '-key', paths.serverKey, '-subj', '/CN=kube-apiserver', '-out', file('apiserver.csr'));
    const alternatives = [...new Set(names)].map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`);
    const unfinished = file('apiserver.crt.new');
    await signRequest({
      ...{ caCert: paths.caCert, caKey: paths.caKey, request: file('apiserver.csr'), certificate: unfinished },
      extensions: ['extendedKeyUsage=serverAuth', `subjectAltName=${alternatives.join(',')}`],
    });
    await rename(unfinished, paths.serverCert);
  }
  return { ...paths, caPem: await readFile(paths.caCert, 'utf8') };
}

type Signing = {
  readonly caCert: string;
  readonly caKey: string;
  readonly request: string;
  readonly certificate: string;
  readonly extensions: readonly string[];
};

/** Turns a request file into a certificate file. The subject is the request's: the caller has judged it. */
export async function signRequest({ caCert, caKey, request, certificate, extensions }: Signing): Promise<void> {
  const all = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature,keyEncipherment',
    ...extensions,
  ];
  await writeFile(`${request}.ext`, `${all.join('\n')}\n`);
  await openssl(
    ...['x509', '-req', '-in', request, '-CA', caCert, '-CAkey', caKey, '-days', '365', '-out', certificate],
    ...[
      '-set_serial',
      `0x${createHash('sha256')
        .update(certificate + process.hrtime.bigint())
        .digest('hex')
        .slice(0, 30)}`,
    ],
    ...['-extfile', `${request}.ext`],
  );
}

/** What kubeadm's `caCertHashes` and `--discovery-token-ca-cert-hash` name: SHA-256 over the SubjectPublicKeyInfo. */
export function publicKeyHash(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}
