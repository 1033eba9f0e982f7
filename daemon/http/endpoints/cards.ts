/** Finished images, keys and all: for the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import type { ByteSource } from '../../ports.ts';
import { type Answer, failure } from '../answer.ts';
import { isPerson } from '../body.ts';
import { get, type HttpRequest, type Route } from '../router.ts';
import { type ErrorCode, notesHeader } from '../wire.ts';
import { isBoardName } from './read.ts';

/** Whoever sends it closes `source`. `notes`: for its owner, ASCII. */
export type FinishedImage = { readonly source: ByteSource; readonly notes: readonly string[] };
export type FinishedImageProblem = Problem<Extract<ErrorCode, 'NOT_FOUND' | 'CONFLICT' | 'TOO_LARGE' | 'NOT_READY'>>;

export type CardDeps = {
  /** By name or id; `isNew`: a name that no board has is one of a board to come. `most`: the room there is, in bytes. */
  readonly boardImage: (
    name: string,
    wish: { readonly by: string; readonly most: number | undefined; readonly isNew: boolean },
  ) => Promise<Result<FinishedImage, FinishedImageProblem>>;
  readonly joinCard: (eeprom: EepromChoice | undefined) => Promise<Result<FinishedImage, FinishedImageProblem>>;
};

const eepromChoices = ['2711', '2712', 'none'] as const;
export type EepromChoice = (typeof eepromChoices)[number];

export const cardRoutes = (deps: CardDeps): readonly Route[] => [
  get('/v1/devices/:name/image', async (request) => await boardImage(deps, request)),
  get('/v1/join-card', async (request) => await joinCard(deps, request)),
];

/**
 * `GET /v1/devices/NAME/image?by=anna&most=BYTES` → the whole image of the board, with its length. Of a board that is being
 * installed the bytes that its disk gets; else new ones, and the board is expected to start from them. `new=1`: a board of that
 * name is made if there is none. 404 NOT_FOUND: no board is called so, and none was to be made, or NAME is no host name. 409 CONFLICT: not in this state. 413 TOO_LARGE: more than `most`. 503 NOT_READY: no base, no network.
 */
async function boardImage(deps: CardDeps, { params, query }: HttpRequest): Promise<Answer> {
  const name = params.get('name') ?? '';
  if (!isBoardName(name)) return failure('NOT_FOUND', `${JSON.stringify(name.slice(0, 80))} is no name of a board`);
  const by = query.get('by') ?? 'owner';
  if (!isPerson(by)) return failure('BAD_REQUEST', 'by= takes up to 64 of a-z 0-9 . _ @ -');
  const most = query.get('most');
  if (most !== null && !/^\d{1,15}$/.test(most)) return failure('BAD_REQUEST', 'most= takes a number of bytes');
  const made = query.get('new');
  if (made !== null && made !== '1') return failure('BAD_REQUEST', 'new= takes 1');
  const wish = { by, most: most === null ? undefined : Number(most), isNew: made !== null };
  return answer(await deps.boardImage(name, wish));
}

/**
 * `GET /v1/join-card?eeprom=2711` → the join card, with its length. `eeprom` (`2711`, `2712` or `none`) where images for both
 * chips are there. 409 CONFLICT: `eeprom` is wanted and not given. 503 NOT_READY: no boot kit, no network.
 */
async function joinCard(deps: CardDeps, { query }: HttpRequest): Promise<Answer> {
  const given = query.get('eeprom');
  const eeprom = eepromChoices.find((choice) => choice === given);
  if (given !== null && eeprom === undefined) {
    return failure('BAD_REQUEST', `eeprom= is one of ${eepromChoices.join(', ')}`);
  }
  return answer(await deps.joinCard(eeprom));
}

function answer(made: Result<FinishedImage, FinishedImageProblem>): Answer {
  if (!made.ok) return failure(made.error.code, made.error.detail);
  const { source, notes } = made.value;
  return { kind: 'bytes', source, offset: 0, headers: { [notesHeader]: JSON.stringify(notes) } };
}
