/** Images of a few megabytes, as the daemon would serve them. */
import { ok, problem } from '../../../config/result.ts';
import type { CardDeps } from '../../../daemon/http/endpoints/cards.ts';
import type { ByteSource } from '../../../daemon/ports.ts';

const sourceOf = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: async (into, offset) => {
    const part = bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  },
  close: async () => {},
});

/** `image` for every board but `worker-kube9`, which is not to be had; `asked` gets every question. */
export const cardsFake = (image: Uint8Array = new Uint8Array(512), asked: unknown[] = []): CardDeps => ({
  boardImage: async (name, wish) => {
    asked.push({ name, ...wish });
    if (name === 'worker-kube9') return problem('CONFLICT', 'worker-kube9 is rejected');
    return wish.most !== undefined && wish.most < image.length
      ? problem('TOO_LARGE', `${image.length} bytes, and there is room for ${wish.most}`)
      : ok({ source: sourceOf(image), notes: [`${name}: a note`] });
  },
  joinCard: async (eeprom) => {
    asked.push({ eeprom });
    return ok({ source: sourceOf(image), notes: ['starts pi4'] });
  },
});
