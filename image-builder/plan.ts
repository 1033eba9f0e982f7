/** Which files make a base the image of one board. Pure: the same wish gives the same bytes. */
import {
  additionCommandMax,
  additionFileMax,
  additionFilesMax,
  boardPathPattern,
  containerImagePattern,
  fileModePattern,
  fileOwnerPattern,
} from '../config/additions.ts';
import { assertNever, ok, problem, type Result } from '../config/result.ts';
import { MARK_PATH, renderMark } from './boot-partition.ts';
import { cloudInitFiles } from './cloud-init.ts';
import { planCmdline } from './cmdline.ts';
import { planConfigTxt } from './config-txt.ts';
import { deviceInitFiles } from './device-init.ts';
import type { ImageProblem } from './errors.ts';
import {
  type Additions,
  type BoardPlan,
  type BoardWish,
  type DraftFile,
  type ExistingBootFiles,
  noAdditions,
  type PlannedFile,
} from './wish.ts';

/** Codes: PLAN_BAD_VALUE, PLAN_BAD_CMDLINE, PLAN_BAD_CONFIG, PLAN_NO_FIRST_BOOT. */
export function planBoard(wish: BoardWish, existing: ExistingBootFiles): Result<BoardPlan, ImageProblem> {
  const flaw = flawIn(wish) ?? flawInAdditions(wish.additions ?? noAdditions);
  if (flaw !== undefined) return problem('PLAN_BAD_VALUE', flaw);
  const cmdline = planCmdline(existing.cmdline ?? '', wish.format === 'cloud-init' ? 'nocloud' : undefined);
  if (!cmdline.ok) return cmdline;
  const config = planConfigTxt(existing.configTxt ?? '');
  if (!config.ok) return config;
  const [own, shown] = [filesOf(wish, existing), filesOf(masked(wish), existing)];
  if (!own.ok) return own;
  if (!shown.ok) return shown;
  const others: DraftFile[] = [
    { path: existing.cmdlinePath ?? 'cmdline.txt', content: cmdline.value },
    ...(config.value === undefined ? [] : [{ path: 'config.txt', content: config.value }]),
    { path: MARK_PATH, content: renderMark(wish.mark) },
  ];
  const masks = new Map(shown.value.map(({ path, content }) => [path, content]));
  const planned = ({ path, content, secret = false }: DraftFile): PlannedFile => {
    const bytes = Buffer.from(content);
    return { path, bytes, secret, shown: secret ? Buffer.from(masks.get(path) ?? '') : bytes };
  };
  return ok({ files: [...own.value, ...others].map(planned) });
}

/** The same wish, to be looked at. */
function masked(wish: BoardWish): BoardWish {
  const { sshHostKey, additions = noAdditions } = wish;
  const mask = (bytes: Uint8Array): string => `*** secret, ${bytes.length} bytes ***`;
  const privateOpenssh = mask(Buffer.from(sshHostKey.privateOpenssh));
  const files = additions.files.map((file) =>
    file.secret ? { ...file, content: Buffer.from(mask(file.content)) } : file,
  );
  return { ...wish, sshHostKey: { ...sshHostKey, privateOpenssh }, additions: { ...additions, files } };
}

function filesOf(wish: BoardWish, existing: ExistingBootFiles): Result<readonly DraftFile[], ImageProblem> {
  switch (wish.format) {
    case 'cloud-init':
      return ok(cloudInitFiles(wish));
    case 'device-init':
      return ok(deviceInitFiles(wish, existing.deviceInit));
    case 'none':
      return problem(
        'PLAN_NO_FIRST_BOOT',
        'the base has neither device-init nor cloud-init, so nothing in it would read a plan: the board can be joined over SSH',
      );
    default:
      return assertNever(wish.format);
  }
}

/** Everything that ends up in a shell script or a file of lines is one harmless line; says what is not. */
function flawIn({ sshHostKey, authorizedKey, timezone, mark, address }: BoardWish): string | undefined {
  const word = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
  const publicKey = /^(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [\x20-\x7e]*)?$/;
  if (!word.test(mark.deviceId) || !word.test(mark.clusterId) || !word.test(mark.arming)) {
    return 'device, cluster and arming are single words of letters, digits and "._-"';
  }
  if (!publicKey.test(authorizedKey)) return 'the authorised key is no line of an authorized_keys file';
  if (!publicKey.test(sshHostKey.publicLine)) return 'the host key is no public key line';
  if (
    !/^-----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END OPENSSH PRIVATE KEY-----\n?$/.test(
      sshHostKey.privateOpenssh,
    )
  ) {
    return 'the private host key is not in OpenSSH format';
  }
  if (timezone !== undefined && !/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+){0,2}$/.test(timezone)) return 'no such time zone';
  const prefix = address?.prefix ?? 24;
  return Number.isInteger(prefix) && prefix >= 1 && prefix <= 30 ? undefined : `a network prefix of ${prefix}`;
}

function flawInAdditions({ files, runcmd, containerImages }: Additions): string | undefined {
  const bad = files.find(
    ({ path, mode, owner }) =>
      !boardPathPattern.test(path) || !fileModePattern.test(mode) || !fileOwnerPattern.test(owner),
  );
  if (bad !== undefined) return `an added file with the path, mode or owner ${bad.path} ${bad.mode} ${bad.owner}`;
  const large = files.find(({ content }) => content.length > additionFileMax);
  if (large !== undefined) return `the added file ${large.path} has more than ${additionFileMax} bytes`;
  if (files.reduce((sum, { content }) => sum + content.length, 0) > additionFilesMax) {
    return `the added files have more than ${additionFilesMax} bytes together`;
  }
  const command = runcmd.find((text) => text === '' || text.length > additionCommandMax || text.includes('\0'));
  if (command !== undefined)
    return `an added command is empty, has a NUL or more than ${additionCommandMax} characters`;
  const image = containerImages.find((name) => !containerImagePattern.test(name));
  return image === undefined
    ? undefined
    : `${image} is neither an archive on the board nor the name of a container image`;
}
