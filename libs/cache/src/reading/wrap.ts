import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import type { EntityCache } from './entity-cache.ts';

/** A function with cached answers. Throws what the function throws. */
export interface Wrapped<Args extends readonly unknown[], Value extends object> {
  (...args: Args): Promise<Value | null>;
  /** The same, with the source and age of the answer. */
  read(...args: Args): Promise<Answer<Value>>;
}

/**
 * Wraps a function that answers with JSON, or with null for "there is none". Its answers are cached like an entity:
 * one call at a time for each key, dropped by the change feed, within the bound. Errors are not cached. The function
 * itself limits how many of its calls run at once. Its answers have no version of their own, so their changes must
 * invalidate unconditionally (`UNCONDITIONAL_VERSION`).
 *
 * @param key tells one call from another, in the same way in every process
 */
export function wrap<Args extends readonly unknown[], Value extends object>(
  cache: EntityCache<Value>,
  call: (...args: Args) => Promise<Value | null>,
  key: (...args: Args) => string = (...args) => keyOf(args),
): Wrapped<Args, Value> {
  const read = (...args: Args): Promise<Answer<Value>> => {
    const load = async () => {
      const value = await call(...args);
      return { version: 0, payload: value === null ? null : Buffer.from(JSON.stringify(value)) };
    };
    return cache.getWith(load, key(...args));
  };
  return Object.assign(async (...args: Args) => (await read(...args)).value, { read });
}

/** A longer key would make the keys of Redis, and every log that names them, as long. */
const maxKeyLength = 200;

/**
 * Arguments as a key: the same JSON gives the same key in every process, whatever the order of an object's fields. A
 * single string is its own key, so that a trigger can name it.
 *
 * @throws TypeError for a value that JSON does not hold exactly, such as a Date, a function or NaN
 */
export function keyOf(args: readonly unknown[]): string {
  const [only] = args;
  const isName = args.length === 1 && typeof only === 'string' && !only.startsWith('[');
  const text = isName ? only : canonical(args);
  return text.length <= maxKeyLength ? text : createHash('sha256').update(text).digest('base64url');
}

function canonical(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === 'object' && isPlain(value)) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
  }
  const what = typeof value === 'object' ? 'an instance of a class' : `a ${typeof value}`;
  throw new TypeError(
    `${what} cannot be part of a cache key; pass plain JSON, or give wrap() a key function`,
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
