/** One of each, then one more of each that has more: what may be under way together stands together. Pure. */
export function inRounds<T>(all: readonly T[], isEnough: () => boolean, more: (one: T) => boolean): void {
  for (let left = all; left.length > 0; ) {
    const next: T[] = [];
    for (const one of left) {
      if (isEnough()) return;
      if (more(one)) next.push(one);
    }
    left = next;
  }
}
