/** The owner's own files for groups of boards (`images.additions`): which ones a board gets, read from this machine. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type AdditionGroup, additionFileMax, additionFilesMax } from '../../../config/additions.ts';
import { matchesGlob } from '../../../config/glob.ts';
import type { ConfigProblem } from '../../../config/load.ts';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Hostname, Model } from '../../../config/values.ts';
import type { AddedFile, Additions } from '../../../image-builder/index.ts';

type Additional = Problem<'ADDITION_NOT_READ' | 'ADDITIONS_TOO_LARGE'>;
type Board = { readonly name: Hostname; readonly model: Model | undefined };

/** Of all groups that fit the board, in the order of the file. A board of an unknown model is in no model's group. */
export function groupsFor(groups: readonly AdditionGroup[], { name, model }: Board): readonly AdditionGroup[] {
  return groups.filter(
    ({ match }) =>
      (match.model === undefined || match.model === model) &&
      (match.names === undefined || matchesGlob(match.names, name)),
  );
}

/** Read anew for each image: the owner changes them when he likes. */
export async function readAdditions(
  groups: readonly AdditionGroup[],
  board: Board,
): Promise<Result<Additions, Additional>> {
  const fitting = groupsFor(groups, board);
  const files: AddedFile[] = [];
  let bytes = 0;
  for (const { from, path, mode, owner, secret } of fitting.flatMap((group) => group.files)) {
    const content = await readAddition(from);
    if (!content.ok) return content;
    bytes += content.value.length;
    if (bytes > additionFilesMax) {
      const detail = `the files that images.additions puts on ${board.name} have more than ${additionFilesMax} bytes together: let the board fetch the larger ones (runcmd)`;
      return problem('ADDITIONS_TOO_LARGE', detail);
    }
    files.push({ path, mode, owner, secret, content: content.value });
  }
  return ok({
    files,
    runcmd: fitting.flatMap((group) => group.runcmd),
    containerImages: [...new Set(fitting.flatMap((group) => group.containerImages))],
  });
}

/** What `brambled --check` says about files that are not there, too large or not to be read. */
export async function additionProblems({ images }: Config): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  for (const [group, { files }] of images.additions.entries()) {
    for (const [index, { from }] of files.entries()) {
      const content = await readAddition(from);
      if (!content.ok) problems.push({ key: `images.additions.${group}.files.${index}.from`, ...content.error });
    }
  }
  return problems;
}

async function readAddition(from: string): Promise<Result<Uint8Array, Additional>> {
  let handle: FileHandle | undefined;
  try {
    // A FIFO must not hold up the daemon.
    handle = await open(from, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) return unread(from, 'not a file');
    if (stat.size > additionFileMax) return tooLarge(from);
    // One byte more than may be: it may grow meanwhile.
    const buffer = Buffer.alloc(Math.min(stat.size, additionFileMax) + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return bytesRead > additionFileMax ? tooLarge(from) : ok(buffer.subarray(0, bytesRead));
  } catch (error) {
    return unread(from, error instanceof Error ? error.message : String(error));
  } finally {
    await handle?.close();
  }
}

const unread = (from: string, why: string): Result<never, Additional> =>
  problem('ADDITION_NOT_READ', `images.additions wants the file ${from}, which the daemon cannot read: ${why}`);
const tooLarge = (from: string): Result<never, Additional> =>
  problem(
    'ADDITIONS_TOO_LARGE',
    `images.additions: ${from} has more than ${additionFileMax} bytes: let the board fetch it (runcmd)`,
  );
