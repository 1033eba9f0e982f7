import test from 'ava';
import { nodePasswordName, nodePasswordSecret, SALT } from '../../../daemon/join/node-password.ts';
import { createHash, matchesHash } from '../../support/k3s-supervisor/node-password.ts';

const password = 'ab'.repeat(16);
const salt = Uint8Array.from({ length: SALT }, (_, at) => at);

type Secret = { readonly stringData: { readonly hash: string } };
const hashOf = async (of: string, with_ = salt): Promise<string> => {
  const secret = await nodePasswordSecret('worker-kube1', of, with_);
  return (secret as Secret).stringData.hash;
};

test('the Secret is as k3s makes it, and nothing of the password is in it', async (t) => {
  const secret = await nodePasswordSecret('worker-kube1', password, salt);
  t.like(secret, {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'k3s.cattle.io/node-password', immutable: true },
    metadata: { name: 'worker-kube1.node-password.k3s', namespace: 'kube-system' },
  });
  t.is(nodePasswordName('worker-kube1'), 'worker-kube1.node-password.k3s');
  // 64 bytes are 86 characters of base64 without padding.
  t.regex((secret as Secret).stringData.hash, /^\$1:0001020304050607:15:8:1:[A-Za-z0-9+/]{86}$/);
  t.false(JSON.stringify(secret).includes(password));
});

test('k3s’s own rule (of the stand-in) takes our password, and no other', async (t) => {
  const hash = await hashOf(password);
  t.true(await matchesHash(hash, password));
  t.false(await matchesHash(hash, 'ee'.repeat(16)));
});

test('it is the same derivation as for a hash that the server made', async (t) => {
  const theirs = await createHash(password);
  const itsSalt = Buffer.from(theirs.split(':')[1] ?? '', 'hex');
  t.is(await hashOf(password, itsSalt), theirs);
});
