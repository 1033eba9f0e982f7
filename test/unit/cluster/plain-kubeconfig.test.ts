import test from 'ava';
import { readPlainKubeconfig } from '../../../daemon/cluster/plain-kubeconfig.ts';

const pem = (what: string): string => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ca = { 'certificate-authority-data': base64(pem('CERTIFICATE')) };
const certificate = {
  'client-certificate-data': base64(pem('CERTIFICATE')),
  'client-key-data': base64(pem('EC PRIVATE KEY')),
};

const kubeconfig = ({
  cluster = { server: 'https://10.0.0.1:6443', ...ca },
  user = { token: 'abc.def' },
  current = 'here',
}: {
  readonly cluster?: object;
  readonly user?: object;
  readonly current?: string;
} = {}): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': current },
    clusters: [
      { name: 'other', cluster: { server: 'https://192.0.2.1' } },
      { name: 'k', cluster },
    ],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'here', context: { cluster: 'k', user: 'u', namespace: 'x' } }],
  });

test('a token, or a client certificate, of the current context', (t) => {
  const known = { server: 'https://10.0.0.1:6443', caPem: pem('CERTIFICATE') };
  t.deepEqual(readPlainKubeconfig(kubeconfig()), { ...known, login: { token: 'abc.def' } });
  t.deepEqual(readPlainKubeconfig(kubeconfig({ user: certificate })), {
    ...known,
    login: { cert: pem('CERTIFICATE'), key: pem('EC PRIVATE KEY') },
  });
});

const notPlain: Readonly<Record<string, string>> = {
  'a program for the login': kubeconfig({ user: { exec: { command: 'aws' } } }),
  'a token beside a certificate': kubeconfig({ user: { token: 'a', ...certificate } }),
  'a token that is no header': kubeconfig({ user: { token: 'a\r\nb' } }),
  'a token in a file': kubeconfig({ user: { tokenFile: '/x' } }),
  'a certificate without its key': kubeconfig({
    user: { 'client-certificate-data': certificate['client-certificate-data'] },
  }),
  'somebody else in our place': kubeconfig({ user: { token: 'a', as: 'admin' } }),
  'nobody checked': kubeconfig({ cluster: { server: 'https://a', 'insecure-skip-tls-verify': true } }),
  'a proxy': kubeconfig({ cluster: { server: 'https://a', ...ca, 'proxy-url': 'http://b' } }),
  'no TLS': kubeconfig({ cluster: { server: 'http://a', ...ca } }),
  'an authority that is no certificate': kubeconfig({
    cluster: { server: 'https://a', 'certificate-authority-data': 'AAAA' },
  }),
  'no authority': kubeconfig({ cluster: { server: 'https://a' } }),
  'a context that is not there': kubeconfig({ current: 'there' }),
  'no YAML': '\t- :',
  nothing: '',
  'a list': '[]',
};
for (const [what, text] of Object.entries(notPlain)) {
  test(`for client-node: ${what}`, (t) => {
    t.is(readPlainKubeconfig(text), undefined);
  });
}
