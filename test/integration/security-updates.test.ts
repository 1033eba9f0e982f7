/** What a board's own programs make of the files that switch security updates on: systemd, apt and a shell. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { securityUpdateFiles } from '../../image-builder/security-updates.ts';

const run = promisify(execFile);
const fileAt = (end: string): string =>
  Buffer.from(securityUpdateFiles.find(({ path }) => path.endsWith(end))?.content ?? []).toString();

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-security-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('apt reads the settings, behind those of unattended-upgrades itself', async (t) => {
  const folder = await folderOf(t);
  const parts = join(folder, 'apt.conf.d');
  await mkdir(parts);
  const ours = securityUpdateFiles.find(({ path }) => path.startsWith('/etc/apt/apt.conf.d/'))?.path ?? '';
  await writeFile(join(parts, basename(ours)), fileAt(basename(ours)));
  const theirs =
    'Unattended-Upgrade::Automatic-Reboot "true";\nUnattended-Upgrade::Origins-Pattern { "origin=Debian"; };\n';
  await writeFile(join(parts, '50unattended-upgrades'), theirs);
  await writeFile(join(parts, '20auto-upgrades'), 'APT::Periodic::Unattended-Upgrade "0";\n');
  const env = { ...process.env, APT_CONFIG: join(folder, 'main') };
  await writeFile(env.APT_CONFIG, `Dir::Etc::parts "${parts}";\nDir::Etc::main "/dev/null";\n`);
  const { stdout } = await run('apt-config', ['dump'], { env });
  for (const line of [
    'APT::Periodic::Update-Package-Lists "1";',
    'APT::Periodic::Unattended-Upgrade "1";',
    'Unattended-Upgrade::Automatic-Reboot "false";',
    'Unattended-Upgrade::Origins-Pattern:: "origin=Debian";',
  ])
    t.true(stdout.split('\n').includes(line), `${line}\n${stdout}`);
});

test('systemd finds nothing wrong with what apt’s own unit gets', async (t) => {
  const folder = await folderOf(t);
  const unit = join(folder, 'apt-daily-upgrade.service');
  await writeFile(unit, '[Service]\nType=oneshot\nExecStart=/bin/true\n');
  const dropIn = join(folder, 'apt-daily-upgrade.service.d', 'bramble.conf');
  await mkdir(dirname(dropIn));
  const verify = async (): Promise<string> => {
    const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` };
    const args = ['verify', '--man=no', '--recursive-errors=no', unit];
    return await run('systemd-analyze', args, { env }).then(
      ({ stderr }) => stderr,
      ({ stderr }: { stderr: string }) => stderr,
    );
  };
  await writeFile(dropIn, '[Service]\nExecStartPre=-/no/such/program\nNonsense=1\n');
  t.regex(await verify(), /Nonsense/, 'it does look at it');
  await writeFile(dropIn, fileAt('/bramble.conf'));
  t.is(await verify(), '');
});

test('the program is got once; without internet that ends, and hurts nobody', async (t) => {
  const folder = await folderOf(t);
  // As systemd reads it: a `$` or `%` would mean something to it.
  const [, line = ''] = /^ExecStartPre=-(.*)$/m.exec(fileAt('/bramble.conf')) ?? [];
  const [, limit, command = ''] = /^\/usr\/bin\/timeout (\d+m) \/bin\/sh -c '([^'$%\\]+)'$/.exec(line) ?? [];
  t.is(limit, '30m');
  const called = join(folder, 'called');
  const program = async (name: string, code: number): Promise<void> =>
    await writeFile(join(folder, name), `#!/bin/sh\necho "$@" >> ${called}\nexit ${code}\n`, { mode: 0o755 });
  const start = async (): Promise<number> =>
    await run('/bin/sh', ['-c', command], { env: { PATH: folder } }).then(
      () => 0,
      ({ code }: { code: number }) => code,
    );
  // Doubles of apt-get: one without internet, then one with.
  await program('apt-get', 100);
  t.is(await start(), 100, 'which the minus in front of the command has systemd pass over');
  t.is(await readFile(called, 'utf8'), '-qq update\n', 'nothing is installed from lists that are not there');
  await rm(called);
  await program('apt-get', 0);
  t.is(await start(), 0);
  t.regex(
    await readFile(called, 'utf8'),
    /^-qq update\n-qq -y --no-install-recommends .* install unattended-upgrades\n$/,
  );
  await rm(called);
  await program('unattended-upgrade', 0);
  t.is(await start(), 0);
  await t.throwsAsync(readFile(called), { code: 'ENOENT' });
});
