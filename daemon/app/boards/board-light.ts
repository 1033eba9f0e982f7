/** `bramble locate` of a board that runs its own system: its activity light blinks, by a process of its own on the board. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { seconds } from '../../../config/values.ts';
import type { SshSession } from '../../join/index.ts';

/** Long enough to walk to the shelf. */
const BLINK = seconds(60);

/**
 * $1 the light, $2 how many half seconds, $3 where it notes what it does. The trigger comes back whatever ends it; if that is SIGKILL,
 * by systemd or by the next call, which finds it noted.
 */
const blink = `light=$1 left=$2 note=$3
echo $$ > "$note.pid"
back() { cat "$note.trigger" > "$light/trigger"; rm -f "$note.pid" "$note.trigger"; }
trap back EXIT
trap 'exit 0' HUP INT TERM
echo none > "$light/trigger"
while [ "$left" -gt 0 ]; do
  echo $((left % 2)) > "$light/brightness"
  sleep 0.5
  left=$((left - 1))
done`;

/** $1 how many half seconds, $2 `blink`. It goes on when this session ends, well or cut; one that blinks already is left to it. */
const start = `note=/run/bramble-locate
for light in /sys/class/leds/ACT /sys/class/leds/led0 /sys/class/leds/*[aA][cC][tT]*; do
  [ -w "$light/trigger" ] && [ -w "$light/brightness" ] && break
  light=
done
[ -n "$light" ] || exit 4
pid=$(cat "$note.pid" 2> /dev/null) && kill -0 "$pid" 2> /dev/null && exit 0
[ -s "$note.trigger" ] || sed -n 's/.*\\[\\(.*\\)\\].*/\\1/p' "$light/trigger" > "$note.trigger"
[ -s "$note.trigger" ] || echo none > "$note.trigger"
post="ExecStopPost=/bin/sh -c '[ ! -s $note.trigger ] || cat $note.trigger > $light/trigger; rm -f $note.pid $note.trigger'"
if command -v systemd-run > /dev/null && systemd-run --quiet --collect --property="$post" sh -c "$2" sh "$light" "$1" "$note" 2> /dev/null; then exit 0; fi
if command -v setsid > /dev/null; then setsid sh -c "$2" sh "$light" "$1" "$note" < /dev/null > /dev/null 2>&1 &
else nohup sh -c "$2" sh "$light" "$1" "$note" < /dev/null > /dev/null 2>&1 & fi`;

/** Its light blinks from now on. `NO_LIGHT`, SSH_…. */
export async function blinkLight(session: SshSession, time = BLINK): Promise<Result<void, Problem>> {
  const end = await session.run('sh', ['-c', start, 'sh', String(Math.ceil(time / 500)), blink], {
    timeout: seconds(15),
  });
  if (!end.ok) return end;
  return end.value.code === 0 ? ok(undefined) : problem('NO_LIGHT', 'its system shows no activity light');
}
