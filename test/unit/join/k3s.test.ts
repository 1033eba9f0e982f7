import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { JoinBoard } from '../../../daemon/join/driver.ts';
import { k3sDriver } from '../../../daemon/join/k3s.ts';
import type { K3sFile } from '../../../daemon/join/k3s-files.ts';
import { type Answers, goodFacts, k3sSession } from './k3s-session.ts';
import { stepContext } from './step-context.ts';

const version = 'v1.34.2+k3s1';
const binary: K3sFile = {
  version,
  name: 'k3s-arm64',
  arch: 'arm64',
  kind: 'binary',
  bytes: 1000,
  sha256: 'aa'.repeat(32),
};
const images: K3sFile = { ...binary, name: 'k3s-airgap-images-arm64.tar.zst', kind: 'images', sha256: 'bb'.repeat(32) };
const others: readonly K3sFile[] = [
  { ...binary, version: 'v1.33.1+k3s1', sha256: 'cc'.repeat(32) },
  { ...binary, arch: 'amd64', sha256: 'dd'.repeat(32) },
];
const hash = 'ab'.repeat(32);
const token = { id: 'abcdef', secret: '0123456789abcdef' };
const board: JoinBoard = {
  id: must(parseDeviceId('d-0123456789ab')),
  name: must(parseHostname('worker-kube1')),
  address: must(parseIpv4('192.168.1.201')),
  fixedAddress: true,
  hostKeys: [],
  serials: [],
  nodePassword: 'cd'.repeat(16),
  labels: {},
};

function driver(list: readonly K3sFile[] = [...others, binary, images], there = true) {
  let [opened, closed] = [0, 0];
  const close = async (): Promise<void> => {
    closed += 1;
  };
  const source = { size: 1000, read: async () => 0, close };
  const open = async () => {
    opened += 1;
    return there ? source : undefined;
  };
  const files = { list: async () => list, open };
  const made = k3sDriver({
    ...{ server: 'https://192.168.1.2:6443', caHash: hash, files, version, baseUrl: 'http://192.168.1.2:8067' },
  });
  return { ...made, opened: () => [opened, closed] };
}

const install = (answers: Answers, made = driver()) => {
  const at = k3sSession(answers);
  return { ...at, end: made.install(at.session, board, stepContext) };
};
const url = (file: K3sFile): string => `http://192.168.1.2:8067/v1/cluster/files/${file.sha256}`;
const asked = (file: K3sFile, path: string, mode: string, at = url(file)): string =>
  `fetch ${path} 1000 ${file.sha256} ${mode} ${at}`.trim();
const program = '/usr/local/bin/k3s';
const imagesAt = '/var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.zst';
/** One answer for each attempt; without a URL it is only looked whether the file is there. */
function fetching(...said: readonly string[]): (args: readonly string[]) => string {
  const queue = [...said];
  return ([, , , , at]) => (at === '' ? 'missing' : (queue.shift() ?? 'there'));
}

test('what is there already is not fetched, and takes nobody’s turn', async (t) => {
  const at = k3sSession({ fetch: () => 'there\n' });
  let turns = 0;
  const transfer: typeof stepContext.transfer = (work) => {
    turns += 1;
    return work();
  };
  must(await driver().install(at.session, board, { ...stepContext, transfer }));
  t.deepEqual(at.calls, ['facts', asked(binary, program, '755', ''), asked(images, imagesAt, '644', '')]);
  t.is(turns, 0);
});

test('the board fetches binary and images of its architecture and of this release', async (t) => {
  const { calls, end } = install({ fetch: fetching() });
  must(await end);
  t.deepEqual(calls.slice(1), [
    asked(binary, program, '755', ''),
    asked(binary, program, '755'),
    asked(images, imagesAt, '644', ''),
    asked(images, imagesAt, '644'),
  ]);
});

test('a transfer that is cut goes on for as long as it gets on', async (t) => {
  const { calls, end } = install(
    { fetch: fetching('cut 10', 'cut 20', 'cut 20', 'cut 30', 'there') },
    driver([binary]),
  );
  must(await end);
  t.is(calls.filter((call) => call.startsWith('fetch')).length, 6);
  t.false(calls.some((call) => call.startsWith('bytes')));
});

for (const [what, said] of [
  ['that gets nowhere', ['cut 10', 'cut 10', 'cut 10', 'there']],
  ['without a program for it', ['nothing', 'there']],
] as const) {
  test(`a transfer ${what} goes over SSH, and is checked like any other`, async (t) => {
    const made = driver([binary]);
    const { calls, end } = install({ fetch: fetching(...said) }, made);
    must(await end);
    t.deepEqual(calls.slice(-2), [`bytes ${program}.aaaaaaaaaaaa.part 600 1000`, asked(binary, program, '755')]);
    t.deepEqual(made.opened(), [1, 1]);
  });
}

for (const [what, said, code, words] of [
  ['damaged twice', ['wrong', 'wrong'], 'CHECKSUM_WRONG', /twice.*bramble cluster fetch/],
  ['for which there is no room', ['full 102400 204800'], 'DISK_FULL', /200 MiB.*100 MiB are free/],
  ['that does not stay', ['nothing', 'nothing'], 'TRANSFER_FAILED', /did not stay/],
  ['that nobody can place', ['read-only file system'], 'TRANSFER_FAILED', /could not be put at/],
] as const) {
  test(`a file ${what}: ${code}`, async (t) => {
    const { end } = install({ fetch: fetching(...said) }, driver([binary]));
    const told = await end;
    t.is(told.ok ? '' : told.error.code, code);
    t.regex(told.ok ? '' : told.error.detail, words);
  });
}

test('a file damaged once is fetched anew', async (t) => {
  t.true((await install({ fetch: fetching('wrong', 'there') }, driver([binary])).end).ok);
});

test('a file that the master lost meanwhile, and one that it never had', async (t) => {
  const lost = await install({ fetch: fetching('nothing') }, driver([binary], false)).end;
  t.is(lost.ok ? '' : lost.error.code, 'K3S_FILES_MISSING');
  const none = await install({}, driver(others)).end;
  t.is(none.ok ? '' : none.error.code, 'K3S_FILES_MISSING');
  t.regex(none.ok ? '' : none.error.detail, /bramble cluster fetch --arch arm64/);
});

test('nothing is put on a board that cannot run it', async (t) => {
  const { calls, end } = install({ facts: () => goodFacts.replace('memory=on', 'memory=off') });
  const told = await end;
  t.is(told.ok ? '' : told.error.code, 'CGROUP_MEMORY_OFF');
  t.deepEqual(calls, ['facts']);
});

test('a join: files, secrets 0600, a start that does not wait, and the token until the Node is there', async (t) => {
  const { session, calls, files } = k3sSession({ start: () => 's=mark\n', wait: () => 'up\n' });
  must(await driver().join(session, board, token, stepContext));
  t.deepEqual(calls, [
    'put /etc/rancher/node/password 600',
    'put /etc/rancher/k3s/config.yaml 600',
    'put /etc/systemd/system/k3s-agent.service 644',
    'put /etc/rancher/k3s/token 600',
    'start',
    'wait 10',
  ]);
  t.is(files.get('/etc/rancher/node/password')?.content, `${board.nodePassword}\n`);
  t.is(files.get('/etc/rancher/k3s/token')?.content, `K10${hash}::abcdef.0123456789abcdef\n`);
  must((await driver().finish?.(session, board, stepContext)) ?? { ok: false, error: { detail: 'no finish' } });
  const after = files.get('/etc/rancher/k3s/token');
  t.is(after?.mode, 0o600);
  t.true(after?.content.startsWith(`K10${hash}::`));
  t.false(after?.content.includes(token.secret));
});

test('refused for its node password: told at once, with the journal and without the secrets', async (t) => {
  const journal = `Waiting: Node password rejected, duplicate hostname (${token.secret} ${board.nodePassword})`;
  const { session, calls } = k3sSession({ start: () => 's=mark\n', wait: () => 'waiting', journal: () => journal });
  const end = await driver().join(session, board, token, stepContext);
  t.deepEqual(end.ok ? {} : { code: end.error.code, output: end.error.output }, {
    code: 'NODE_PASSWORD_REJECTED',
    output: 'Waiting: Node password rejected, duplicate hostname (… …)',
  });
  t.deepEqual(calls.slice(-2), ['wait 10', 'journal s=mark']);
});

test('a token that is not known yet is waited for, one that stays unknown is not', async (t) => {
  let looks = 0;
  const soon = k3sSession({
    start: () => 'm',
    wait: () => (++looks > 2 ? 'up' : 'waiting'),
    journal: () => 'https://10.0.0.1:6443/v1-k3s/config: 401 Unauthorized',
  });
  must(await driver().join(soon.session, board, token, stepContext));
  const never = k3sSession({ start: () => 'm', wait: () => 'waiting', journal: () => '401 Unauthorized' });
  const end = await driver().join(never.session, board, token, stepContext);
  t.is(end.ok ? '' : end.error.code, 'TOKEN_REFUSED');
  t.is(never.calls.filter((call) => call === 'wait 10').length, 3);
});

test('an agent that is never up: the time is bounded', async (t) => {
  const { session, calls } = k3sSession({ start: () => 'm', wait: () => 'waiting', journal: () => 'Importing images' });
  const end = await driver().join(session, board, token, stepContext);
  t.deepEqual(end.ok ? {} : { code: end.error.code, output: end.error.output }, {
    code: 'JOIN_TIMEOUT',
    output: 'Importing images',
  });
  t.is(calls.filter((call) => call === 'wait 10').length, 36);
});

test('a connection that is lost in the middle is what is told', async (t) => {
  for (const lost of ['start', 'wait', 'journal'] as const) {
    const answers: Answers = { start: () => 'm', wait: () => 'waiting', journal: () => '', [lost]: () => undefined };
    const { session, calls } = k3sSession(answers);
    const end = await driver().join(session, board, token, stepContext);
    t.is(end.ok ? '' : end.error.code, 'SSH_CLOSED');
    t.is(calls.at(-1)?.split(' ')[0], lost);
  }
});

test('giving up leaves neither token nor agent, and tells if the board cannot be reached', async (t) => {
  const there = k3sSession({ giveUp: () => '' });
  must((await driver().giveUp?.(there.session, stepContext)) ?? { ok: false, error: { detail: 'no giveUp' } });
  t.deepEqual(there.calls, ['giveUp']);
  const gone = await driver().giveUp?.(k3sSession({ giveUp: () => undefined }).session, stepContext);
  t.is(gone?.ok === false ? gone.error.code : '', 'SSH_CLOSED');
});

test('states of a board, and nonsense', async (t) => {
  for (const word of ['absent', 'clean', 'partial', 'joined'] as const) {
    t.is(must(await driver().probe(k3sSession({ probe: () => `${word}\n` }).session, stepContext)), word);
  }
  const nonsense = await driver().probe(k3sSession({ probe: () => 'welcome' }).session, stepContext);
  t.is(nonsense.ok ? '' : nonsense.error.code, 'PROBE_FAILED');
  const partial = await driver().verify(k3sSession({ probe: () => 'partial' }).session, board, stepContext);
  t.is(partial.ok ? '' : partial.error.code, 'JOIN_INCOMPLETE');
});

test('leaving: a server of its own is left alone, what stays is told', async (t) => {
  const server = k3sSession({ facts: () => goodFacts.replace('server=no', 'server=yes') });
  const refused = await driver().leave(server.session, stepContext);
  t.is(refused.ok ? '' : refused.error.code, 'K3S_SERVER_ON_BOARD');
  t.deepEqual(server.calls, ['facts']);
  const stuck = k3sSession({ leave: () => ({ code: 1, stderr: 'still mounted: /run/k3s/x\n' }) });
  const end = await driver().leave(stuck.session, stepContext);
  t.regex(end.ok ? '' : end.error.detail, /still mounted: \/run\/k3s\/x/);
});

test('the Node has the board’s name, and k3s keeps its password in a Secret', (t) => {
  t.is(driver().nodeName(board), 'worker-kube1');
  t.deepEqual(driver().secretsOf?.('worker-kube1'), ['worker-kube1.node-password.k3s']);
});
