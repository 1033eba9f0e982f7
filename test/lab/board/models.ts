/**
 * What tells the boards apart on the wire: one row per boot ROM. Sources: the captures and documents that the vectors
 * V1 to V8 were taken from. Waits that no server can see (link training, USB enumeration) are left out: a virtual board
 * is quicker than a real one, and says so in its timeline by starting at 0.
 */

import { must, type Result } from '../../../config/result.ts';
import { type Mac, type Model, macBytes, macFromBytes, type Serial } from '../../../config/values.ts';

/** The models that the lab can play. */
export const boardModels = ['pi3', 'pi3b+', 'pi4', 'pi5'] as const satisfies readonly Model[];
export type BoardModel = (typeof boardModels)[number];

export type Identity = {
  readonly model: BoardModel;
  readonly mac: Mac;
  /** All 16 digits, as `/proc/cpuinfo` shows it. */
  readonly serial: Serial;
};

/** How option 97 is filled: the Pi 3B's ROM has a constant, the 3B+ four times its serial, the EEPROMs the long form. */
export type Option97 = 'constant-44' | 'serial-4' | '4iPR' | 'RPi4' | '5iPR' | 'RPi5';

export type ModelRow = {
  /** As in `/proc/device-tree/model`. */
  readonly description: string;
  readonly revision: number;
  readonly memoryBytes: number;
  readonly deviceTree: string;
  readonly dhcp: {
    readonly option97: Option97;
    readonly option55: string;
    /** Order of the options between 55 and the end. */
    readonly order: readonly ('93' | '94' | '97' | '60')[];
    /** One for every board and every boot, or drawn anew for each DISCOVER. */
    readonly xid: 'constant' | 'random';
    readonly request: boolean;
    readonly ttl: number;
    readonly udpChecksum: boolean;
    /** Milliseconds to wait for an answer, one after another; then the board gives up on the network. */
    readonly waits: readonly number[];
  };
  /** What a board does that could not boot: the Pi 3's ROM stops until it is switched off, the EEPROMs start over. */
  readonly afterFailure: 'stop' | 'restart';
  readonly firstSourcePort: number;
};

const every = (count: number, wait: number): readonly number[] => Array.from({ length: count }, () => wait);

/** Eleven of them cover DHCP_TIMEOUT (45 s) at DHCP_REQ_TIMEOUT (4 s). */
const eepromWaits = every(11, 4000);
const romWaits = every(5, 5000);
const gibibytes = (count: number): number => count * 2 ** 30;

export const modelTable: Readonly<Record<BoardModel, ModelRow>> = {
  pi3: {
    description: 'Raspberry Pi 3 Model B Rev 1.2',
    revision: 0xa02082,
    memoryBytes: gibibytes(1),
    deviceTree: 'bcm2710-rpi-3-b.dtb',
    dhcp: {
      option97: 'constant-44',
      option55: '2b3c43808182838485868742',
      order: ['93', '94', '97', '60'],
      xid: 'constant',
      request: false,
      ttl: 128,
      udpChecksum: false,
      waits: romWaits,
    },
    afterFailure: 'stop',
    firstSourcePort: 49152,
  },
  'pi3b+': {
    description: 'Raspberry Pi 3 Model B Plus Rev 1.3',
    revision: 0xa020d3,
    memoryBytes: gibibytes(1),
    deviceTree: 'bcm2710-rpi-3-b-plus.dtb',
    dhcp: {
      option97: 'serial-4',
      option55: '2b3c438081828384858687420103',
      order: ['93', '94', '97', '60'],
      xid: 'constant',
      request: false,
      ttl: 128,
      udpChecksum: false,
      waits: romWaits,
    },
    afterFailure: 'stop',
    firstSourcePort: 49152,
  },
  pi4: {
    description: 'Raspberry Pi 4 Model B Rev 1.5',
    revision: 0xc03115,
    memoryBytes: gibibytes(4),
    deviceTree: 'bcm2711-rpi-4-b.dtb',
    dhcp: {
      option97: 'RPi4',
      option55: '01032b3c42438081828384858687',
      order: ['60', '93', '94', '97'],
      xid: 'random',
      request: true,
      ttl: 64,
      udpChecksum: true,
      waits: eepromWaits,
    },
    afterFailure: 'restart',
    firstSourcePort: 40134,
  },
  pi5: {
    description: 'Raspberry Pi 5 Model B Rev 1.0',
    revision: 0xc04170,
    memoryBytes: gibibytes(4),
    deviceTree: 'bcm2712-rpi-5-b.dtb',
    dhcp: {
      option97: '5iPR',
      option55: '01032b3c42438081828384858687',
      order: ['60', '93', '94', '97'],
      xid: 'random',
      request: true,
      ttl: 64,
      udpChecksum: true,
      waits: eepromWaits,
    },
    afterFailure: 'restart',
    firstSourcePort: 40134,
  },
};

const vendorPrefix: Readonly<Record<BoardModel, readonly number[]>> = {
  pi3: [0xb8, 0x27, 0xeb],
  'pi3b+': [0xb8, 0x27, 0xeb],
  pi4: [0xdc, 0xa6, 0x32],
  pi5: [0x2c, 0xcf, 0x67],
};

/** Bytes that differ between boards, told by the serial (Pi 1 to 3: its low 24 bits) or programmed apart (Pi 4, 5). */
export function macOf(model: BoardModel, serial: Serial): Mac {
  const tail = Buffer.from(serial.slice(-6), 'hex');
  // Pi 4 and 5: no relation to the serial; any injective mapping keeps the boards of a lab apart.
  const bytes = model.startsWith('pi3') ? tail : tail.map((byte) => byte ^ 0x5a);
  return must(macFromBytes(Uint8Array.from([...vendorPrefix[model], ...bytes])));
}

/** `serial` of the `number`th board of a lab: 64 bits on a Pi 5, upper half fixed elsewhere. */
export function identityOf(
  model: BoardModel,
  number: number,
  parse: (text: string) => Result<Serial, { readonly detail: string }>,
): Identity {
  const upper = { pi3: '00000000', 'pi3b+': '00000000', pi4: '10000000', pi5: 'd7bd1a07' }[model];
  const low = (0x7b100000 + number * 0x101 + 0x11).toString(16).padStart(8, '0');
  const serial = must(parse(`${upper}${low}`));
  return { model, serial, mac: macOf(model, serial) };
}

const littleEndian = (number: number): Uint8Array =>
  Uint8Array.of(number & 255, (number >>> 8) & 255, (number >>> 16) & 255, (number >>> 24) & 255);

/** The 17 bytes of option 97 of this board (0, then 16 bytes that are no UUID). */
export function option97Of(identity: Identity, revision: number, form: Option97): Uint8Array {
  const serial = littleEndian(Number.parseInt(identity.serial.slice(-8), 16));
  switch (form) {
    case 'constant-44':
      return Uint8Array.of(0, ...new Uint8Array(16).fill(0x44));
    case 'serial-4':
      return Uint8Array.of(0, ...serial, ...serial, ...serial, ...serial);
    default:
      return Uint8Array.of(
        0,
        ...Buffer.from(form, 'ascii'),
        ...littleEndian(revision),
        ...macBytes(identity.mac).subarray(2),
        ...serial,
      );
  }
}

/** The folder that the board asks its files from first: eight digits, lower case. */
export const tftpPrefix = (serial: Serial): string => serial.slice(-8);
