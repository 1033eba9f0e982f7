/** The process: its exit codes, and that nothing is started when its configuration is wrong. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { eepromImage } from '../support/eeprom.ts';
import { finish, startProgram } from '../support/program.ts';

const main = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
const brambled = (args: readonly string[], env: Record<string, string> = {}) =>
  startProgram([process.execPath, main, ...args], { env });

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'brambled-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function configured(t: ExecutionContext, text: string): Promise<{ folder: string; config: string }> {
  const folder = await folderFor(t);
  const config = join(folder, 'bramble.yaml');
  await writeFile(config, text.replaceAll('FOLDER', folder));
  return { folder, config };
}

test('a wrong file: every problem with its key path, exit 78, nothing made', async (t) => {
  const text = 'data: FOLDER/data\nsocket: FOLDER/sock\ndhcp: {mode: ful}\nhttp: {port: 0}\nfoo: 1\n';
  const { folder, config } = await configured(t, text);
  const end = await finish(brambled(['--config', config]));
  t.is(end.code, 78);
  for (const key of ['dhcp.mode', 'http.port', 'foo']) t.true(end.stderr.includes(`: ${key}: `), end.stderr);
  t.true(end.stderr.includes('3 problems; nothing was started'), end.stderr);
  t.deepEqual(await readdir(folder), ['bramble.yaml']);
});

test('--check also looks for the files that go into images; the daemon itself would start', async (t) => {
  const text = `images:
  additions:
    - files:
        - {path: /etc/there, from: FOLDER/bramble.yaml}
        - {path: /etc/missing, from: FOLDER/missing}
`;
  const { folder, config } = await configured(t, text);
  const end = await finish(brambled(['--config', config, '--check']));
  t.is(end.code, 78);
  t.regex(end.stderr, /^images\.additions\.0\.files\.1\.from: .*\/missing, which the daemon cannot read: ENOENT.*\n$/);
  await writeFile(join(folder, 'missing'), '');
  t.is((await finish(brambled(['--config', config, '--check']))).code, 0);
});

test('--check says which EEPROM images are missing or none, and where they are to lie', async (t) => {
  const { folder, config } = await configured(t, 'data: FOLDER/data\nnetboot: {eeprom: true}\n');
  const check = () => finish(brambled(['--config', config, '--check']));
  const place = (chip: string): string => join(folder, 'data/eeprom', chip);
  const missing = await check();
  t.is(missing.code, 78);
  t.true(missing.stderr.startsWith('netboot.eeprom: no EEPROM image is there'), missing.stderr);
  for (const chip of ['2711', '2712']) t.true(missing.stderr.includes(`into ${place(chip)}`), missing.stderr);
  await mkdir(place('2711'), { recursive: true });
  await writeFile(join(place('2711'), 'pieeprom.upd'), eepromImage('BOOT_ORDER=0xf21\n').subarray(1));
  const short = await check();
  t.is(short.code, 78);
  t.true(
    short.stderr.startsWith(`netboot.eeprom: ${place('2711')}: an EEPROM image of BCM2711 has 524288 bytes, this`),
  );
  await writeFile(join(place('2711'), 'pieeprom.upd'), eepromImage('BOOT_ORDER=0xf21\n'));
  const well = await check();
  t.deepEqual([well.code, well.stdout], [0, 'the configuration is well\n'], well.stderr);
});

test('a file that was named and is not there is a problem; the default one need not be there', async (t) => {
  const folder = await folderFor(t);
  const named = await finish(brambled(['--config', join(folder, 'none.yaml'), '--check']));
  t.is(named.code, 78);
  t.regex(named.stderr, /none\.yaml/);
  const byDefault = await finish(brambled(['--check'], { BRAMBLE_CONFIG: join(folder, 'none.yaml') }));
  t.is(byDefault.code, 0, byDefault.stderr);
});

test('usage, version, interface', async (t) => {
  t.is((await finish(brambled(['--wat']))).code, 64);
  t.regex((await finish(brambled(['--version']))).stdout, /^\d+\.\d+\.\d+\n$/);
  const { config } = await configured(t, 'interface: lo\n');
  const end = await finish(brambled(['--config', config, '--print-interface']));
  t.deepEqual([end.code, end.stdout], [0, 'lo\n']);
  const unclear = await configured(t, 'interface: nosuch0\n');
  const refused = await finish(brambled(['--config', unclear.config, '--print-interface']));
  t.is(refused.code, 1);
  t.regex(refused.stderr, /interface: /, 'names the line to write');
});

test('without a clear interface it stays up and says so; a second one on the same socket does not start', async (t) => {
  const text = 'interface: nosuch0\ndata: FOLDER/data\nsocket: FOLDER/sock\nlog: {level: debug}\n';
  const { folder, config } = await configured(t, text);
  const first = brambled(['--config', config]);
  t.teardown(first.kill);
  await first.waitFor(/network not clear/);
  await first.waitFor(/"service is up"/);
  const socket = join(folder, 'sock');
  const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const status = async () =>
    await finish(startProgram([process.execPath, cli, '--socket', socket, 'status', '-o', 'json']));
  const shown = await status();
  t.regex(shown.stdout, /there is no interface nosuch0/);
  const second = await finish(brambled(['--config', config]));
  t.is(second.code, 1);
  t.regex(second.stderr, /another process answers/);
  await first.kill();
  t.is(await first.exited, 0, 'SIGTERM is an orderly end');
  t.is((await status()).code, 3);
});
