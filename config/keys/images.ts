/** Keys about what is written to boards' disks, and how they start. */
import { z } from 'zod';
import { additionsSchema } from '../additions.ts';
import { diskTypes, parseByteSize } from '../values.ts';
import { parsedBy } from './parsers.ts';

const baseName = z.string().regex(/^[A-Za-z0-9._-]+$/, 'the name or id of an imported base image');

const byteSize = parsedBy<number>(parseByteSize);
const diskRule = z
  .strictObject({
    type: z.enum(diskTypes).optional().describe('What it is attached by.'),
    model: z.string().min(1).max(64).optional().describe('What it calls itself; `*` and `?` stand for anything.'),
    min: byteSize.optional().describe('At least this large: `32GB`.'),
    max: byteSize.optional().describe('At most this large.'),
  })
  .refine(
    (rule) => Object.values(rule).some((value) => value !== undefined),
    'a rule without a condition: name a type',
  );

const moduleName = z.string().regex(/^[A-Za-z0-9_-]{1,55}$/, 'the name of a kernel module, such as virtio_net');

export const imageKeys = {
  images: z
    .strictObject({
      default: baseName.optional().describe('Base image for boards. Needed only if more than one is imported.'),
      models: z
        .partialRecord(z.enum(['pi2', 'pi3', 'pi3b+', 'pi4', 'pi400', 'cm4', 'pi5', 'pi500', 'cm5']), baseName)
        .default({})
        .describe('Another base image for a model: `pi3: hypriotos`.'),
      kit: baseName
        .optional()
        .describe('Base image whose firmware and kernel netboot every board. Default: as `default`.'),
      disk: z
        .array(diskRule)
        .max(20)
        .default([])
        .describe(
          'Which disk of a board may be written: the first rule that fits one of its disks says which. No other is ever touched. Without rules: the card or disk that it was started from; from the network the first of sd, emmc, nvme, usb, virtio, other.',
        ),
      modules: z
        .array(moduleName)
        .max(64)
        .default([])
        .describe(
          'Kernel modules that the installer loads, taken with what they need from the initramfs of the kit. Raspberry Pi OS has built in what Raspberry Pis need.',
        ),
      timezone: z
        .string()
        .regex(/^[A-Za-z0-9/_+-]+$/, 'a time zone such as Europe/Amsterdam')
        .default('Etc/UTC'),
      securityUpdates: z
        .boolean()
        .default(true)
        .describe(
          'Boards with cloud-init install the security updates of their distribution by themselves, daily; they never restart for it. `false`: as the image has it.',
        ),
      additions: additionsSchema.describe('More for the images of groups of boards; of several that fit, all count.'),
    })
    .prefault({}),
  netboot: z
    .strictObject({
      bootOrder: z
        .enum(['keep', 'disk-first'])
        .default('keep')
        .describe(
          'Of a Pi 4 or 5 that was seen to ask the network before its disk. `keep`: its EEPROM is its own affair. `disk-first`: after joining it is told once, over SSH, that its disk comes first.',
        ),
      enable: z
        .boolean()
        .default(false)
        .describe(
          'A join card switches network boot on in the board it is put into, for good: in a Pi 3B that CANNOT BE TAKEN BACK; in a Pi 4 or 5 by the EEPROM image in `data`/eeprom/2711 or 2712 (pieeprom.upd, recovery.bin).',
        ),
      eeprom: z
        .boolean()
        .default(false)
        .describe(
          'A Pi 4 or 5 that was accepted gets the EEPROM image in `data`/eeprom/2711 or 2712 (pieeprom.upd) the next time it boots from the network, if it is newer than its last one.',
        ),
    })
    .prefault({}),
} as const;
