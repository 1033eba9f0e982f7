/**
 * The key of a board's image travelled in the clear. Before anything secret is sent, the first session puts another in its
 * place, made here and committed before: `planned` until a second session has shown it, then `pinned`. Cut anywhere, it is
 * done again: while planned, either key may be what the board shows.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type DeviceId, type Millis, minutes, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { JoinBoard, SshSession } from './driver.ts';
import { parsePublicLine, type SshKeyPair } from './keys.ts';
import { placeHostKey } from './place-host-key.ts';
import { awaitSsh, withSsh } from './ssh.ts';
import type { SshTarget } from './ssh-connection.ts';

export type OwnKeys = {
  /** The public line that a session has shown; undefined: there is none yet. */
  readonly pinned: (id: DeviceId) => string | undefined;
  /** Made and committed at the first call; the same from then on. */
  readonly plan: (board: Pick<JoinBoard, 'id' | 'name'>) => Promise<SshKeyPair>;
  /** The planned key was shown, and is the only one from now on. */
  readonly pin: (id: DeviceId) => Promise<void>;
};

export type TakeOver = {
  readonly keys: OwnKeys;
  readonly target: (board: JoinBoard) => SshTarget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of one connection up to the login. */
  readonly timeout: Millis;
};

/** The board with nothing but our own key, which its sshd shows by now. Throws the signal's reason. */
export async function takeOver(how: TakeOver, board: JoinBoard): Promise<Result<JoinBoard, Problem>> {
  const { keys, target, clock, signal, timeout } = how;
  const pinned = keys.pinned(board.id);
  if (pinned !== undefined) return ok({ ...board, hostKeys: [pinned] });
  const own = await keys.plan(board);
  const ours: JoinBoard = { ...board, hostKeys: [own.publicLine] };
  const first = await withSsh(
    { ...target(board), hostKeys: [own.publicLine, ...board.hostKeys], signal, timeout },
    (session, shown): Promise<Result<void, Problem>> =>
      isSameKey(shown, own.publicLine) ? Promise.resolve(ok(undefined)) : replaceHostKey(session, own),
  );
  const replaced = first.ok ? first.value : first;
  if (!replaced.ok) return replaced;
  const second = await awaitSsh({ ...target(ours), clock, signal, deadline: RESTART });
  if (!second.ok) {
    const why = second.error.code === 'SSH_HOST_KEY_CHANGED' ? 'it still shows another key' : `${second.error.detail}`;
    return problem('HOST_KEY_NOT_REPLACED', `its sshd was given a key of its own, and does not show it: ${why}`);
  }
  await keys.pin(board.id);
  return ok(ours);
}

/** For an sshd that reads its keys again. */
const RESTART = seconds(30);

function isSameKey(one: string, other: string): boolean {
  const [a, b] = [parsePublicLine(one), parsePublicLine(other)];
  return a.ok && b.ok && a.value.equals(b.value);
}

/**
 * stdin is the private key, $1 the public line, $2 the private key's length in bytes. An sshd without a usable key ends when
 * it reads its keys again, and nobody would get in any more: so the key is checked first, and on the disk before it gets
 * its name. A session of a daemon that was killed may still be at it: each has a file of its own, and whoever comes takes away those of
 * the dead. The sshd to be told is the one that our session's hangs under; one that is started for each connection needs no telling.
 */
const script = `set -e
umask 077
cd /etc/ssh
key=ssh_host_ed25519_key
new=$key.bramble-$$
for old in "$key".bramble*; do
  pid=\${old##*-}
  kill -0 "\${pid%.pub}" 2> /dev/null || rm -f "$old"
done
trap 'rm -f "$new" "$new.pub"' EXIT
cat > "$new"
[ "$(wc -c < "$new")" -eq "$2" ] || { echo 'the key was cut off' >&2; exit 1; }
if command -v ssh-keygen > /dev/null; then
  [ "$(ssh-keygen -y -f "$new" | cut -d ' ' -f 1,2)" = "$(echo "$1" | cut -d ' ' -f 1,2)" ] || { echo 'the key cannot be read here' >&2; exit 1; }
fi
public=$1
${placeHostKey}
pid=$$ listener= sshds=0
while [ "$pid" -gt 0 ]; do
  case $(cat "/proc/$pid/comm") in sshd*) listener=$pid sshds=$((sshds + 1)) ;; esac
  pid=$(sed 's/.*) [A-Za-z] \\([0-9]*\\) .*/\\1/' "/proc/$pid/stat")
done
[ "$sshds" -lt 2 ] || kill -HUP "$listener"`;

async function replaceHostKey(session: SshSession, own: SshKeyPair): Promise<Result<void, Problem>> {
  const [line, bytes] = [own.publicLine, String(Buffer.byteLength(own.privateOpenssh))];
  // `sync` waits for everything that a slow card has still to write.
  const end = await session.run('sh', ['-c', script, 'sh', line, bytes], {
    stdin: own.privateOpenssh,
    timeout: minutes(3),
  });
  if (!end.ok) return end;
  return end.value.code === 0
    ? ok(undefined)
    : problem(
        'HOST_KEY_NOT_REPLACED',
        `a key of its own could not be put there: ${end.value.stderr.trim().slice(-300)}`,
      );
}
