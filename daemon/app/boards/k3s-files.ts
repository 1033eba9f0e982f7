/** The releases of k3s that `bramble cluster fetch` put into the daemon's data: looked for at each question. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { K3S_RECORD, type K3sRecordFile, k3sReleases, parseK3sRecord } from '../../../config/k3s-release.ts';
import { openFileSource } from '../../../image-builder/index.ts';
import type { ByteSource } from '../../ports.ts';

export type K3sFile = K3sRecordFile & { readonly version: string };

export type K3sFiles = {
  /** Every whole file of every release; a release whose record is damaged has none, `bramble cluster show` tells of it. */
  readonly list: () => Promise<readonly K3sFile[]>;
  /** Whoever asked closes it. Undefined: there is no such file. */
  readonly open: (sha256: string) => Promise<ByteSource | undefined>;
};

export function k3sFiles(data: string): K3sFiles {
  const releases = k3sReleases(data);

  async function list(): Promise<readonly K3sFile[]> {
    const versions = await readdir(releases).catch(() => []);
    const files: K3sFile[] = [];
    for (const version of versions) {
      const text = await readFile(join(releases, version, K3S_RECORD), 'utf8').catch(() => '');
      const record = parseK3sRecord(text);
      if (!record.ok || record.value.version !== version) continue;
      for (const file of record.value.files) if (await isWhole(version, file)) files.push({ ...file, version });
    }
    return files;
  }

  const isWhole = (version: string, { name, bytes }: K3sRecordFile): Promise<boolean> =>
    stat(join(releases, version, name)).then(
      (about) => about.isFile() && about.size === bytes,
      () => false,
    );

  async function open(sha256: string): Promise<ByteSource | undefined> {
    const found = (await list()).find((file) => file.sha256 === sha256);
    if (found === undefined) return undefined;
    // It may be removed between the two.
    return await openFileSource(join(releases, found.version, found.name)).catch(() => undefined);
  }

  return { list, open };
}
