import { createHash } from 'node:crypto';
import type { Entity } from '@catalog/contracts';
import { LRUCache } from 'lru-cache';
import { type CacheParts, EntityCache, type Source } from './entity-cache.ts';

export interface CachedOptions<Args extends readonly unknown[]> {
  /**
   * Its name is what a change in the outbox names to drop an answer, its `softTtl_ms` how long one is kept if none does,
   * its `cacheKey` where it stands in Redis.
   */
  readonly entity: Entity;
  /** What tells one call from another, the same in every process; `keyOf(args)` unless given. */
  readonly key?: (...args: Args) => string;
  readonly parts: CacheParts;
}

export interface CachedAnswer<Value> {
  readonly value: Value | null;
  readonly source: Source;
  readonly age_ms: number;
}

/** A function whose answers are cached. Throws what the function throws. */
export interface Cached<Args extends readonly unknown[], Value> {
  (...args: Args): Promise<Value | null>;
  /** The same, and where the answer came from. */
  read(...args: Args): Promise<CachedAnswer<Value>>;
}

/** Arguments of calls that are under way, or refreshed ahead, at once. */
const rememberedCalls = 10_000;

/**
 * Wraps a function that answers with JSON, or null for "there is none", so that its answers are cached as an entity
 * is: in this process and in Redis, one call at a time for each key, dropped by the change feed, within the
 * bound. How many calls may run at once is the function's own affair. Errors are nobody's answer and are not kept. What has no version of its own must be invalidated
 * unconditionally (`UNCONDITIONAL_VERSION`).
 */
export function cached<Args extends readonly unknown[], Value extends object>(
  call: (...args: Args) => Promise<Value | null>,
  { entity, key = (...args: Args) => keyOf(args), parts }: CachedOptions<Args>,
): Cached<Args, Value> {
  const argsOf = new LRUCache<string, Args>({ max: rememberedCalls });
  const load = async (at: string) => {
    const args = argsOf.get(at);
    if (args === undefined) throw new Error(`more than ${rememberedCalls} calls of ${entity.name} at once`);
    const value = await call(...args);
    return { version: 0, payload: value === null ? null : Buffer.from(JSON.stringify(value)) };
  };
  const cache = new EntityCache(entity, { load }, parts);
  const read = async (...args: Args): Promise<CachedAnswer<Value>> => {
    const at = key(...args);
    argsOf.set(at, args);
    const { payload, source, age_ms } = await cache.get(at);
    return { value: payload === null ? null : (JSON.parse(payload.toString()) as Value), source, age_ms };
  };
  return Object.assign(async (...args: Args) => (await read(...args)).value, { read });
}

/** Longer ones would make Redis' keys, and whatever logs them, as long. */
const maxKey = 200;

/**
 * Arguments as a key: the same for the same JSON in every process, whatever the order of an object's fields. A
 * single string is its own key, so that a trigger can name it.
 *
 * @throws TypeError for what JSON does not hold exactly, such as a Date, a function or NaN
 */
export function keyOf(args: readonly unknown[]): string {
  const [only] = args;
  const isName = args.length === 1 && typeof only === 'string' && !only.startsWith('[');
  const text = isName ? only : canonical(args);
  return text.length <= maxKey ? text : createHash('sha256').update(text).digest('base64url');
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
  const what = typeof value === 'object' ? 'an object with a class' : `a ${typeof value}`;
  throw new TypeError(`${what} cannot be part of a key`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
