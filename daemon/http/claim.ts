/** What the installer says about its board, as a form (`POST /v1/boot/report`) → a claim. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import {
  type DiskType,
  diskTypes,
  type Mac,
  type Model,
  parseMac,
  parseSerial,
  type Serial,
} from '../../config/values.ts';
import { type BootSource, bootSources, foundContents } from '../lifecycle/device.ts';

export type BootClaim = {
  readonly mac: Mac;
  readonly serial: Serial | undefined;
  readonly model: Model | undefined;
  /** As in /proc/device-tree/model, printable characters only. */
  readonly modelText: string;
  readonly memoryBytes: number;
  /** All that it has, each name once. */
  readonly disks: readonly DiskClaim[];
  /** The one that it was started from, if it was one of its own and is known. */
  readonly card: string | undefined;
  readonly source: BootSource;
  /** What the daemon's own proof is to be made over: 32 hex digits, new in each report. */
  readonly challenge: string;
  /** HMAC-SHA-256 in hex, not checked yet (`bootProof`). */
  readonly proof: string | undefined;
};

export type DiskClaim = {
  /** The kernel's: `mmcblk0`. */
  readonly name: string;
  readonly type: DiskType;
  readonly bytes: number;
  readonly content: (typeof foundContents)[number];
  /** Of the system or join card on it, by its mark: whose it is. Empty where there is none. */
  readonly clusterId: string;
  readonly deviceId: string;
  /** Printable ASCII, 64 characters at most. */
  readonly model: string;
};

/** No board has half of it; a form that names more is no board's. */
const MOST_DISKS = 16;

export function parseClaim(form: URLSearchParams): Result<BootClaim, Problem<'INVALID_CLAIM'>> {
  const mac = parseMac(form.get('mac') ?? '');
  if (!mac.ok) return problem('INVALID_CLAIM', `mac: ${mac.error.detail}`);
  const serialText = form.get('serial') ?? '';
  const serial = serialText === '' ? undefined : parseSerial(serialText);
  if (serial !== undefined && !serial.ok) return problem('INVALID_CLAIM', `serial: ${serial.error.detail}`);
  const source = parseSource(form.get('source'));
  if (source === undefined) return problem('INVALID_CLAIM', `source: one of ${bootSources.join(', ')}`);
  const memoryBytes = byteCount(form.get('memory') ?? '0');
  if (memoryBytes === undefined) return problem('INVALID_CLAIM', 'memory: a number of bytes');
  const disks = form.getAll('disk').map(parseDisk);
  if (disks.length > MOST_DISKS) return problem('INVALID_CLAIM', `disk: ${MOST_DISKS} at most`);
  const legible = disks.filter((disk) => disk !== undefined);
  if (legible.length < disks.length)
    return problem('INVALID_CLAIM', 'disk: NAME|TYPE|BYTES|CONTENT|CLUSTER|DEVICE|MODEL');
  if (new Set(legible.map(({ name }) => name)).size < disks.length)
    return problem('INVALID_CLAIM', 'disk: each name once');
  const card = form.get('card') ?? '';
  if (card !== '' && !isDiskName(card)) return problem('INVALID_CLAIM', 'card: the name of a disk');
  const challenge = form.get('challenge') ?? '';
  if (!isChallenge(challenge)) return problem('INVALID_CLAIM', 'challenge: 32 hex digits');
  const proofText = form.get('proof') ?? '';
  if (!/^([0-9a-f]{64})?$/.test(proofText)) return problem('INVALID_CLAIM', 'proof: 64 hex digits');
  const modelText = printable(form.get('model') ?? '').slice(0, 128);
  return ok({
    mac: mac.value,
    serial: serial?.value,
    model: modelFromDeviceTree(modelText),
    modelText,
    memoryBytes,
    disks: legible,
    card: card === '' ? undefined : card,
    source,
    challenge,
    proof: proofText === '' ? undefined : proofText,
  });
}

export const parseSource = (text: string | null): BootSource | undefined => bootSources.find((known) => known === text);
export const isChallenge = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);
const isDiskName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(text);

const isMark = (text: string): boolean => /^[A-Za-z0-9._-]{0,64}$/.test(text);

/** `mmcblk0|sd|31914983424|ours|0123456789abcdef|d-0123456789ab|SC32G` */
function parseDisk(text: string): DiskClaim | undefined {
  const [name = '', typeText, bytesText = '', contentText, clusterId = '', deviceId = '', ...model] = text.split('|');
  const type = diskTypes.find((known) => known === typeText);
  const content = foundContents.find((known) => known === contentText);
  const bytes = byteCount(bytesText);
  if (!isDiskName(name) || type === undefined || content === undefined || bytes === undefined) return undefined;
  if (!isMark(clusterId) || !isMark(deviceId)) return undefined;
  return { name, type, bytes, content, clusterId, deviceId, model: printable(model.join('|')).trim().slice(0, 64) };
}

/**
 * `Raspberry Pi 3 Model B Plus Rev 1.3` → `pi3b+`. Undefined for what we do not know: Zero, Pi 1, other makers. Texts
 * from the device trees of raspberrypi/linux (bcm27*-rpi-*.dts); the firmware appends ` Rev N.N`.
 */
export function modelFromDeviceTree(text: string): Model | undefined {
  const name = /^Raspberry Pi (.+?)(?: Rev .*)?$/.exec(text)?.[1];
  if (name === undefined) return undefined;
  return modelNames.find(([pattern]) => pattern.test(name))?.[1];
}

const modelNames: readonly (readonly [RegExp, Model])[] = [
  [/^2 Model B$/, 'pi2'],
  [/^3 Model B$/, 'pi3'],
  [/^3 Model [AB] Plus$/, 'pi3b+'],
  [/^4 Model B$/, 'pi4'],
  [/^400$/, 'pi400'],
  [/^Compute Module 4S?$/, 'cm4'],
  [/^5 Model B$/, 'pi5'],
  [/^500\+?$/, 'pi500'],
  [/^Compute Module 5( Lite)?$/, 'cm5'],
];

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '');

function byteCount(text: string): number | undefined {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
