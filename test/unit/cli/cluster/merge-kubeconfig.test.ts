import { KubeConfig } from '@kubernetes/client-node';
import test from 'ava';
import { parse } from 'yaml';
import { type Entry, hasEntry, mergeKubeconfig, newKubeconfig } from '../../../../cli/cluster/merge-kubeconfig.ts';
import { must } from '../../../../config/result.ts';

const entry: Entry = {
  server: 'https://master.local:6443',
  ...{ ca: 'CA '.repeat(300), certificate: 'CERTIFICATE', key: 'KEY' },
};
const data = (pem: string): string => Buffer.from(pem).toString('base64');

/** As kubectl writes it. */
const theirs = `# my clusters
apiVersion: v1
clusters:
- cluster:
    server: https://other:6443 # at work
  name: work
contexts:
- context:
    cluster: work
    namespace: team
    user: me
  name: work
current-context: work
kind: Config
preferences: {}
users:
- name: me
  user:
    token: secret
`;

const ours = {
  cluster: { name: 'bramble', cluster: { server: entry.server, 'certificate-authority-data': data(entry.ca) } },
  context: { name: 'bramble', context: { cluster: 'bramble', user: 'bramble' } },
  user: {
    name: 'bramble',
    user: { 'client-certificate-data': data(entry.certificate), 'client-key-data': data(entry.key) },
  },
};

test('a new one is what kubectl and its kin read', (t) => {
  const config = new KubeConfig();
  config.loadFromString(newKubeconfig(entry));
  t.is(config.getCurrentContext(), 'bramble');
  t.like(config.getCurrentCluster(), { server: entry.server, caData: data(entry.ca), skipTLSVerify: false });
  t.like(config.getCurrentUser(), { certData: data('CERTIFICATE'), keyData: data('KEY') });
});

test('without an authority of its own the system’s count', (t) => {
  t.deepEqual(parse(newKubeconfig({ ...entry, ca: '' })).clusters[0].cluster, { server: entry.server });
});

test('everything else stays, in its order and with its comments; what is ours comes last', (t) => {
  const merged = must(mergeKubeconfig(theirs, entry));
  const [before, after] = [parse(theirs), parse(merged)];
  t.deepEqual(after, {
    ...before,
    clusters: [...before.clusters, ours.cluster],
    contexts: [...before.contexts, ours.context],
    users: [...before.users, ours.user],
  });
  t.deepEqual(Object.keys(after), Object.keys(before));
  const lines = merged.split('\n');
  for (const line of theirs.split('\n')) t.true(lines.includes(line), line);
  t.true(hasEntry(merged));
  t.false(hasEntry(theirs));
});

test('what is called the same is replaced where it stands; again and again changes nothing more', (t) => {
  const first = must(mergeKubeconfig(theirs, entry));
  const later = `${must(mergeKubeconfig('', entry)).replace('current-context: bramble', 'current-context: ""')}`;
  t.is(must(mergeKubeconfig(first, entry)), first);
  t.is(parse(must(mergeKubeconfig(later, entry)))['current-context'], 'bramble');
  const renewed = parse(must(mergeKubeconfig(first, { ...entry, certificate: 'NEW' })));
  t.deepEqual(
    renewed.users.map(({ name }: { name: string }) => name),
    ['me', 'bramble'],
  );
  t.is(renewed.users[1].user['client-certificate-data'], data('NEW'));
});

test('a file with nothing in it, with gaps, in JSON, indented', (t) => {
  for (const empty of ['', '\n', '# to come\n', 'null\n']) {
    t.is(parse(must(mergeKubeconfig(empty, entry)))['current-context'], 'bramble', JSON.stringify(empty));
  }
  const gaps = parse(must(mergeKubeconfig('apiVersion: v1\nkind: Config\nclusters: null\nusers: []\n', entry)));
  t.deepEqual(
    [gaps.clusters, gaps.users, gaps.contexts, gaps['current-context']],
    [[ours.cluster], [ours.user], [ours.context], 'bramble'],
  );
  const json = must(mergeKubeconfig(JSON.stringify(parse(theirs)), entry));
  t.deepEqual(parse(json), parse(must(mergeKubeconfig(theirs, entry))));
  const indented = theirs.replace(/^([- ] .*)$/gm, '  $1');
  const merged = must(mergeKubeconfig(indented, entry));
  t.true(merged.includes('\n  - cluster:\n      server: https://other:6443 # at work\n'));
});

for (const [what, text, told] of [
  ['no YAML', 'clusters: [\nusers: {secret-of-mine', /is no YAML \(line \d+: [A-Z_]+\)/],
  ['a key twice', 'kind: Config\nkind: Config\n', /DUPLICATE_KEY/],
  ['something else', 'secret-of-mine', /is no kubeconfig/],
  ['a list', '- secret-of-mine', /is no kubeconfig/],
  ['another kind', 'kind: Secret\ndata: {key: secret-of-mine}', /is no kubeconfig/],
  ['a list that is none', 'kind: Config\nusers: {me: secret-of-mine}', /is no kubeconfig \(its users\)/],
  ['a list of texts', 'kind: Config\ncontexts: [secret-of-mine]', /is no kubeconfig \(its contexts\)/],
  ['two documents', 'kind: Config\n---\nkind: Config\n', /several documents/],
] as const) {
  test(`refused, and not quoted: ${what}`, (t) => {
    const merged = mergeKubeconfig(text, entry);
    t.false(merged.ok);
    const detail = merged.ok ? '' : merged.error.detail;
    t.regex(detail, told);
    t.notRegex(detail, /secret/);
  });
}
