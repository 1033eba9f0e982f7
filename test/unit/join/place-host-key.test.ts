import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { placeHostKey } from '../../../daemon/join/place-host-key.ts';

test('wherever power fails, the public file is that of the private one, or is not there', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'key'), 'old\n');
  writeFileSync(join(folder, 'key.pub'), 'old\n');
  writeFileSync(join(folder, 'key.bramble'), 'new\n');
  const look = 'look() { echo "$(cat key) $(cat key.pub 2> /dev/null || echo none)"; }';
  const watched = ['rm', 'mv', 'sync', 'chmod'].map((name) => `${name}() { command ${name} "$@"; look; }`).join('\n');
  const script = `set -e\n${look}\n${watched}\nkey=key new=key.bramble public=new\n${placeHostKey}`;
  const seen = execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  const met = seen.filter((pair, place) => pair !== seen[place - 1]);
  t.deepEqual(met, ['old old', 'old none', 'new none', 'new new']);
  t.is(readFileSync(join(folder, 'key.pub'), 'utf8'), 'new\n');
});
