import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { promisify } from 'node:util';
import test from 'ava';
import { makeKeyAndRequest } from '../../../../cli/cluster/certificate-request.ts';
import { must } from '../../../../config/result.ts';
import { readCertificateRequest } from '../../../../daemon/join/pkcs10.ts';

const read = (request: string) => must(readCertificateRequest(Buffer.from(request).toString('base64')));

test('the daemon reads in it who it is for, and nothing else', (t) => {
  const { request } = makeKeyAndRequest({ user: 'anna@example.org', group: 'bramble:admins' });
  t.deepEqual(read(request), {
    subject: [
      { type: 'O', value: 'bramble:admins' },
      { type: 'CN', value: 'anna@example.org' },
    ],
    alternativeNames: false,
  });
});

test('names of every length', (t) => {
  for (const length of [1, 64, 127, 128, 255, 256, 1000]) {
    const user = 'a'.repeat(length);
    t.is(read(makeKeyAndRequest({ user, group: 'g' }).request).subject[1]?.value, user, String(length));
  }
});

test('each has a key of its own', (t) => {
  const [one, other] = [1, 2].map(() => makeKeyAndRequest({ user: 'anna', group: 'g' }).key);
  t.not(one, other);
  t.is(createPrivateKey(one ?? '').asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('openssl reads it, with the signature of its own key', async (t) => {
  for (const user of ['anna', 'b'.repeat(64)]) {
    const { key, request } = makeKeyAndRequest({ user, group: 'bramble:admins' });
    const running = promisify(execFile)('openssl', ['req', '-verify', '-noout', '-subject', '-pubkey']);
    running.child.stdin?.end(request);
    const { stdout, stderr } = await running;
    t.regex(`${stdout}${stderr}`, /verify OK/i);
    t.regex(stdout, new RegExp(`O ?= ?bramble:admins, ?CN ?= ?${user}`));
    const shown = /-----BEGIN PUBLIC KEY-----[\s\S]*-----END PUBLIC KEY-----/.exec(stdout)?.[0] ?? '';
    t.true(createPublicKey(shown).equals(createPublicKey(key)));
  }
});
