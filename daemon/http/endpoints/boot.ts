/**
 * What the installer asks, in the order in which it asks. Answers are `key=value` lines, because a busybox shell reads
 * them; unknown keys are to be skipped. Nothing secret is in any of them.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../../../config/values.ts';
import type { ByteSource } from '../../ports.ts';
import { type Answer, nothing, text } from '../answer.ts';
import { type BootClaim, parseClaim } from '../claim.ts';
import { get, type HttpClient, type HttpRequest, post, type Route } from '../router.ts';

/** What a board is to do now. `message` is for a person in front of its screen. */
export type BootInstruction = { readonly state: string; readonly message: string } & (
  | {
      /** Ask again after `retry`; with `nonce`, at once and with the proof for it. */
      readonly action: 'wait';
      readonly retry: Millis;
      readonly nonce?: string;
    }
  | {
      /** Write `base`, then the sectors of `arming`. */
      readonly action: 'install';
      readonly arming: string;
      /** The stream as `openBase(sha256)` serves it: `bytes` long, sector 0 zeroed. */
      readonly base: { readonly sha256: string; readonly bytes: number };
    }
  /** Restart, from the own disk. */
  | { readonly action: 'boot' }
  /** Leave everything as it is and ask no more. */
  | { readonly action: 'stop' }
);

/** `count` sectors of 512 bytes from `blobSector` of the blob go to `sector` of the disk. */
export type SectorRun = { readonly sector: number; readonly count: number; readonly blobSector: number };
/** In the order of writing; sector 0 comes last. Kilobytes. */
export type SectorsPayload = { readonly runs: readonly SectorRun[]; readonly blob: Uint8Array };

export type BootDeps = {
  readonly report: (claim: BootClaim, client: HttpClient) => Promise<BootInstruction>;
  /** A new source for each call; it is closed here. Undefined: no such base. */
  readonly openBase: (sha256: string) => Promise<ByteSource | undefined>;
  /** Undefined: no such arming, or it is not this client's. The same answer each time until `installed`. */
  readonly sectors: (arming: string, client: HttpClient) => Promise<SectorsPayload | undefined>;
  /** These three: false for an arming that does not exist or is not this client's. */
  readonly progress: (arming: string, bytes: number, client: HttpClient) => Promise<boolean>;
  /** Settles once it is committed. `sha256` is that of the base as read back from the disk. Repeatable. */
  readonly installed: (arming: string, sha256: string, client: HttpClient) => Promise<boolean>;
  readonly failed: (arming: string, code: string, detail: string, client: HttpClient) => Promise<boolean>;
};

/** For the LAN: every claim is only a claim, and nothing that is served is a secret. */
export const bootApi = (deps: BootDeps): readonly Route[] => [
  post('/v1/boot/report', (request) => report(deps, request)),
  get('/v1/boot/base/:sha256', (request) => base(deps, request)),
  get('/v1/boot/sectors/:arming/index', (request) => sectors(deps, request, sectorIndex)),
  get('/v1/boot/sectors/:arming/data', (request) => sectors(deps, request, ({ blob }) => octets(blob))),
  post('/v1/boot/progress', (request) => progress(deps, request)),
  post('/v1/boot/installed', (request) => installed(deps, request)),
  post('/v1/boot/failed', (request) => failed(deps, request)),
];

/**
 * `POST /v1/boot/report` (form: `mac serial model memory disk-bytes disk-content source proof`) →
 * `action= state= message= retry= nonce= arming= base= base-bytes= base-sha256= sectors=`, those that apply.
 * `disk-content` is `blank empty ours foreign none`, `source` is `netboot join-card`, `memory` and `disk-bytes` are
 * bytes, `model` is the text of /proc/device-tree/model, `proof` see `bootProof`. 400 with `error=` for a claim that
 * cannot be read.
 */
async function report(deps: BootDeps, request: HttpRequest): Promise<Answer> {
  const claim = parseClaim(new URLSearchParams(request.body));
  if (!claim.ok) return refusal(400, claim.error.detail);
  return instruction(await deps.report(claim.value, request.client));
}

function instruction(what: BootInstruction): Answer {
  const common = { action: what.action, state: what.state, message: what.message };
  switch (what.action) {
    case 'wait':
      return lines({
        ...common,
        retry: String(Math.ceil(what.retry / 1000)),
        ...(what.nonce && { nonce: what.nonce }),
      });
    case 'install':
      return lines({
        ...common,
        arming: what.arming,
        base: `/v1/boot/base/${what.base.sha256}`,
        'base-bytes': String(what.base.bytes),
        'base-sha256': what.base.sha256,
        sectors: `/v1/boot/sectors/${what.arming}`,
      });
    case 'boot':
    case 'stop':
      return lines(common);
  }
}

/**
 * `GET /v1/boot/base/SHA256?offset=N` → the base from byte N on, with its length. Always 200: busybox wget gives up on
 * 206, so a broken download goes on by `offset`, not by Range. 404 for an unknown base.
 */
async function base(deps: BootDeps, { params, query }: HttpRequest): Promise<Answer> {
  const sha256 = params.get('sha256') ?? '';
  const offset = wholeNumber(query.get('offset') ?? '0');
  if (offset === undefined) return refusal(400, 'offset= takes a number of bytes');
  const source = isSha256(sha256) ? await deps.openBase(sha256) : undefined;
  if (source === undefined) return refusal(404, 'there is no such base');
  if (offset > source.size) {
    await source.close();
    return refusal(400, `offset= is beyond the end (${source.size} bytes)`);
  }
  return { kind: 'bytes', source, offset };
}

/**
 * `GET /v1/boot/sectors/ARMING/index` → `sha256 HEX BYTES` of the blob, then `DISK-SECTOR COUNT BLOB-SECTOR` lines in
 * the order of writing. `GET /v1/boot/sectors/ARMING/data` → the blob. 403 unless the arming is this client's.
 */
async function sectors(
  deps: BootDeps,
  { params, client }: HttpRequest,
  answer: (payload: SectorsPayload) => Answer,
): Promise<Answer> {
  const arming = params.get('arming') ?? '';
  const payload = isArming(arming) ? await deps.sectors(arming, client) : undefined;
  return payload === undefined ? notArmed : answer(payload);
}

function sectorIndex({ runs, blob }: SectorsPayload): Answer {
  const head = `sha256 ${createHash('sha256').update(blob).digest('hex')} ${blob.length}`;
  return text(`${[head, ...runs.map((run) => `${run.sector} ${run.count} ${run.blobSector}`)].join('\n')}\n`);
}

const octets = (body: Uint8Array): Answer => ({ kind: 'content', status: 200, type: 'application/octet-stream', body });

/** `POST /v1/boot/progress` (form: `arming bytes`) → 204; about once a second while the base is written. 403. */
async function progress(deps: BootDeps, { body, client }: HttpRequest): Promise<Answer> {
  const form = new URLSearchParams(body);
  const arming = form.get('arming') ?? '';
  const bytes = wholeNumber(form.get('bytes') ?? '');
  if (bytes === undefined) return refusal(400, 'bytes: how many are written');
  return isArming(arming) && (await deps.progress(arming, bytes, client)) ? nothing : notArmed;
}

/** `POST /v1/boot/installed` (form: `arming sha256`, of the base as read back) → `action=boot`. Repeatable. 403. */
async function installed(deps: BootDeps, { body, client }: HttpRequest): Promise<Answer> {
  const form = new URLSearchParams(body);
  const arming = form.get('arming') ?? '';
  const sha256 = form.get('sha256') ?? '';
  if (!isSha256(sha256)) return refusal(400, 'sha256: 64 hex digits');
  return isArming(arming) && (await deps.installed(arming, sha256, client)) ? lines({ action: 'boot' }) : notArmed;
}

/** `POST /v1/boot/failed` (form: `arming code detail`; code such as VERIFY_FAILED) → 204. The board reports again. 403. */
async function failed(deps: BootDeps, { body, client }: HttpRequest): Promise<Answer> {
  const form = new URLSearchParams(body);
  const arming = form.get('arming') ?? '';
  const code = form.get('code') ?? '';
  if (!/^[A-Z][A-Z0-9_]{1,40}$/.test(code)) return refusal(400, 'code: capitals, digits and _');
  const detail = oneLine(form.get('detail') ?? '').slice(0, 300);
  return isArming(arming) && (await deps.failed(arming, code, detail, client)) ? nothing : notArmed;
}

const isSha256 = (given: string): boolean => /^[0-9a-f]{64}$/.test(given);
const isArming = (given: string): boolean => /^[\w-]{1,128}$/.test(given);

function wholeNumber(given: string): number | undefined {
  const number = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

const oneLine = (given: string): string => given.replace(/\p{Cc}+/gu, ' ').trim();

const lines = (fields: Readonly<Record<string, string>>): Answer =>
  text(
    Object.entries(fields)
      .map(([key, value]) => `${key}=${oneLine(value)}\n`)
      .join(''),
  );

const refusal = (status: number, message: string): Answer => text(`error=${oneLine(message)}\n`, status);
const notArmed = refusal(403, 'this arming is unknown or belongs to another board: report again');
