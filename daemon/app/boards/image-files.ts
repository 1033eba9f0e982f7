/** What goes into a board's image, for its owner to look at. Pure but for a key that is thrown away. */
import { type Base, type BoardPlan, type PlannedFile, securityNote } from '../../../image-builder/index.ts';
import type { ImageFilesView, ImageFileView } from '../../http/wire.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';

/** In the place of what is drawn with the image itself. */
export const TO_COME = 'drawn-with-the-image';

/** As long as the real one, so that the sizes are right; nobody gets to see its private half. */
export function keyToCome({ name }: Device): SshKeyPair {
  const { privateOpenssh } = generateSshKeyPair(name);
  return { privateOpenssh, publicLine: `ssh-ed25519 ${'0'.repeat(68)} ${name}` };
}

export const imageFilesView = (
  device: Device,
  base: Pick<Base, 'name' | 'format' | 'flavour'>,
  plan: BoardPlan,
  { made }: { readonly made: boolean },
): ImageFilesView => ({
  device: device.name,
  base: base.name,
  format: base.format,
  made,
  notes: [securityNote(base) ?? []].flat(),
  files: plan.files.map(fileView),
});

const fileView = ({ path, bytes, secret, shown }: PlannedFile): ImageFileView => ({
  path,
  bytes: bytes.length,
  secret,
  text: textOf(shown),
});

function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
