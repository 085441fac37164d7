/**
 * The entities that are cached under one key each. `name` is what the triggers write into the outbox,
 * `cacheKey` maps the row's key to the Redis key.
 */
export interface Entity {
  readonly name: string;
  cacheKey(key: string): string;
  /** Grows when the payload's shape changes, so that no deploy misreads an entry of another one. */
  readonly payloadSchema: number;
  /** How long a cached value counts as current while no change is heard of; an hour unless set. */
  readonly softTtl_ms?: number;
  /** The list whose cached pages end with every change of this entity. */
  readonly list?: string;
}

/** An entity of the catalog. */
interface CatalogEntity extends Entity {
  /** The service that reads and fills these keys. Its ACL user in the cache Redis gets them from this. */
  readonly readBy: 'catalog-read' | 'orders' | 'console';
}

export const PRODUCT = {
  name: 'product',
  cacheKey: (id) => `product:${id}`,
  payloadSchema: 1,
  list: 'products',
  readBy: 'catalog-read',
} as const satisfies CatalogEntity;

/** SKU → product id. Its changes carry no usable order, so they invalidate unconditionally. */
export const SKU = {
  name: 'sku',
  cacheKey: (sku) => `sku:${sku}`,
  payloadSchema: 1,
  readBy: 'catalog-read',
} as const satisfies CatalogEntity;

/** The one row of settings has the key `app`. */
export const SETTINGS = {
  name: 'settings',
  cacheKey: (key) => `${key}:settings`,
  payloadSchema: 1,
  readBy: 'catalog-read',
} as const satisfies CatalogEntity;
export const SETTINGS_KEY = 'app';

/**
 * Revenue and orders completed in one month, by the month. A sum has no version of its own: like those of an SKU its
 * changes invalidate unconditionally.
 */
export const SALES_MONTH = {
  name: 'sales_month',
  cacheKey: (month) => `report:sales:${month}`,
  payloadSchema: 1,
  readBy: 'orders',
} as const satisfies CatalogEntity;

/** Who may sign in to the console, by id. Its changes invalidate unconditionally too. */
export const USER_PROFILE = {
  name: 'user_profile',
  cacheKey: (id) => `user:${id}:profile`,
  payloadSchema: 1,
  readBy: 'console',
  softTtl_ms: 5 * 60_000,
} as const satisfies CatalogEntity;

export const entities = [
  PRODUCT,
  SKU,
  SETTINGS,
  SALES_MONTH,
  USER_PROFILE,
] as const satisfies readonly CatalogEntity[];

/** What stands before and behind the row's key in the Redis keys of an entity. */
const frames = entities.map((entity) => {
  const [before = '', behind = ''] = entity.cacheKey('\0').split('\0');
  return { entity, before, behind };
});

/** The entity and the row's key that a Redis key belongs to; undefined for a key of no entity. */
export function parseCacheKey(
  cacheKey: string,
): { entity: (typeof entities)[number]; key: string } | undefined {
  for (const { entity, before, behind } of frames) {
    const isLongEnough = cacheKey.length > before.length + behind.length;
    if (isLongEnough && cacheKey.startsWith(before) && cacheKey.endsWith(behind)) {
      return { entity, key: cacheKey.slice(before.length, cacheKey.length - behind.length) };
    }
  }
  return undefined;
}

/** A version above every real one: an invalidation that carries it spares nothing. */
export const UNCONDITIONAL_VERSION = Number.MAX_SAFE_INTEGER;
