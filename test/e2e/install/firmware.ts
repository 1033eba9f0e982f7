/** The script in `pi-firmware.cmd` for one board. */
import { readFile } from 'node:fs/promises';

export type FirmwareSpec = {
  /** 8 hex digits, the low half. */
  readonly serial: string;
  readonly mac: string;
};

/** Its lines. They say `FIRMWARE …` on the serial line. */
export async function piFirmware({ serial, mac }: FirmwareSpec): Promise<readonly string[]> {
  const bytes = mac.split(':');
  const littleEndian = serial.match(/../g)?.reverse().join('') ?? '';
  // U-Boot sends option 97 in the order of the text: RPi4, as a Pi 4 has it (facts 3.2).
  const uuid = `52506934-1431-d000-${bytes[2]}${bytes[3]}-${bytes[4]}${bytes[5]}${littleEndian}`;
  const script = await readFile(new URL('pi-firmware.cmd', import.meta.url), 'utf8');
  return script.replaceAll('@SERIAL@', serial).replaceAll('@UUID@', uuid).split('\n');
}
