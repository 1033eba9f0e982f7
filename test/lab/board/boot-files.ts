/**
 * Which files a board asks for, in which order, as captured per model. Pure: a generator asks, its driver answers; so the
 * same order runs against a real server and in a table test.
 */
import { type BootConfig, kernelNames, parseConfig } from './config-txt.ts';
import { type BoardModel, type Identity, modelTable, tftpPrefix } from './models.ts';

/** Options of the RRQ: the mask ROM sends none, bootcode.bin `tsize`, start.elf and the EEPROMs also `blksize 1468`. */
export type RequestForm = 'plain' | 'tsize' | 'tsize-blksize';

export type Ask =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** `probe`: aborts with ERROR 0 "Early terminate" as soon as it is known to be there. */
      readonly how: 'probe' | 'read';
      readonly form: RequestForm;
    }
  /** bootcode.bin starts its own DHCP. */
  | { readonly kind: 'dhcp' };

/** `undefined`: ERROR 1. `acknowledged`: the options came back in an OACK. */
export type Answer = { readonly bytes: Uint8Array; readonly acknowledged: boolean } | undefined;

export type Loaded = {
  readonly prefix: string;
  readonly config: BootConfig;
  readonly kernel: string;
  readonly kernelBytes: number;
  /** Undefined: config.txt names none. */
  readonly initramfs: Uint8Array | undefined;
  readonly cmdline: string;
};
export type BootOutcome =
  | { readonly ok: true; readonly loaded: Loaded }
  | { readonly ok: false; readonly reason: string };
export type BootFiles = Generator<Ask, BootOutcome, Answer>;
type Step<T> = Generator<Ask, T, Answer>;

const failed = (reason: string): BootOutcome => ({ ok: false, reason });

function* probe(path: string, form: RequestForm): Step<boolean> {
  return (yield { kind: 'file', path, how: 'probe', form }) !== undefined;
}

function* read(path: string, form: RequestForm): Step<Answer> {
  return yield { kind: 'file', path, how: 'read', form };
}

function* probeThenRead(path: string, form: RequestForm): Step<Answer> {
  return (yield* probe(path, form)) ? yield* read(path, form) : undefined;
}

/**
 * Quirk: the firmware silently ignores a config.txt of 4096 bytes or more, one that is not ASCII, and (Pi 4) one that came
 * without an OACK.
 */
function configText(answer: Answer, model: BoardModel): string {
  if (answer === undefined || answer.bytes.length >= 4096 || answer.bytes.some((byte) => byte > 127)) return '';
  if (model === 'pi4' && !answer.acknowledged) return '';
  return Buffer.from(answer.bytes).toString('ascii');
}

/** What the last stage of every model does: initramfs, device tree, overlays, command line, kernel. */
function* loadSystem(model: BoardModel, prefix: string, config: BootConfig): Step<BootOutcome> {
  const form = 'tsize-blksize';
  const at = (name: string): string => `${prefix}${config.prefix}${name}`;
  let initramfs: Uint8Array | undefined;
  for (const name of config.initramfs) {
    const answer = yield* probeThenRead(at(name), form);
    if (answer === undefined) return failed(`initramfs ${name} is not there`);
    initramfs = answer.bytes;
  }
  const tree = config.deviceTree ?? modelTable[model].deviceTree;
  const haveTree = (yield* probeThenRead(at(tree), form)) !== undefined;
  if (!haveTree && config.arm64) return failed(`device tree ${tree} is not there`);
  yield* probeThenRead(at('overlays/overlay_map.dtb'), form);
  const cmdline = yield* read(at(config.cmdline), form);
  if (model !== 'pi5') yield* probe(`${prefix}recovery8.img`, form);
  for (const name of kernelNames(config, model)) {
    if (!(yield* probe(at(name), form))) continue;
    yield* probe(
      `${prefix}${{ pi3: 'armstub8.bin', 'pi3b+': 'armstub8.bin', pi4: 'armstub8-gic.bin', pi5: 'armstub8-2712.bin' }[model]}`,
      form,
    );
    const kernel = yield* read(at(name), form);
    if (kernel === undefined || kernel.bytes.length === 0) return failed(`kernel ${name} is empty`);
    return {
      ok: true,
      loaded: {
        prefix,
        config,
        kernel: name,
        kernelBytes: kernel.bytes.length,
        initramfs,
        cmdline: Buffer.from(cmdline?.bytes ?? []).toString('utf8'),
      },
    };
  }
  return failed(`no kernel (${kernelNames(config, model).join(', ')})`);
}

/** start.elf and start4.elf look at config.txt again and again, and at files that are normally not there. */
function* startElf(model: BoardModel, prefix: string): Step<BootOutcome> {
  const form = 'tsize-blksize';
  yield* probe(`${prefix}recovery.elf`, form);
  const config = parseConfig(configText(yield* probeThenRead(`${prefix}config.txt`, form), model), model);
  yield* probe(`${prefix}dt-blob.bin`, form);
  yield* probe(`${prefix}recovery.elf`, form);
  yield* probeThenRead(`${prefix}config.txt`, form);
  yield* probe(`${prefix}bootcfg.txt`, form);
  return yield* loadSystem(model, prefix, config);
}

/** Pi 3B and 3B+: mask ROM, then bootcode.bin with a DHCP of its own, then start.elf. */
function* pi3Files(identity: Identity): BootFiles {
  if ((yield* read('bootcode.bin', 'plain')) === undefined) return failed('bootcode.bin is not there');
  yield* probe('bootsig.bin', 'plain');
  yield { kind: 'dhcp' };
  const serial = `${tftpPrefix(identity.serial)}/`;
  const prefix = (yield* probe(`${serial}start.elf`, 'tsize')) ? serial : '';
  yield* probe(`${prefix}autoboot.txt`, 'tsize');
  yield* read(`${prefix}config.txt`, 'tsize');
  yield* probe(`${prefix}recovery.elf`, 'tsize');
  if ((yield* read(`${prefix}start.elf`, 'tsize')) === undefined) return failed('start.elf is not there');
  yield* read(`${prefix}fixup.dat`, 'tsize');
  return yield* startElf(identity.model, prefix);
}

/** Pi 4: the EEPROM loads start4.elf; no second DHCP. */
function* pi4Files(identity: Identity): BootFiles {
  const form = 'tsize-blksize';
  const serial = `${tftpPrefix(identity.serial)}/`;
  const prefix =
    (yield* probe(`${serial}start4.elf`, form)) || (yield* probe(`${serial}start.elf`, form)) ? serial : '';
  yield* read(`${prefix}config.txt`, form);
  yield* probe(`${prefix}pieeprom.sig`, form);
  yield* probe(`${prefix}recover4.elf`, form);
  yield* probe(`${prefix}recovery.elf`, form);
  if ((yield* read(`${prefix}start4.elf`, form)) === undefined) return failed('start4.elf is not there');
  yield* read(`${prefix}fixup4.dat`, form);
  return yield* startElf(identity.model, prefix);
}

/** Pi 5: the EEPROM holds all the firmware. Quirk: a double slash from the second request on. */
function* pi5Files(identity: Identity): BootFiles {
  const form = 'tsize-blksize';
  const serial = `${tftpPrefix(identity.serial)}/`;
  const first = yield* read(`${serial}config.txt`, form);
  const prefix = first === undefined ? '' : serial;
  if (first === undefined && (yield* read('config.txt', form)) === undefined) return failed('config.txt is not there');
  yield* probe(`${prefix}pieeprom.sig`, form);
  const doubled = prefix === '' ? '' : `${prefix}/`;
  const config = yield* probeThenRead(`${doubled}config.txt`, form);
  return yield* loadSystem('pi5', doubled, parseConfig(configText(config, 'pi5'), 'pi5'));
}

export function bootFiles(identity: Identity): BootFiles {
  switch (identity.model) {
    case 'pi4':
      return pi4Files(identity);
    case 'pi5':
      return pi5Files(identity);
    default:
      return pi3Files(identity);
  }
}
