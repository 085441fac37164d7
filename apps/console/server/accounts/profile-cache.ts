import { cached, type Cached, createProcessCache } from '@catalog/cache';
import { USER_PROFILE, type UserProfile } from '@catalog/contracts';

/** A profile takes a few hundred bytes. */
const nearCache_bytes = 1024 * 1024;

export interface ProfileCacheOptions {
  readonly find: (id: string) => Promise<UserProfile | null>;
  readonly cacheRedisUrl: string;
  readonly databaseIdentity: () => Promise<string>;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly onError: (error: unknown) => void;
}

export interface ProfileCache {
  readonly profiles: Cached<[id: string], UserProfile>;
  start(): Promise<void>;
  stop(): void;
}

/** Who is signed in is asked for with each request: kept for 5 minutes, and dropped when a user changes. */
export function createProfileCache(options: ProfileCacheOptions): ProfileCache {
  const { find, cacheRedisUrl, databaseIdentity, incarnationMode = 'full', onError } = options;
  const ignore = () => undefined;
  const { parts, start, stop } = createProcessCache({
    url: cacheRedisUrl,
    name: 'console',
    databaseIdentity,
    incarnationMode,
    nearCache_bytes,
    events: { fillRefused: ignore, overtaken: ignore, cacheFailed: onError, loadFailed: ignore },
    onError,
  });
  return { profiles: cached(find, { entity: USER_PROFILE, parts }), start, stop };
}
