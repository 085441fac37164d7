import { createCache, type DatabaseIncarnations, type Wrapped } from '@catalog/cache';
import { USER_PROFILE, type UserProfile } from '@catalog/contracts';

/** A profile takes a few hundred bytes. */
const nearCache_bytes = 1024 * 1024;

export interface ProfileCacheOptions {
  readonly find: (id: string) => Promise<UserProfile | null>;
  readonly cacheRedisUrl: string;
  readonly database: DatabaseIncarnations;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly onError: (error: unknown) => void;
}

export interface ProfileCache {
  readonly profiles: Wrapped<[id: string], UserProfile>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Every request asks who is signed in. A profile is cached for 5 minutes, and dropped when its user changes. */
export function createProfileCache({ find, cacheRedisUrl, ...options }: ProfileCacheOptions): ProfileCache {
  const cache = createCache({ ...options, url: cacheRedisUrl, name: 'console', nearCache_bytes });
  return { profiles: cache.wrap(USER_PROFILE, find), start: cache.start, stop: cache.stop };
}
