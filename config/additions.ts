/** `images.additions` of bramble.yaml: what the owner puts into the images of a group of boards, beside what bramble does. */
import { z } from 'zod';
import { models } from './values.ts';

/** A path on a board that may stand in a shell script as it is. */
export const boardPathPattern = /^(?!.*\/\.{1,2}(\/|$))(\/[A-Za-z0-9._+@%=:,-]+)+$/;
/** Octal, as for chmod. */
export const fileModePattern = /^0?[0-7]{3,4}$/;
export const fileOwnerPattern = /^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$/;
/** An archive that is on the board, or the name of an image in a registry. */
export const containerImagePattern = /^(\/[A-Za-z0-9._+@/-]+\.tar(\.gz)?|[a-z0-9][A-Za-z0-9._:/@-]{0,254})$/;

/** Bytes of one file; the board's boot partition and the daemon's memory have to hold them. */
export const additionFileMax = 1024 * 1024;
/** Bytes of all files of one board. */
export const additionFilesMax = 4 * 1024 * 1024;
export const additionCommandMax = 4096;
const listMax = 256;

const absolute = (what: string) =>
  z.string().regex(boardPathPattern, `${what}: an absolute path of letters, digits and ._+@%=:,- without . and ..`);

/** What is under these is lost or not there at the first boot, or is bramble's own. */
const elsewhere = /^\/(proc|sys|dev|run|tmp)(\/|$)|^\/etc\/ssh\/ssh_host_|^\/var\/lib\/bramble\//;

const file = z.strictObject({
  path: absolute('where the file goes on the board')
    .refine((path) => !elsewhere.test(path), 'a place that does not last, or that bramble writes itself')
    .describe('Where it goes on the board.'),
  from: z.string().startsWith('/', 'an absolute path').describe('The file on the master.'),
  mode: z
    .string('in quotes, such as "0644": without them YAML makes another number of it')
    .regex(fileModePattern, 'octal permissions such as "0644"')
    .default('0644'),
  owner: z
    .string()
    .regex(fileOwnerPattern, 'a user and a group that the image has, such as root:root')
    .default('root:root'),
  secret: z
    .boolean()
    .default(false)
    .describe('Never shown by `bramble image render`. It goes to the board over the LAN all the same.'),
});

const group = z.strictObject({
  match: z
    .strictObject({
      model: z.enum(models).optional(),
      names: z
        .string()
        .regex(/^[a-z0-9*?-]+$/, 'a pattern of names such as worker-kube*')
        .optional(),
    })
    .prefault({})
    .describe('Boards of this model whose names are like this. Neither of them: all boards.'),
  files: z.array(file).max(listMax).default([]),
  runcmd: z
    .array(
      z
        .string()
        .min(1)
        .max(additionCommandMax)
        .regex(/^[^\0]*$/, 'a command without NUL'),
    )
    .max(listMax)
    .default([])
    .describe('Commands for `sh -c`, run once by root at the end of the first boot, in this order.'),
  containerImages: z
    .array(
      z
        .string()
        .regex(
          containerImagePattern,
          'an archive on the board such as /var/local/app.tar.gz, or a name such as docker.io/library/nginx:1.27',
        ),
    )
    .max(listMax)
    .default([])
    .describe('Loaded or pulled before the first pod wants them.'),
});

export const additionsSchema = z.array(group).max(listMax).default([]);

export type AdditionGroup = z.output<typeof group>;
