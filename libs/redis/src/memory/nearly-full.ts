import type { Redis } from 'ioredis';

/**
 * From this part of `maxmemory` on, the state Redis takes no new counters. The rest is for jobs, sessions and locks: a
 * full server refuses them, and then no change reaches the cache.
 */
export const nearlyFull = 0.8;

/** For `defineScript`: the Lua function `isNearlyFull(KEYS, ARGV)`. */
export const isNearlyFullInLua = {
  file: new URL('./is-nearly-full.lua', import.meta.url).href,
  asFunction: 'isNearlyFull',
} as const;

/**
 * Whether the server has used this part of its `maxmemory`. Always false without a `maxmemory`.
 *
 * @throws ioredis errors while Redis is away
 */
export async function isNearlyFull(redis: Redis, part = nearlyFull): Promise<boolean> {
  const memory = await redis.info('memory');
  const bytes = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  return bytes('maxmemory') > 0 && bytes('used_memory') >= part * bytes('maxmemory');
}
