/**
 * The entities that are cached under one key each. `name` is what the triggers write into the outbox,
 * `cacheKey` maps the row's key to the Redis key.
 */
export interface Entity {
  readonly name: string;
  cacheKey(key: string): string;
  /** Grows when the payload's shape changes, so that no deploy misreads an entry of another one. */
  readonly payloadSchema: number;
}

export const PRODUCT = {
  name: 'product',
  cacheKey: (id) => `product:${id}`,
  payloadSchema: 1,
} as const satisfies Entity;

/** SKU → product id. Its changes carry no usable order, so they invalidate unconditionally. */
export const SKU = {
  name: 'sku',
  cacheKey: (sku) => `sku:${sku}`,
  payloadSchema: 1,
} as const satisfies Entity;

/** The one row of settings has the key `app`. */
export const SETTINGS = {
  name: 'settings',
  cacheKey: (key) => `${key}:settings`,
  payloadSchema: 1,
} as const satisfies Entity;
export const SETTINGS_KEY = 'app';

export const entities = [PRODUCT, SKU, SETTINGS] as const satisfies readonly Entity[];

/** A version above every real one: an invalidation that carries it spares nothing. */
export const UNCONDITIONAL_VERSION = Number.MAX_SAFE_INTEGER;
