/** One object for all that say the same. */

/** Gives the one that is held already, if it says the same. What nobody else holds is forgotten with the next collection. */
export function createShared<T extends object>(): (value: T) => T {
  const known = new Map<string, WeakRef<T>>();
  const collected = new FinalizationRegistry<string>((key) => {
    // Another one may have come in its place.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  return (value) => {
    const key = JSON.stringify(value);
    const held = known.get(key)?.deref();
    if (held !== undefined) return held;
    known.set(key, new WeakRef(value));
    collected.register(value, key);
    return value;
  };
}
