/** What a file or an unpacked image is, told by its first bytes, where it is no disk image. Pure. */

/** So many bytes from the start are enough. */
export const START_BYTES = 128 * 1024;

type Magic = readonly [name: string, at: number, hex: string];

export const packings = ['none', 'zip', 'xz', 'gzip', 'zstd'] as const;
/** How a published image is packed. */
export type Packing = (typeof packings)[number];

const known: readonly (readonly [Exclude<Packing, 'none'>, number, string])[] = [
  ['zip', 0, '504b0304'],
  ['zip', 0, '504b0506'],
  ['xz', 0, 'fd377a585a00'],
  ['gzip', 0, '1f8b08'],
  ['zstd', 0, '28b52ffd'],
];

/** Compressions and archives that are not unpacked here, and what does it. */
const foreign: readonly (readonly [...Magic, advice: string])[] = [
  ['bzip2-compressed', 0, '425a68', 'bunzip2'],
  ['a 7-Zip archive', 0, '377abcaf271c', '7z x'],
  ['a RAR archive', 0, '526172211a07', 'unrar x'],
  ['lz4-compressed', 0, '04224d18', 'unlz4'],
  ['lzip-compressed', 0, '4c5a4950', 'lzip -d'],
  ['LZMA-compressed', 0, '5d00008000', 'unlzma'],
  ['LZMA-compressed', 0, '5d00000004', 'unlzma'],
];

const CARD_IMAGE = 'bramble needs the image of a Raspberry Pi’s card (.img, or that packed as .zip, .xz, .gz or .zst)';
const DOWNLOAD = 'the download went wrong: fetch it again';

const strangers: readonly (readonly [...Magic, advice: string])[] = [
  ['an ISO image, as for a PC or a DVD', 32_769, '4344303031', CARD_IMAGE],
  ['a tar archive: files, not a disk', 257, '7573746172', CARD_IMAGE],
  ['a cpio archive: files, not a disk', 0, '303730373031', CARD_IMAGE],
  ['a squashfs: files, not a disk', 0, '68737173', CARD_IMAGE],
  ['a virtual machine’s disk (qcow2)', 0, '514649fb', 'convert it first: qemu-img convert -O raw IN OUT.img'],
  ['a virtual machine’s disk (VMDK)', 0, '4b444d56', 'convert it first: qemu-img convert -O raw IN OUT.img'],
  ['a virtual machine’s disk (VHD)', 0, '636f6e6563746978', 'convert it first: qemu-img convert -O raw IN OUT.img'],
  ['a virtual machine’s disk (VHDX)', 0, '7668647866696c65', 'convert it first: qemu-img convert -O raw IN OUT.img'],
  ['a virtual machine’s disk (VDI)', 64, '7f10dabe', 'convert it first: qemu-img convert -O raw IN OUT.img'],
  ['an Android sparse image', 0, '3aff26ed', 'convert it first: simg2img IN OUT.img'],
  ['a Windows image (WIM)', 0, '4d5357494d', CARD_IMAGE],
  ['a Windows disk (NTFS)', 3, '4e54465320202020', CARD_IMAGE],
  ['a Linux kernel', 56, '41524d64', CARD_IMAGE],
  ['a Windows program', 0, '4d5a', CARD_IMAGE],
  ['a program (ELF)', 0, '7f454c46', CARD_IMAGE],
  ['a Debian package', 0, '213c617263683e0a', CARD_IMAGE],
  ['a PDF document', 0, '25504446', CARD_IMAGE],
  ['a web page', 0, '3c21444f4354595045', DOWNLOAD],
  ['a web page', 0, '3c21646f6374797065', DOWNLOAD],
  ['a web page', 0, '3c68746d6c', DOWNLOAD],
];

/** One file system from the first byte on: what lies inside a partition. */
const bareFileSystems: readonly Magic[] = [
  ['FAT', 54, '4641543136'],
  ['FAT', 82, '4641543332'],
  ['exFAT', 3, '4558464154202020'],
];
/** These have no boot sector: where there is one, it is a leftover between partition table and first partition. */
const linuxFileSystems: readonly Magic[] = [
  ['ext4', 1080, '53ef'],
  ['Btrfs', 65_600, '5f42485266535f4d'],
];

const has = (start: Buffer, at: number, hex: string): boolean => start.toString('hex', at, at + hex.length / 2) === hex;

/** `none` also for what is packed in a way that is not unpacked here: `strangerIn` names it. */
export function packingOf(start: Buffer): Packing {
  const found = known.find(([, at, hex]) => has(start, at, hex));
  // A zstd file of several frames may begin with one that is to be skipped (RFC 8878 3.1.2).
  if (found === undefined && /^5.2a4d18/.test(start.toString('hex', 0, 4))) return 'zstd';
  return found?.[0] ?? 'none';
}

/** What it is and what to do, if it is known not to be a disk image: `an ISO image…: bramble needs …`. */
export function strangerIn(start: Buffer): string | undefined {
  const packed = foreign.find(([, at, hex]) => has(start, at, hex));
  if (packed !== undefined) return `${packed[0]}: unpack it first (${packed[3]}), then add the .img`;
  const stranger = strangers.find(([, at, hex]) => has(start, at, hex));
  if (stranger !== undefined) return `${stranger[0]}: ${stranger[3]}`;
  const candidates = has(start, 510, '55aa') ? bareFileSystems : [...bareFileSystems, ...linuxFileSystems];
  const bare = candidates.find(([, at, hex]) => has(start, at, hex));
  return bare && `a single ${bare[0]} file system without a partition table: ${CARD_IMAGE}`;
}
