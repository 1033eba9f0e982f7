/**
 * A release of k3s as it lies in `<data>/k3s/<version>/`: `bramble cluster fetch` puts it there, the daemon serves it, and
 * boards fetch it by its sums. Pure.
 */
import { z } from 'zod';
import { ok, type Problem, problem, type Result } from './result.ts';

/** What k3s is published for and bramble has boards or masters of; `armhf` wants ARMv7. */
export const k3sArchs = ['arm64', 'armhf', 'amd64'] as const;
export type K3sArch = (typeof k3sArchs)[number];

export const k3sKinds = ['binary', 'images'] as const;
/** `images`: the container images that a node needs before it can pull any. */
export type K3sKind = (typeof k3sKinds)[number];

/** The release that this bramble was made for. */
export const pinnedK3sVersion = 'v1.34.2+k3s1';

/** It is a folder's name, too. */
export const k3sVersionPattern = /^v\d{1,3}\.\d{1,3}\.\d{1,3}[A-Za-z0-9.+-]{0,40}$/;

/** Where a release is, below the daemon's `data`. */
export const k3sReleases = (data: string): string => `${data}/k3s`;
export const k3sFolder = (data: string, version: string): string => `${k3sReleases(data)}/${version}`;
/** What is here in whole; a file that it does not name is unfinished. */
export const K3S_RECORD = 'record.json';

/** The name under which it is kept. */
export const k3sFileName = (arch: K3sArch, kind: K3sKind): string =>
  kind === 'binary' ? `k3s-${arch}` : `k3s-airgap-images-${arch}.tar.zst`;

const record = z.strictObject({
  version: z.string().regex(k3sVersionPattern),
  files: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$/),
        arch: z.enum(k3sArchs),
        kind: z.enum(k3sKinds),
        bytes: z.int().min(1),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(100),
});

export type K3sRecord = z.output<typeof record>;
export type K3sRecordFile = K3sRecord['files'][number];

/** `text` of a `record.json`. */
export function parseK3sRecord(text: string): Result<K3sRecord, Problem<'K3S_RECORD'>> {
  try {
    const parsed = record.safeParse(JSON.parse(text));
    if (parsed.success) return ok(parsed.data);
  } catch {
    // No JSON at all: the same to whoever reads it.
  }
  return problem('K3S_RECORD', 'the record of this release is damaged: run bramble cluster fetch again');
}
