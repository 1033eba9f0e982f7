/** Small parsers for what comes out of the database: untrusted, like everything that was written at another time. */
import type { Result } from '../../config/result.ts';

/** Thrown by these parsers; `daemon/store` turns it into a `StoreError` that names the row. */
export class Damage extends Error {}

export type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value));
  throw new Damage(`${what} is ${show(value)}, not an object`);
}

export const object = (from: Fields, name: string): Fields => asFields(from[name], name);

export function json(from: Fields, name: string): Fields {
  try {
    return asFields(JSON.parse(text(from, name)), name);
  } catch (error) {
    throw error instanceof Damage ? error : new Damage(`${name} is no JSON`, { cause: error });
  }
}

export function text(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value === 'string') return value;
  throw new Damage(`${name} is ${show(value)}, not a text`);
}

export function texts(from: Fields, name: string): readonly string[] {
  const value = from[name];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new Damage(`${name} is ${show(value)}, not a list of texts`);
}

/** Whole and not negative: all our numbers are counts, sizes and moments. */
export function count(from: Fields, name: string): number {
  const value = from[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Damage(`${name} is ${show(value)}, not a count`);
}

export function flag(from: Fields, name: string): boolean {
  const value = from[name];
  if (typeof value === 'boolean') return value;
  throw new Damage(`${name} is ${show(value)}, not true or false`);
}

export function oneOf<const T extends string>(from: Fields, name: string, allowed: readonly T[]): T {
  const value = allowed.find((one) => one === from[name]);
  if (value !== undefined) return value;
  throw new Damage(`${name} is ${show(from[name])}, not one of ${allowed.join(', ')}`);
}

export function parsed<T>(from: Fields, name: string, parse: Parser<T>): T {
  const result = parse(text(from, name));
  if (result.ok) return result.value;
  throw new Damage(`${name}: ${result.error.detail}`);
}
export type Parser<T> = (text: string) => Result<T, { readonly detail: string }>;

/** Absent and `null` are the same. */
export function optional<T>(from: Fields, name: string, read: (from: Fields, name: string) => T): T | undefined {
  return from[name] === undefined || from[name] === null ? undefined : read(from, name);
}

const show = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80));
