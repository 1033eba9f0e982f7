/** The installer's initramfs as GNU cpio takes it apart, with the busybox that boards are given. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { INSTALLER_PATH, installerInitramfs, readBusybox } from '../../image-builder/index.ts';
import { emptyFolder } from './installer-boot-fake.ts';

const run = promisify(execFile);

/** The archive's listing, and the folder that it is unpacked into. */
async function unpacked(t: ExecutionContext, archive: Uint8Array): Promise<{ folder: string; listing: string }> {
  const folder = await emptyFolder(t);
  await writeFile(join(folder, 'archive'), gunzipSync(archive));
  await run('cpio', ['-idm', '--quiet', '-F', 'archive'], { cwd: folder });
  const { stdout } = await run('cpio', ['-tv', '--quiet', '-F', 'archive'], { cwd: folder });
  return { folder, listing: stdout };
}

test('without modules it is small, and has what starts the installer', async (t) => {
  const busybox = must(await readBusybox());
  const archive = await installerInitramfs({ busybox });
  t.true(archive.length < 4 * 2 ** 20, `${archive.length} bytes`);
  t.is(Buffer.compare(await installerInitramfs({ busybox }), archive), 0, 'the same bytes each time');
  const { folder, listing } = await unpacked(t, archive);
  for (const program of ['init', 'bin/busybox', 'bin/udhcpc', INSTALLER_PATH]) {
    t.regex(listing, new RegExp(`^-rwxr-xr-x .* ${program}$`, 'm'));
  }
  t.true((await readFile(join(folder, 'bin/busybox'))).equals(busybox));
  t.regex(await readFile(join(folder, 'init'), 'utf8'), /^#!\/bin\/busybox sh\n/);
  t.notRegex(listing, /\.ko$/m);
});

test('a busybox that is not there, or of another machine, is named', async (t) => {
  const missing = await readBusybox({ BRAMBLE_BUSYBOX: '/nowhere/busybox' });
  t.like(missing, { ok: false, error: { code: 'NO_BUSYBOX' } });
  t.regex(missing.ok ? '' : missing.error.detail, /\/nowhere\/busybox .*cannot be read/);
  const folder = await emptyFolder(t);
  const nowhere = await readBusybox({ XDG_CACHE_HOME: folder });
  t.regex(nowhere.ok ? '' : nowhere.error.detail, /run \.ci\/arm64-busybox/);
  const file = join(folder, 'busybox');
  await writeFile(file, Buffer.concat([Buffer.from('#!/bin/sh\n'), Buffer.alloc(100)]));
  t.like(await readBusybox({ BRAMBLE_BUSYBOX: file }), { ok: false, error: { code: 'NO_BUSYBOX' } });
});
