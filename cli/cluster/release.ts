/** What a published release of k3s consists of, and by what its files are known. Pure. */

import { type K3sArch, type K3sKind, k3sArchs, k3sKinds } from '../../config/k3s-release.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** Where the project publishes; `--url` names a copy of it, with the same folders. */
export const defaultReleaseUrl = 'https://github.com/k3s-io/k3s/releases/download';

export type Wanted = { readonly arch: K3sArch; readonly kind: K3sKind };

/** k3s calls its 32-bit ARM program `armhf` and the images and sums that belong to it `arm`. */
const published: Readonly<Record<K3sArch, Readonly<Record<K3sKind | 'sums', string>>>> = {
  amd64: { binary: 'k3s', images: 'k3s-airgap-images-amd64.tar.zst', sums: 'sha256sum-amd64.txt' },
  arm64: { binary: 'k3s-arm64', images: 'k3s-airgap-images-arm64.tar.zst', sums: 'sha256sum-arm64.txt' },
  armhf: { binary: 'k3s-armhf', images: 'k3s-airgap-images-arm.tar.zst', sums: 'sha256sum-arm.txt' },
};

export const publishedName = ({ arch, kind }: Wanted): string => published[arch][kind];
export const sumsName = (arch: K3sArch): string => published[arch].sums;

/** Both files of each. */
export const wantedFor = (archs: readonly K3sArch[]): readonly Wanted[] =>
  archs.flatMap((arch) => k3sKinds.map((kind) => ({ arch, kind })));

/** By the name under which it was published. */
export const wantedNamed = (name: string): Wanted | undefined =>
  wantedFor(k3sArchs).find((wanted) => publishedName(wanted) === name);

export const releaseUrl = (base: string, version: string, name: string): string =>
  `${base.replace(/\/+$/, '')}/${encodeURIComponent(version)}/${encodeURIComponent(name)}`;

/** Lines of sha256sum(1): by file name, without folders. What is no such line is passed over. */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => /^([0-9a-fA-F]{64})[ \t]+\*?(?:.*\/)?([^/\s]+)\s*$/.exec(line));
  return new Map(lines.flatMap((match) => (match ? [[match[2] ?? '', (match[1] ?? '').toLowerCase()] as const] : [])));
}

/** As Debian and Node call this machine's processor; undefined: k3s is not published for it. */
export function archOf(processArch: string): K3sArch | undefined {
  const known: Readonly<Record<string, K3sArch>> = { x64: 'amd64', arm64: 'arm64', arm: 'armhf' };
  return known[processArch];
}

/** ELF(5): class at 4 (1: 32-bit, 2: 64-bit), data at 5 (1: little-endian), machine at 18. */
const machines: Readonly<Record<K3sArch, { readonly bits: number; readonly machine: number }>> = {
  amd64: { bits: 2, machine: 62 },
  arm64: { bits: 2, machine: 183 },
  armhf: { bits: 1, machine: 40 },
};

/** Bytes of a file's beginning that `checkBeginning` wants. */
export const BEGINNING = 20;

/** Whether it begins as a file of its kind does: the last word on what somebody renamed, and on a page instead of a file. */
export function checkBeginning(begin: Uint8Array, { arch, kind }: Wanted): Result<void, Problem<'NOT_K3S'>> {
  const is = (bytes: readonly number[], at = 0): boolean => bytes.every((byte, index) => begin[at + index] === byte);
  if (kind === 'images') {
    // RFC 8878 3.1.1
    return is([0x28, 0xb5, 0x2f, 0xfd]) ? ok(undefined) : problem('NOT_K3S', 'is no zstd archive (.tar.zst)');
  }
  if (!is([0x7f, 0x45, 0x4c, 0x46])) return problem('NOT_K3S', 'is no program (ELF)');
  const { bits, machine } = machines[arch];
  return is([bits, 1], 4) && is([machine & 255, machine >> 8], 18)
    ? ok(undefined)
    : problem('NOT_K3S', `is a program for another processor than ${arch}`);
}

/** What is wrong if boards get `wanted` and their server runs `server`; undefined: nothing, or it is no k3s. */
export function versionGap(server: string, wanted: string): string | undefined {
  if (!server.includes('+k3s') || server === wanted) return undefined;
  return `the server runs ${server} and boards would get ${wanted}: write cluster: {version: ${server}} into bramble.yaml and run bramble cluster fetch`;
}
