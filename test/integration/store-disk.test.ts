/** The store on disks that are full or cannot be written: small file systems in a mount namespace of their own. */
import test from 'ava';
import { minutes } from '../../config/values.ts';
import { systemShell } from '../../daemon/system/shell.ts';
import { temporaryFolder } from '../unit/store/samples.ts';

const child = (name: string): string => new URL(`./${name}.ts`, import.meta.url).pathname;

/** `script` runs as root of a mount namespace that goes away with it; `$1` is a folder, `$2` Node, `$3` the child. */
function inMountNamespace(script: string, ...args: readonly string[]) {
  const options = { signal: new AbortController().signal, timeout: minutes(1) };
  return systemShell('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-ec', script, 'sh', ...args], options);
}

test('a full disk: commits reject with STORE_FULL, and go on when there is room again', async (t) => {
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1"; exec "$2" "$3" "$1"';
  const directory = await temporaryFolder(t);
  const { code, stdout, stderr } = await inMountNamespace(
    script,
    directory,
    process.execPath,
    child('store-disk-child'),
  );
  t.is(code, 0, stderr);
  const result = JSON.parse(stdout);
  t.like(result, { full: 'STORE_FULL', after: 'number', integrity: [], kept: 'still', files: ['bramble.db'] });
  t.true(result.acknowledged > 3);
  t.is(result.whileFull, result.acknowledged);
  t.is(result.settings, result.acknowledged);
});

test('a disk that can only be read: the start says so', async (t) => {
  const directory = await temporaryFolder(t);
  const script = 'mount -t tmpfs tmpfs "$1"; mkdir "$1/store"; mount -o remount,ro "$1"; exec "$2" "$3" "$1/store"';
  const { code, stderr } = await inMountNamespace(script, directory, process.execPath, child('store-disk-child'));
  t.not(code, 0);
  t.regex(stderr, /STORE_READONLY/);
  t.regex(stderr, /cannot open .*store.bramble\.db/);
});
