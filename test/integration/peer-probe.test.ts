/** What other boards see, by their own real sshds. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';

const child = fileURLToPath(new URL('./peer-probe-child.ts', import.meta.url));
const daemonKey = generateSshKeyPair('daemon');

type Site = {
  readonly lan: Lan;
  readonly boards: Readonly<Record<'target' | 'one' | 'two', Host>>;
  /** Asks these about `target`. `foreign`: whose host key is not the one that it shows. */
  readonly ask: (peers: readonly string[], foreign?: string) => Running;
};

async function startSite(
  t: ExecutionContext,
  settings: Readonly<Record<string, readonly string[]>> = {},
): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-peers-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const [master, target, one, two] = await lan.addHosts(
    ['master', 'target', 'one', 'two'].map((name, index) => ({ name, address: `10.77.0.${1 + index}/24` })),
  );
  if (master === undefined || target === undefined || one === undefined || two === undefined)
    throw new Error('no hosts');
  await writeFile(join(folder, 'authorized'), `${daemonKey.publicLine}\n`, { mode: 0o600 });
  const keys = new Map([one, two].map((host) => [host.name, generateSshKeyPair(host.name)]));
  for (const host of [one, two]) {
    const key = join(folder, host.name);
    await writeFile(key, keys.get(host.name)?.privateOpenssh ?? '', { mode: 0o600 });
    const own = [
      `HostKey=${key}`,
      `AuthorizedKeysFile=${folder}/authorized`,
      'StrictModes=no',
      'UsePAM=no',
      'PidFile=none',
    ];
    const options = [...own, ...(settings[host.name] ?? [])].flatMap((option) => ['-o', option]);
    const sshd = host.inside.spawn([
      ...['sh', '-c', 'mkdir -p /run/sshd; exec "$@"', 'sh'],
      ...['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', ...options],
    ]);
    await sshd.waitFor(/Server listening/);
  }
  const ask: Site['ask'] = (peers, foreign) => {
    const hostKey = (name: string): string =>
      (name === foreign ? generateSshKeyPair('other') : keys.get(name))?.publicLine ?? '';
    const boards = Object.fromEntries(
      ['target', 'one', 'two'].map((name, index) => [
        name,
        { address: `10.77.0.${2 + index}`, hostKey: hostKey(name) },
      ]),
    );
    const asked = { privateKey: daemonKey.privateOpenssh, target: 'target', peers, boards };
    return master.spawn([process.execPath, child], { env: { PEERS: JSON.stringify(asked) } });
  };
  return { lan, boards: { target, one, two }, ask };
}

const answers = (asking: Running): readonly string[] => asking.stdout().match(/(?<=#\d+ )\w+/g) ?? [];

test('a peer hears a living board refuse, hears nothing of one whose cable is out, and hears it return', async (t) => {
  const { lan, boards, ask } = await startSite(t);
  const asking = ask(['one', 'two']);
  await asking.waitFor(/alive/);
  await lan.setLink(boards.target, 'down');
  await asking.waitFor(/silent/);
  t.false(answers(asking).slice(answers(asking).indexOf('alive')).includes('unknown'), asking.stdout());
  await lan.setLink(boards.target, 'up');
  await asking.waitFor(/silent[\s\S]*alive/);
  await asking.kill();
  t.regex(asking.stdout(), /closed/, 'no connection keeps it from ending');
});

test('a peer that is cut off itself says nothing, and one that is there speaks for both', async (t) => {
  const { lan, boards, ask } = await startSite(t);
  const [both, alone] = [ask(['one', 'two']), ask(['one'])];
  await Promise.all([both.waitFor(/alive/), alone.waitFor(/alive/)]);
  await lan.setLink(boards.one, 'down');
  await alone.waitFor(/unknown(\n#\d+ unknown){2}\n$/);
  t.is(answers(alone).includes('silent'), false, alone.stdout());
  await lan.setLink(boards.target, 'down');
  await both.waitFor(/silent/);
  t.is(answers(alone).includes('silent'), false, alone.stdout());
});

test('an sshd that opens no connections: a program on the board asks', async (t) => {
  const { lan, boards, ask } = await startSite(t, { one: ['AllowTcpForwarding=no'] });
  const asking = ask(['one']);
  await asking.waitFor(/alive/);
  await lan.setLink(boards.target, 'down');
  await asking.waitFor(/silent/);
  await lan.setLink(boards.target, 'up');
  await asking.waitFor(/silent[\s\S]*alive/);
  t.pass();
});

test('a peer that shows a foreign host key is told nothing, and is not asked again at once', async (t) => {
  const { ask } = await startSite(t);
  const asking = ask(['one'], 'one');
  await asking.waitFor(/#4 /);
  t.deepEqual([...new Set(answers(asking))], ['unknown']);
  t.is(asking.stderr().match(/SSH_HOST_KEY_CHANGED/g)?.length, 1, asking.stderr());
});
