/**
 * What the world does comes back as a value; what we did wrong is thrown. `code` is stable and closed per module, `detail`
 * is for people and may change.
 */
export type Result<T, E = Problem> = Ok<T> | Err<E>;
export type Ok<T> = { readonly ok: true; readonly value: T };
export type Err<E> = { readonly ok: false; readonly error: E };

/** One thing that is wrong with something that came from outside. */
export type Problem<Code extends string = string> = {
  readonly code: Code;
  readonly detail: string;
  readonly offset?: number;
};

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });

export const err = <E>(error: E): Err<E> => ({ ok: false, error });

export const problem = <Code extends string>(code: Code, detail: string, offset?: number): Err<Problem<Code>> =>
  err(offset === undefined ? { code, detail } : { code, detail, offset });

/** The value, or an exception: for literals in our own code and tests, never for what came from outside. */
export function must<T>(result: Result<T, { readonly detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

/** Ends a switch over a closed union: a new member is a compile error at every place that has to decide about it. */
export function assertNever(value: never): never {
  throw new Error(`unexpected: ${JSON.stringify(value)}`);
}
