/** What the page of a key asks, by the key. */
import { parseCacheKey, PRODUCT, SETTINGS, SKU } from '@catalog/contracts';

const queryOf = (key: string): string => new URLSearchParams({ key }).toString();

/** The wrong entries that audits have found: of this key, or of all keys. */
export const auditsAddress = (key?: string): string =>
  key === undefined ? '/api/audits' : `/api/audits?${queryOf(key)}`;

export const tracesAddress = (key: string): string => `/api/traces?${queryOf(key)}`;

/** What Postgres and Redis hold of any key. */
export const holdersAddress = (key: string): string => `/api/keys?${queryOf(key)}`;

/** The address in the console of what a key caches. undefined if catalog-read does not answer with it. */
export function cachedAddress(key: string): string | undefined {
  const parsed = parseCacheKey(key);
  switch (parsed?.entity) {
    case PRODUCT:
      return `/api/products/${encodeURIComponent(parsed.key)}`;
    case SKU:
      return `/api/products/by-sku/${encodeURIComponent(parsed.key)}`;
    case SETTINGS:
      return '/api/settings';
    default:
      return undefined;
  }
}

export const readersAddress = (cached: string): string => `${cached}/readers`;
