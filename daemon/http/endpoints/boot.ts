/**
 * What the installer asks, in the order in which it asks. Answers are `key=value` lines, because a busybox shell reads
 * them; unknown keys are to be skipped. Nothing secret is in any of them. What it is to do carries the daemon's proof.
 */
import { createHash } from 'node:crypto';
import { type Mac, parseMac } from '../../../config/values.ts';
import type { ByteSource } from '../../ports.ts';
import { type Answer, nothing, text } from '../answer.ts';
import { type BootClaim, isChallenge, parseClaim, parseSource } from '../claim.ts';
import { type BootInstruction, type Fields, orderFields, orderText } from '../order.ts';
import { get, type HttpClient, type HttpRequest, post, type Route } from '../router.ts';
import { isSha256, resumable, wholeNumber } from './resumable.ts';

/** `count` sectors of 512 bytes from `blobSector` of the blob go to `sector` of the disk. */
export type SectorRun = { readonly sector: number; readonly count: number; readonly blobSector: number };
/** In the order of writing; sector 0 comes last. Kilobytes. */
export type SectorsPayload = { readonly runs: readonly SectorRun[]; readonly blob: Uint8Array };

export type BootDeps = {
  readonly report: (claim: BootClaim, client: HttpClient) => Promise<BootInstruction>;
  /** The daemon's proof, with the key that a board of this claim knows. */
  readonly prove: (to: Pick<BootClaim, 'mac' | 'source'>, text: DaemonText) => string;
  readonly clusterId: string;
  /** A new source for each call; it is closed here. Undefined: no such base. */
  readonly openBase: (sha256: string) => Promise<ByteSource | undefined>;
  /** Undefined: no such arming, or it is not this client's. The same answer each time until `installed`. */
  readonly sectors: (arming: string, client: HttpClient) => Promise<SectorsPayload | undefined>;
  /** These: false for an arming that does not exist or is not this client's. `bytes`: written and then read back, in all. */
  readonly progress: (arming: string, bytes: Progress, client: HttpClient) => Promise<boolean>;
  /** Settles once it is committed. `sha256` is that of the base as read back from the disk. Repeatable. */
  readonly installed: (arming: string, sha256: string, client: HttpClient) => Promise<boolean>;
  readonly failed: (arming: string, code: string, detail: string, client: HttpClient) => Promise<boolean>;
  /** Settles once it is committed. Repeatable. */
  readonly wiped: (arming: string, how: string, client: HttpClient) => Promise<boolean>;
  /** What its installer has to say about a failure, for people; false if that board is not this client. */
  readonly log: (mac: Mac, text: string, client: HttpClient) => Promise<boolean>;
};
export type DaemonText = ReturnType<typeof orderText> | `hello|${string}`;
export type Progress = { readonly written: number; readonly verified: number };

/** For the LAN: every claim is only a claim, and nothing that is served is a secret. */
export const bootApi = (deps: BootDeps): readonly Route[] => [
  get('/v1/boot/hello', (request) => hello(deps, request)),
  post('/v1/boot/report', (request) => report(deps, request)),
  get('/v1/boot/base/:sha256', (request) => base(deps, request)),
  get('/v1/boot/sectors/:arming/index', (request) => sectors(deps, request, (payload) => text(sectorIndex(payload)))),
  get('/v1/boot/sectors/:arming/data', (request) => sectors(deps, request, ({ blob }) => octets(blob))),
  post('/v1/boot/progress', (request) => progress(deps, request)),
  post('/v1/boot/installed', (request) => installed(deps, request)),
  post('/v1/boot/failed', (request) => failed(deps, request)),
  post('/v1/boot/wiped', (request) => wiped(deps, request)),
  post('/v1/boot/log', (request) => log(deps, request)),
];

/**
 * `GET /v1/boot/hello?challenge=HEX&mac=MAC&source=SOURCE` → `cluster= proof=`: whether this is the daemon that an
 * installer looks for, by a key that both know. `source` as in a report.
 */
function hello({ prove, clusterId }: BootDeps, { query }: HttpRequest): Answer {
  const challenge = query.get('challenge') ?? '';
  const mac = parseMac(query.get('mac') ?? '');
  const source = parseSource(query.get('source'));
  if (!isChallenge(challenge) || !mac.ok || source === undefined)
    return refusal(400, 'challenge: 32 hex digits; mac; source: netboot, join-card or reinstall');
  return lines({ cluster: clusterId, proof: prove({ mac: mac.value, source }, `hello|${challenge}`) });
}

/**
 * `POST /v1/boot/report` (form: `mac serial model memory source challenge proof card`, `disk` once for each) →
 * `action= state= message= retry= nonce= blink= arming= disk= base= base-bytes= base-sha256= sectors= sectors-sha256=
 * proof=`, those that apply. `disk` is `NAME|TYPE|BYTES|CONTENT|CLUSTER|DEVICE|MODEL` with TYPE `sd emmc nvme usb virtio
 * other`, CONTENT `blank empty ours foreign`, and whose system it is where that is known; `card` the one that it was started from; `source` is `netboot join-card reinstall`;
 * `memory` bytes; `model` the text of /proc/device-tree/model; `proof` see `bootProof`; the answer's see `orderText`.
 * 400 with `error=` for a claim that cannot be read.
 */
async function report(deps: BootDeps, request: HttpRequest): Promise<Answer> {
  const claim = parseClaim(new URLSearchParams(request.body));
  if (!claim.ok) return refusal(400, claim.error.detail);
  const { challenge, mac } = claim.value;
  const order = await deps.report(claim.value, request.client);
  return lines({ ...orderFields(order), proof: deps.prove(claim.value, orderText(challenge, mac, order)) });
}

/**
 * `GET /v1/boot/base/SHA256?offset=N` → the base from byte N on, with its length. 404 for an unknown base.
 */
async function base(deps: BootDeps, request: HttpRequest): Promise<Answer> {
  const sha256 = request.params.get('sha256') ?? '';
  return await resumable(request, 'base', async () => (isSha256(sha256) ? await deps.openBase(sha256) : undefined));
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

export function sectorIndex({ runs, blob }: SectorsPayload): string {
  const head = `sha256 ${createHash('sha256').update(blob).digest('hex')} ${blob.length}`;
  return `${[head, ...runs.map((run) => `${run.sector} ${run.count} ${run.blobSector}`)].join('\n')}\n`;
}

const octets = (body: Uint8Array): Answer => ({ kind: 'content', status: 200, type: 'application/octet-stream', body });

/** `POST /v1/boot/progress` (form: `arming bytes verified`) → 204; about once a second. `verified`: of those, read back. 403. */
async function progress(deps: BootDeps, { body, client }: HttpRequest): Promise<Answer> {
  const form = new URLSearchParams(body);
  const arming = form.get('arming') ?? '';
  const written = wholeNumber(form.get('bytes') ?? '');
  const verified = wholeNumber(form.get('verified') ?? '0');
  if (written === undefined || verified === undefined) return refusal(400, 'bytes: how many are written');
  return isArming(arming) && (await deps.progress(arming, { written, verified }, client)) ? nothing : notArmed;
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

/** `POST /v1/boot/wiped` (form: `arming how`, a few words for people) → 204. Repeatable. 403. */
async function wiped(deps: BootDeps, { body, client }: HttpRequest): Promise<Answer> {
  const form = new URLSearchParams(body);
  const arming = form.get('arming') ?? '';
  const how = oneLine(form.get('how') ?? '').slice(0, 100);
  return isArming(arming) && (await deps.wiped(arming, how, client)) ? nothing : notArmed;
}

/** `POST /v1/boot/log?mac=MAC`, the body as it is: the last 16 KiB of what the installer said, when it failed → 204. 403. */
async function log(deps: BootDeps, { query, body, client }: HttpRequest): Promise<Answer> {
  const mac = parseMac(query.get('mac') ?? '');
  if (!mac.ok) return refusal(400, `mac: ${mac.error.detail}`);
  return (await deps.log(mac.value, body, client)) ? nothing : refusal(403, 'this is another board');
}

const isArming = (given: string): boolean => /^[\w-]{1,128}$/.test(given);

const oneLine = (given: string): string => given.replace(/\p{Cc}+/gu, ' ').trim();

const lines = (fields: Fields): Answer =>
  text(
    Object.entries(fields)
      .map(([key, value]) => `${key}=${oneLine(value)}\n`)
      .join(''),
  );

const refusal = (status: number, message: string): Answer => text(`error=${oneLine(message)}\n`, status);
const notArmed = refusal(403, 'this arming is unknown or belongs to another board: report again');
