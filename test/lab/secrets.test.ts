/** A board joins, and everything that anybody could read afterwards or meanwhile is searched for what is secret about it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import Database from 'better-sqlite3';
import { startLab } from './lab.ts';

type SecretChange = {
  readonly type: string;
  readonly object: { readonly type: string; readonly data?: { readonly [key: string]: string } };
};

/** Every join token that there ever was, by the API server's own words: one JSON object a line, the last one perhaps half. */
function tokensIn(watched: string): readonly string[] {
  const changes = watched
    .split('\n')
    .slice(0, -1)
    .map((line): SecretChange => JSON.parse(line));
  const tokens = changes
    .filter(({ object }) => object.type === 'bootstrap.kubernetes.io/token')
    .map(({ object }) => Buffer.from(object.data?.['token-secret'] ?? '', 'base64').toString());
  return [...new Set(tokens)];
}

/** Arguments and environment of every process on this machine, until it is stopped. */
function watchProcesses() {
  const seen = new Set<string>();
  let [stopped, rounds] = [false, 0];
  const look = async (): Promise<void> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
    // Some have ended by the time they are read.
    for (const text of await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')))) seen.add(text);
    rounds += 1;
  };
  const watching = (async (): Promise<void> => {
    while (!stopped) {
      await look();
      await pause(20);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return { text: [...seen].join('\n'), rounds };
    },
  };
}

async function textsBelow(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // The bases are gigabytes of zeros, and were there before.
  const mine = files.filter((file) => !file.includes('/bases/'));
  return new Map(await Promise.all(mine.map(async (file) => [file, await readFile(file, 'latin1')] as const)));
}

test('a join leaves no token in arguments, environments, logs, events or files, and no key where people look', async (t) => {
  const stop = new AbortController();
  const told: string[] = [];
  const lab = await startLab({
    controlPlane: 'auto',
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: ({ event }) => told.push(JSON.stringify(event)),
  });
  t.teardown(async () => {
    if (!t.passed) t.log(await lab.daemon.lastLines());
    await lab.close();
  });
  const { server, caPem, adminToken } = lab.controlPlane;
  const [ca, authorization] = [
    join(lab.directory, 'cluster', 'ca-of-test'),
    join(lab.directory, 'cluster', 'admin-of-test'),
  ];
  await writeFile(ca, caPem);
  await writeFile(authorization, `Authorization: Bearer ${adminToken}\n`, { mode: 0o600 });
  const url = `${server}/api/v1/namespaces/kube-system/secrets?watch=true`;
  const secretsWatch = lab.master.spawn(['curl', '-sSN', '--cacert', ca, '-H', `@${authorization}`, url]);
  const processes = watchProcesses();
  const board = await lab.plug({ model: 'pi4' });
  await lab.until(() => board.state === 'ready', AbortSignal.timeout(240_000));
  await secretsWatch.waitFor(/"type":"DELETED"/);
  const world = await processes.stop();
  const tokens = tokensIn(secretsWatch.stdout());
  t.is(tokens.length, 1, 'its token was seen in the cluster, and that it was deleted');
  t.true(world.text.includes('kubeadm'), `the join itself was seen, in ${world.rounds} rounds`);

  const name = board.name ?? '';
  const shown = JSON.stringify([await lab.daemon.client.describe(name), await lab.daemon.client.status()]);
  await lab.daemon.stop('SIGTERM');
  const database = new Database(join(lab.daemon.dataDirectory, 'bramble.db'), { readonly: true });
  const events = JSON.stringify(database.prepare('SELECT * FROM events').all());
  const kept = database.prepare<[], { key: string; value: string }>('SELECT key, value FROM board_secrets').all();
  database.close();
  t.true(events.includes('node-ready'));

  const files = await textsBelow(lab.directory);
  const places = [...files.keys()].map((file) => file.replace(lab.directory, '')).join(' ');
  for (const place of ['/brambled.log', '/data/bramble.db']) t.true(places.includes(place), places);
  const ours = [...files].filter(([file]) => !file.startsWith(join(lab.directory, 'cluster')));
  for (const token of tokens) {
    t.false(world.text.includes(token), 'arguments and environments');
    t.false(shown.includes(token) || events.includes(token) || told.join().includes(token), 'events and views');
    for (const [file, text] of ours) t.false(text.includes(token), file);
  }

  // What the database keeps of a board is nowhere else.
  const secrets = kept.filter(({ key }) => !key.endsWith('.pub') && !key.endsWith('.state'));
  t.deepEqual(secrets.map(({ key }) => key).sort(), ['node-password', 'ssh-host-key', 'ssh-own-key']);
  const log = files.get(join(lab.directory, 'brambled.log')) ?? '';
  for (const { key, value } of secrets) {
    const words = value.split('\n').filter((line) => line.length > 30 && !line.startsWith('-----'));
    t.true(words.length > 0, key);
    for (const word of words) {
      t.false(world.text.includes(word), `${key} in arguments and environments`);
      t.false(log.includes(word) || events.includes(word) || shown.includes(word), `${key} in logs, events and views`);
    }
  }
});
