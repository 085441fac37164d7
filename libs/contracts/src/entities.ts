/** A family of rows, each cached under its own key. `libs/cache/README.md` says how to add one. */
export interface Entity {
  /** As the triggers write it into the outbox. */
  readonly name: string;
  /** The Redis key for the key of a row. */
  cacheKey(key: string): string;
  /** Increase it when the payload changes its shape, so that no process reads an entry that another deploy wrote. */
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

/** SKU → product id. The versions of its changes give no order, so a change invalidates any version. */
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

/** Revenue and completed orders of one month. A sum has no version, so a change invalidates any version. */
export const SALES_MONTH = {
  name: 'sales_month',
  cacheKey: (month) => `report:sales:${month}`,
  payloadSchema: 2,
  readBy: 'orders',
} as const satisfies CatalogEntity;

/** A person who may sign in to the console, by id. A change invalidates any version. */
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

/** The parts of the Redis keys of an entity before and behind the key of the row. */
const frames = entities.map((entity) => {
  const [before = '', behind = ''] = entity.cacheKey('\0').split('\0');
  return { entity, before, behind };
});

/** The entity and the key of the row for a Redis key; undefined if it is the key of no entity. */
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

/** A version above every real one, so that an invalidation with it reaches every entry. */
export const UNCONDITIONAL_VERSION = Number.MAX_SAFE_INTEGER;

/** The ETag of one version. It names the payload schema too, so that a deploy which changes the schema changes the tag. */
export function etagOf(entity: Entity, version: number): string {
  return `"${version}-${entity.payloadSchema}"`;
}

/** The version in a tag; null for a tag of another payload schema, or one that we never gave. */
export function versionOfEtag(entity: Entity, tag: string): number | null {
  const [, version, schema] = /^"(0|[1-9]\d{0,15})-(\d{1,9})"$/.exec(tag) ?? [];
  if (version === undefined || Number(schema) !== entity.payloadSchema) return null;
  return Number.isSafeInteger(Number(version)) ? Number(version) : null;
}
