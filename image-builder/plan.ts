/** Which files make a base the image of one board. Pure: the same wish gives the same bytes. */
import { assertNever, ok, problem, type Result } from '../config/result.ts';
import { MARK_PATH, renderMark } from './boot-partition.ts';
import { cloudInitFiles } from './cloud-init.ts';
import { planCmdline } from './cmdline.ts';
import { deviceInitFiles } from './device-init.ts';
import type { ImageProblem } from './errors.ts';
import type { BoardPlan, BoardWish, ExistingBootFiles, PlannedFile, TextFile } from './wish.ts';

/** Codes: PLAN_BAD_VALUE, PLAN_BAD_CMDLINE, PLAN_NO_FIRST_BOOT. */
export function planBoard(wish: BoardWish, existing: ExistingBootFiles): Result<BoardPlan, ImageProblem> {
  const flaw = flawIn(wish);
  if (flaw !== undefined) return problem('PLAN_BAD_VALUE', flaw);
  const cmdline = planCmdline(existing.cmdline ?? '', wish.format === 'cloud-init' ? 'nocloud' : undefined);
  if (!cmdline.ok) return cmdline;
  const own = filesOf(wish, existing);
  if (!own.ok) return own;
  const files: TextFile[] = [
    ...own.value,
    { path: 'cmdline.txt', text: cmdline.value },
    { path: MARK_PATH, text: renderMark(wish.mark) },
  ];
  const bytesOf = ({ path, text, secret = false }: TextFile): PlannedFile => ({
    path,
    bytes: Buffer.from(text),
    secret,
  });
  return ok({ files: files.map(bytesOf) });
}

function filesOf(wish: BoardWish, existing: ExistingBootFiles): Result<readonly TextFile[], ImageProblem> {
  switch (wish.format) {
    case 'cloud-init':
      return ok(cloudInitFiles(wish));
    case 'device-init':
      return ok(deviceInitFiles(wish, existing.deviceInit));
    case 'none':
      return problem(
        'PLAN_NO_FIRST_BOOT',
        'the base has neither device-init nor cloud-init: nothing would read a plan',
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
