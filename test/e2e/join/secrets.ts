/** What the daemon and the boards wrote and showed during joins, searched for everything that is secret. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { EventView } from '../../../daemon/http/wire.ts';
import type { ArgumentsWatch } from '../../integration/join-arguments.ts';
import type { Check } from '../scenario.ts';
import { say } from './each-step.ts';
import type { Site } from './site.ts';

type Row = { readonly key: string; readonly value: string };

export async function nothingSecretShown(check: Check, site: Site, watching: ArgumentsWatch): Promise<void> {
  const seen = await watching.stop();
  const { devices } = await site.client().status();
  const shown = {
    'its log': site.log(),
    'its events': JSON.stringify(await everyEvent(site)),
    'its status': JSON.stringify(await site.client().status()),
    'what it says of each board': JSON.stringify(
      await Promise.all(devices.map(({ name }) => site.client().describe(name))),
    ),
    'arguments and environments': seen.text,
  };
  await site.stop();
  const tokens = site.api.tokens().map(({ secret }) => secret);
  const { keys, passwords } = await ownSecrets(site.dataDirectory);

  await check('tokens, private keys and node passwords are in no log, event, status, argument or environment', () => {
    assert.ok(tokens.length > 0 && keys.length > 0 && passwords.length > 0);
    assert.match(shown['its log'], /"level":/);
    assert.match(shown['arguments and environments'], /(kubeadm-stand-in|k3s-agent-stand-in)\/main\.ts/);
    for (const [where, text] of Object.entries(shown)) {
      const found = [...tokens, ...keys, ...passwords].filter((secret) => text.includes(secret));
      assert.deepEqual(found, [], `${where} of ${text.length} characters`);
      assert.ok(!text.includes('BEGIN OPENSSH'), where);
    }
    const [bytes, all] = [Object.values(shown).join('').length, tokens.length + keys.length + passwords.length];
    say(
      `${all} secrets (${tokens.length} tokens) in none of ${bytes} characters, ${seen.rounds} looks at all processes`,
    );
  });
  await check('no file of the daemon holds a token, the events table no key and no password', async () => {
    const entries = await readdir(site.dataDirectory, { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.some((file) => file.endsWith('bramble.db')));
    for (const file of files) {
      const content = await readFile(file, 'latin1');
      assert.deepEqual(
        tokens.filter((token) => content.includes(token)),
        [],
        file,
      );
    }
    const database = new Database(join(site.dataDirectory, 'bramble.db'), { readonly: true });
    const events = JSON.stringify(database.prepare('SELECT * FROM events').all());
    database.close();
    assert.ok(events.length > 1000);
    for (const secret of [...keys, ...passwords]) assert.ok(!events.includes(secret));
  });
}

/** From the beginning. */
export async function everyEvent(site: Site): Promise<readonly EventView[]> {
  const all: EventView[] = [];
  for (let after = 0; ; ) {
    const some = await site.client().events({ after });
    if (some.length === 0) return all;
    all.push(...some);
    after = some.at(-1)?.id ?? after;
  }
}

/** The line of a private key that tells it from any other. */
const heart = (openssh: string): string => openssh.trim().split('\n').at(-3) ?? '';

async function ownSecrets(
  data: string,
): Promise<{ readonly keys: readonly string[]; readonly passwords: readonly string[] }> {
  const database = new Database(join(data, 'bramble.db'), { readonly: true });
  const rows = database.prepare<[], Row>('SELECT key, value FROM board_secrets').all();
  database.close();
  const pair: { readonly privateOpenssh: string } = JSON.parse(await readFile(join(data, 'keys', 'ssh.json'), 'utf8'));
  const keys = rows.flatMap(({ value }) => (value.includes('BEGIN OPENSSH') ? [heart(value)] : []));
  const passwords = rows.flatMap(({ key, value }) => (key === 'node-password' ? [value] : []));
  return { keys: [...keys, heart(pair.privateOpenssh)].filter((line) => line.length > 20), passwords };
}
