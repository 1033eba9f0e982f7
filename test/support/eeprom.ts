/** An EEPROM image as rpi-eeprom-config writes them: a row of sections, a bootloader and bootconf.txt among them. */
export function eepromImage(conf: string | Uint8Array, bytes = 512 * 1024): Buffer {
  const image = Buffer.alloc(bytes, 0xff);
  const section = (at: number, magic: number, contents: Uint8Array): number => {
    image.writeUInt32BE(magic, at);
    image.writeUInt32BE(contents.length, at + 4);
    image.set(contents, at + 8);
    return at + Math.ceil((8 + contents.length) / 8) * 8;
  };
  const next = section(0, 0x55aaf00f, Buffer.alloc(70_001, 1));
  const name = Buffer.alloc(16);
  name.write('bootconf.txt');
  section(next, 0x55aaf11f, Buffer.concat([name, Buffer.from(conf)]));
  return image;
}
