/** A release of k3s on the master, as `bramble cluster fetch` leaves it. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { K3S_RECORD, type K3sRecord, k3sFileName, k3sFolder } from '../../../config/k3s-release.ts';

/** Some seconds on a slow card. */
const imagesBytes = 4 * 2 ** 20;

export async function putRelease(data: string, version: string, program: string): Promise<void> {
  const folder = k3sFolder(data, version);
  await mkdir(folder, { recursive: true });
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const contents = { binary: Buffer.from(program), images: Buffer.alloc(imagesBytes, 'images') };
  const files: K3sRecord['files'] = [];
  for (const kind of ['binary', 'images'] as const) {
    const content = contents[kind];
    const name = k3sFileName(arch, kind);
    await writeFile(join(folder, name), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    files.push({ name, arch, kind, bytes: content.length, sha256 });
  }
  await writeFile(join(folder, K3S_RECORD), JSON.stringify({ version, files } satisfies K3sRecord));
}
