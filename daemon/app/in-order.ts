/** Jobs of one kind, one after the other: what a job reads is what the one before it wrote. */

export type InOrder = <T>(job: () => Promise<T>) => Promise<T>;

/** A job that fails does so for whoever asked for it; the next one begins all the same. */
export function createOrder(): InOrder {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const mine = last.then(job);
    last = mine.catch(() => undefined);
    return mine;
  };
}
