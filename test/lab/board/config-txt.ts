/** config.txt and cmdline.txt as the firmware reads them. Pure. */
import type { BoardModel } from './models.ts';

export type BootConfig = {
  readonly kernel: string | undefined;
  readonly initramfs: readonly string[];
  readonly cmdline: string;
  readonly deviceTree: string | undefined;
  readonly prefix: string;
  readonly arm64: boolean;
};

const filters: Readonly<Record<BoardModel, readonly string[]>> = {
  pi3: ['all', 'pi3'],
  'pi3b+': ['all', 'pi3', 'pi3+'],
  pi4: ['all', 'pi4'],
  pi5: ['all', 'pi5'],
};

/** Later lines win; a `[section]` that does not name this model is passed over. */
export function parseConfig(text: string, model: BoardModel): BootConfig {
  const settings = new Map<string, string>();
  let initramfs: readonly string[] = [];
  let applies = true;
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    if (section !== undefined) applies = filters[model].includes(section.toLowerCase());
    else if (applies && /^initramfs\s/.test(line)) initramfs = line.split(/\s+/).slice(1, 2);
    else if (applies && line.includes('=')) {
      const at = line.indexOf('=');
      settings.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim());
    }
  }
  const listed = settings.get('ramfsfile')?.split(',');
  return {
    kernel: settings.get('kernel'),
    initramfs: listed ?? initramfs,
    cmdline: settings.get('cmdline') ?? 'cmdline.txt',
    deviceTree: settings.get('device_tree'),
    prefix: settings.get('os_prefix') ?? '',
    // The Pi 4 and 5 start 64-bit by themselves, the others when told to.
    arm64: settings.get('arm_64bit') === '1' || (!model.startsWith('pi3') && settings.get('arm_64bit') !== '0'),
  };
}

/** Names the firmware tries one after another when config.txt names none. */
export function kernelNames(config: BootConfig, model: BoardModel): readonly string[] {
  if (config.kernel !== undefined) return [config.kernel];
  if (model === 'pi5') return ['kernel_2712.img', 'kernel8.img'];
  if (model === 'pi4') return config.arm64 ? ['kernel8.img', 'kernel7l.img'] : ['kernel7l.img'];
  return config.arm64 ? ['kernel8.img'] : ['kernel8-32.img', 'kernel7.img', 'kernel8.img'];
}

/** `key=value` words of the (one-line) kernel command line; a bare word has the value ''. */
export const parseCmdline = (text: string): ReadonlyMap<string, string> =>
  new Map(
    (text.split('\n')[0] ?? '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => {
        const [key = '', ...value] = word.split('=');
        return [key, value.join('=')];
      }),
  );
