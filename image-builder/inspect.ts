/** What an imported image is: its boot partition, the system on it, how it takes its settings. */
import type { BaseRecord } from './base.ts';
import { openBootPartition } from './boot-partition.ts';
import { readOnlyDevice } from './device.ts';
import { openFileSource } from './disk.ts';
import { ImageError, orThrow } from './errors.ts';
import { listFiles, readFile, type Volume, volumeLabel } from './fat/volume.ts';
import { type BootPartitionFacts, recognise, recognisedTexts } from './recognise.ts';
import { cutShort } from './write-image.ts';

type Inspected = Pick<BaseRecord, 'format' | 'flavour' | 'found' | 'bootPartition' | 'label'>;

/** The unpacked `image` of the published `file`. Throws PARTITION_…, FAT_…, BASE_TRUNCATED, BASE_NOT_PI. */
export async function inspectImage(file: string, image: string): Promise<Inspected> {
  const source = await openFileSource(image);
  try {
    const boot = await openBootPartition(readOnlyDevice(source));
    if (!boot.ok) {
      const { code, detail, offset } = boot.error;
      if (code === 'PARTITION_OUTSIDE') throw cutShort(file, detail);
      const what = `${file} has no boot partition as a Raspberry Pi needs it: ${detail}`;
      throw new ImageError(code, what, offset === undefined ? {} : { offset });
    }
    const { partition, volume } = boot.value;
    const facts = await factsOf(volume);
    const recognised = recognise(facts);
    if ('refused' in recognised) throw new ImageError('BASE_NOT_PI', `${file} is ${recognised.refused}`);
    return { ...recognised, bootPartition: partition, label: facts.label };
  } finally {
    await source.close();
  }
}

const MOST_TEXT = 256 * 1024;

async function factsOf(volume: Volume): Promise<BootPartitionFacts> {
  const files = orThrow(await listFiles(volume));
  const texts = new Map<string, string>();
  for (const name of recognisedTexts) {
    const bytes = await readFile(volume, name, MOST_TEXT);
    // Of an absurd size, or a folder of this name: not what is looked for.
    if (bytes.ok && bytes.value !== undefined) texts.set(name, new TextDecoder().decode(bytes.value));
  }
  return { label: orThrow(await volumeLabel(volume)) ?? '', files, texts };
}
