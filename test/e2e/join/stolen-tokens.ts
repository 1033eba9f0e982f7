/** Somebody on the LAN has read a board's token. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { Host } from '../../support/netns.ts';
import { until } from '../../support/until.ts';
import type { Check } from '../scenario.ts';
import type { Token } from './api.ts';
import type { Expected, Site } from './site.ts';

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

type Request = {
  readonly status?: {
    readonly certificate?: string;
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly message?: string }>;
  };
};

/** Once it was minted for that board. */
export async function tokenOf(site: Site, { id }: Pick<Expected, 'id'>): Promise<Token> {
  let found: Token | undefined;
  await until('a token', 60, () => {
    found = site.api.tokens().findLast(({ device }) => device === id);
    return found !== undefined;
  });
  assert.ok(found !== undefined);
  return found;
}

/** `join`: the number of the command that is `kubeadm join`. */
export async function stolenTokens(check: Check, site: Site, join: number): Promise<void> {
  const [victim, slow] = await site.expect(2);
  assert.ok(victim !== undefined && slow !== undefined);
  const thief = await site.host('thief', { address: '10.77.0.250/24' });
  const [stolen, expired] = await Promise.all(
    [victim, slow].map(async (board) => {
      await board.prepare({ command: join, how: 'hold' });
      const there = await board.switchOn();
      await there.wasCut();
      return { board: there, token: await tokenOf(site, board) };
    }),
  );
  assert.ok(stolen !== undefined && expired !== undefined);
  const bearer = ({ id, secret }: Token): string => `${id}.${secret}`;
  const statusWith = async (token: Token): Promise<number> =>
    (await site.api.call('GET', '/api/v1/nodes', { as: bearer(token), from: thief })).status;

  await check('a stolen token does not read Secrets', async () => {
    const { status } = await site.api.call('GET', '/api/v1/namespaces/kube-system/secrets', {
      ...{ as: bearer(stolen.token), from: thief },
    });
    assert.equal(status, 403);
  });
  await check(
    'a stolen token used for another name: denied, no certificate, the board’s join begins anew',
    async () => {
      const name = 'csr-of-a-thief';
      const made = await ask(site, {
        name,
        subject: '/O=system:nodes/CN=system:node:worker-kube1',
        thief,
        token: stolen.token,
      });
      assert.equal(made, 201);
      let request: Request = {};
      const denied = async (): Promise<boolean> => {
        request = (await site.api.call('GET', `${requests}/${name}`)).body as Request;
        return request.status?.conditions?.some(({ type }) => type === 'Denied') ?? false;
      };
      await until('the request is denied', 60, denied);
      assert.equal(request.status?.certificate, undefined);
      const told = async (): Promise<boolean> =>
        (await site.client().describe(victim.name)).events.some(({ reason }) => reason.includes('certificate request'));
      await until('its owner can read of it', 60, told);
      await until('the token is of no use any more', 60, async () => (await statusWith(stolen.token)) === 401);
      await stolen.board.release();
      await site.ready([victim], 120);
      assert.notEqual((await tokenOf(site, victim)).id, stolen.token.id);
    },
  );
  await check('an expired token: refused at once; its board joins with another one', async () => {
    assert.notEqual(await statusWith(expired.token), 401);
    const path = `/api/v1/namespaces/kube-system/secrets/${expired.token.secretName}`;
    const data = { expiration: Buffer.from('2026-01-01T00:00:00Z').toString('base64') };
    assert.equal((await site.api.call('PATCH', path, { body: { data }, patch: true })).status, 200);
    await until('it counts as expired', 30, async () => (await statusWith(expired.token)) === 401);
    await expired.board.release();
    await site.ready([slow], 300);
    assert.notEqual((await tokenOf(site, slow)).id, expired.token.id);
  });
  await check('a token of a board that is Ready is of no use to anybody', async () => {
    // The API server remembers for ten seconds whom it has let in.
    for (const board of [victim, slow]) {
      const token = await tokenOf(site, board);
      await until('it is refused', 30, async () => (await statusWith(token)) === 401);
    }
  });
}

/** The status of a certificate request, made with the token. */
async function ask(
  site: Site,
  { name, subject, thief, token }: { name: string; subject: string; thief: Host; token: Token },
): Promise<number> {
  const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  const pem = execFileSync('openssl', ['req', '-new', ...keyOptions, '-subj', subject], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const spec = {
    ...{ request: pem.toString('base64'), usages: ['digital signature', 'client auth'] },
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  };
  const body = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec };
  const { status } = await site.api.call('POST', requests, { body, as: `${token.id}.${token.secret}`, from: thief });
  return status;
}
