import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { caHash, joinToken, spentToken } from '../../../daemon/join/k3s-token.ts';

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Certificates as openssl makes them: a root, an authority under it, and a stranger. */
const folder = mkdtempSync(join(tmpdir(), 'bramble-ca-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));
const openssl = (...args: string[]): Buffer =>
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
for (const name of ['root', 'stranger']) {
  openssl('req', '-x509', ...curve, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`);
}
writeFileSync(
  join(folder, 'ca.ext'),
  'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
);
for (const [name, issuer] of [
  ['middle', 'root'],
  ['server-ca', 'middle'],
] as const) {
  openssl('req', '-new', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const by = ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', 'ca.ext', '-days', '30', '-out', `${name}.crt`);
}
const rootDer = openssl('x509', '-in', 'root.crt', '-outform', 'DER');

test('one certificate: over the bytes as they are served, white space and all', (t) => {
  const pem = read('root.crt');
  t.is(caHash(pem), sha256(pem));
  t.is(caHash(`${pem}\n`), sha256(`${pem}\n`));
  t.not(caHash(pem), caHash(`${pem}\n`));
});

test('a bundle: over the DER of the root that its first certificate leads to', (t) => {
  const [leaf, middle, root, stranger] = ['server-ca.crt', 'middle.crt', 'root.crt', 'stranger.crt'].map(read);
  t.is(caHash(`${leaf}${middle}${root}`), sha256(rootDer));
  t.is(caHash(`${leaf}${stranger}${root}${middle}`), sha256(rootDer));
  t.is(caHash(`${middle}${root}`), sha256(rootDer));
});

test('a bundle that leads nowhere: over its bytes', (t) => {
  const bundle = `${read('server-ca.crt')}${read('stranger.crt')}`;
  t.is(caHash(bundle), sha256(bundle));
  const circle = `${read('server-ca.crt')}${read('middle.crt')}`;
  t.is(caHash(circle), sha256(circle));
});

test('without a certificate there is nothing to know a server by', (t) => {
  t.throws(() => caHash(''), { message: /no certificate/ });
});

test('tokens are in the secure form; a spent one has the form and no secret', (t) => {
  const hash = 'ab'.repeat(32);
  t.is(joinToken(hash, { id: 'abcdef', secret: '0123456789abcdef' }), `K10${hash}::abcdef.0123456789abcdef`);
  t.regex(spentToken(hash), new RegExp(`^K10${hash}::[a-z0-9]{6}\\.[a-z0-9]{16}$`));
});
