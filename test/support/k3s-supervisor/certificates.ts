/** Certificates as k3s issues them: for a public key that somebody sent, with the names that the server chose. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openssl } from '../../lab/control-plane/pki.ts';

/** Files. `bundle` is what goes out with each certificate: the authority's own, and its root if that is another one. */
export type Authority = { readonly bundle: string; readonly key: string };

type Wanted = {
  /** SubjectPublicKeyInfo as PEM. */
  readonly publicKey: string;
  /** As openssl writes it: `/O=system:nodes/CN=system:node:worker-kube1`. */
  readonly subject: string;
  readonly usage: 'clientAuth' | 'serverAuth';
  /** `DNS:localhost`, `IP:127.0.0.1`. */
  readonly names?: readonly string[];
};

const days = '365';

/** The certificate, then the authority's bundle. */
export async function issue({ bundle, key }: Authority, wanted: Wanted): Promise<string> {
  return inFolder(async (file) => {
    const names = wanted.names ?? [];
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature,keyEncipherment',
      `extendedKeyUsage=${wanted.usage}`,
      ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
    ];
    await Promise.all([
      writeFile(file('public.pem'), wanted.publicKey),
      writeFile(file('extensions'), `${extensions.join('\n')}\n`),
    ]);
    const certificate = await openssl(
      ...['x509', '-new', '-force_pubkey', file('public.pem'), '-subj', wanted.subject, '-CA', bundle, '-CAkey', key],
      ...['-days', days, '-set_serial', `0x01${randomBytes(8).toString('hex')}`, '-extfile', file('extensions')],
    );
    return certificate + (await readFile(bundle, 'utf8'));
  });
}

/** The public key of a PKCS#10 request in DER; undefined if it is none. Its subject counts for nothing. */
export async function publicKeyOf(request: Uint8Array): Promise<string | undefined> {
  if (request.length === 0) return undefined;
  return inFolder(async (file) => {
    await writeFile(file('request.der'), request);
    const asked = ['req', '-inform', 'DER', '-in', file('request.der'), '-noout', '-pubkey'];
    return promisify(execFile)('openssl', asked).then(
      ({ stdout }) => stdout,
      () => undefined,
    );
  });
}

async function inFolder<T>(work: (file: (name: string) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'k3s-supervisor-'));
  try {
    return await work((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
