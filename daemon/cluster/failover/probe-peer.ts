/** What follows from what a peer's sshd said of another board; and what a script on it says. Pure. */
import type { Answer } from './signs.ts';

/** As `Reached` of `join/`: `late`: nothing was heard of the peer in time. `unable`: it cannot try, or not say. */
export type Seen = 'answered' | 'silent' | 'late' | 'unable';

/**
 * `control`: whether the peer answers at all, as it says of itself: only then its silence is the other board's. `unable`: ask
 * it another way.
 */
export function seenFrom(targets: readonly Seen[], control: Seen): Answer | 'unable' {
  if (targets.includes('answered')) return 'alive';
  if (targets.includes('unable')) return 'unable';
  // Who was told that there is no way there was told so by the peer.
  const isPeerThere = control === 'answered' || targets.includes('silent');
  return isPeerThere ? 'silent' : 'unknown';
}

/** Of the peers that were asked: one that hears it outweighs any that do not, and who could not try says nothing. */
export function together(answers: readonly Answer[]): Answer {
  if (answers.includes('alive')) return 'alive';
  return answers.includes('silent') ? 'silent' : 'unknown';
}

/**
 * $0 address, $1 port; ping and a connection at the same time, within a second. Prints `alive`, or else `silent`; nothing if the
 * board has no program for it. A refusal is an answer, which bash tells only in words.
 */
export const askScript = `tried=
if command -v ping > /dev/null; then
  tried=1; ping -n -c 1 -W 1 "$0" > /dev/null 2>&1 && echo alive &
fi
if command -v bash > /dev/null && command -v timeout > /dev/null; then
  tried=1; LC_ALL=C timeout 1 bash -c '{ exec 3<> "/dev/tcp/$0/$1" && echo opened; } 2>&1' "$0" "$1" |
    grep -q -e opened -e refused && echo alive &
fi
wait
[ -z "$tried" ] || echo silent`;

export const scriptAnswer = (stdout: string): Answer => {
  const lines = stdout.split('\n');
  if (lines.includes('alive')) return 'alive';
  return lines.includes('silent') ? 'silent' : 'unknown';
};

/** Two of them, by turns in the order of their names; if no more may be connected to, of those that are. */
export function chooseTwo(
  peers: readonly string[],
  turn: number,
  isWarm: (peer: string) => boolean,
  isFull: boolean,
): readonly string[] {
  const able = (isFull ? peers.filter(isWarm) : [...peers]).toSorted();
  const first = able.length === 0 ? 0 : turn % able.length;
  return [...able.slice(first), ...able.slice(0, first)].slice(0, 2);
}
