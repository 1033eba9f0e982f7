/** What the installer says about its board, as a form (`POST /v1/boot/report`) → a claim. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Mac, type Model, parseMac, parseSerial, type Serial } from '../../config/values.ts';

export type BootClaim = {
  readonly mac: Mac;
  readonly serial: Serial | undefined;
  readonly model: Model | undefined;
  /** As in /proc/device-tree/model, printable characters only. */
  readonly modelText: string;
  readonly memoryBytes: number;
  readonly disk: { readonly bytes: number; readonly content: (typeof contents)[number] };
  readonly source: (typeof sources)[number];
  /** HMAC-SHA-256 in hex, not checked yet (`bootProof`). */
  readonly proof: string | undefined;
};

const contents = ['blank', 'empty', 'ours', 'foreign', 'none'] as const;
const sources = ['netboot', 'join-card'] as const;

export function parseClaim(form: URLSearchParams): Result<BootClaim, Problem<'INVALID_CLAIM'>> {
  const mac = parseMac(form.get('mac') ?? '');
  if (!mac.ok) return problem('INVALID_CLAIM', `mac: ${mac.error.detail}`);
  const serialText = form.get('serial') ?? '';
  const serial = serialText === '' ? undefined : parseSerial(serialText);
  if (serial !== undefined && !serial.ok) return problem('INVALID_CLAIM', `serial: ${serial.error.detail}`);
  const content = contents.find((known) => known === form.get('disk-content'));
  if (content === undefined) return problem('INVALID_CLAIM', `disk-content: one of ${contents.join(', ')}`);
  const source = sources.find((known) => known === form.get('source'));
  if (source === undefined) return problem('INVALID_CLAIM', `source: one of ${sources.join(', ')}`);
  const memoryBytes = byteCount(form.get('memory') ?? '0');
  if (memoryBytes === undefined) return problem('INVALID_CLAIM', 'memory: a number of bytes');
  const diskBytes = byteCount(form.get('disk-bytes') ?? '0');
  if (diskBytes === undefined) return problem('INVALID_CLAIM', 'disk-bytes: a number of bytes');
  const proofText = form.get('proof') ?? '';
  if (!/^([0-9a-f]{64})?$/.test(proofText)) return problem('INVALID_CLAIM', 'proof: 64 hex digits');
  const modelText = (form.get('model') ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 128);
  return ok({
    mac: mac.value,
    serial: serial?.value,
    model: modelFromDeviceTree(modelText),
    modelText,
    memoryBytes,
    disk: { bytes: diskBytes, content },
    source,
    proof: proofText === '' ? undefined : proofText,
  });
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

function byteCount(text: string): number | undefined {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
