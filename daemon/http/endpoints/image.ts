import type { Problem, Result } from '../../../config/result.ts';
import { failure, json } from '../answer.ts';
import { get, type Route } from '../router.ts';
import type { ImageFilesView } from '../wire.ts';
import { isBoardName, noBoard } from './read.ts';

export type ImageDeps = {
  /** Undefined: no such board. A problem: no image can be made for it, and why. */
  readonly imageFiles: (name: string) => Promise<Result<ImageFilesView, Problem> | undefined>;
};

/**
 * `GET /v1/devices/NAME/image/files` — `ImageFilesView`: every file that goes into the board's image, secrets masked.
 * Nothing is made or stored. 404 NOT_FOUND: no such board. 409 CONFLICT: no image can be made for it, and what to do.
 */
export const imageFilesRoute = (deps: ImageDeps): Route =>
  get('/v1/devices/:name/image/files', async (request) => {
    const name = request.params.get('name') ?? '';
    const files = isBoardName(name) ? await deps.imageFiles(name) : undefined;
    if (files === undefined) return noBoard(name);
    return files.ok
      ? json(files.value)
      : failure('CONFLICT', `no image for ${name}: ${files.error.detail}`, { code: files.error.code });
  });
