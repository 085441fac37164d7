import {
  PRODUCT,
  SALES_MONTH,
  SETTINGS,
  SKU,
  USER_PROFILE,
  type entities,
  type UserProfile,
} from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { retryRead } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';
import { loadProducts, loadSkus } from '../products/load.ts';
import { loadSalesMonths } from '../sales/load.ts';
import { loadSettings } from '../settings/settings.ts';
import type { EntityLoader } from './entity-row.ts';
import { type Load, rowLoader, uuidKey } from './row-loader.ts';

const sql = (file: string) => loadSql(import.meta.url, file);

/** One line for each entity of the contract: the compiler names the one that is missing. */
const loads = {
  [PRODUCT.name]: loadProducts,
  [SKU.name]: loadSkus,
  [SETTINGS.name]: loadSettings,
  [SALES_MONTH.name]: loadSalesMonths,
  [USER_PROFILE.name]: rowLoader<UserProfile>(USER_PROFILE.name, sql('../users/load.sql'), uuidKey),
} as const satisfies Record<(typeof entities)[number]['name'], Load<unknown>>;

type BodyOf<L> = L extends Load<infer Body> ? Body : never;
export type EntityLoaders = {
  readonly [Name in keyof typeof loads]: EntityLoader<BodyOf<(typeof loads)[Name]>>;
};

/**
 * How each cached entity is read: the services that serve it and the worker use the same loaders. A row that JSON cannot
 * show is answered as missing, and the pool logs it.
 *
 * @param db a pool: a read whose connection is cut is sent again on another one
 */
export function entityLoaders(db: Queryable): EntityLoaders {
  const retrying = Object.entries<Load<unknown>>(loads).map(([name, load]) => [
    name,
    (keys: readonly string[]) => retryRead(() => load(db, keys)),
  ]);
  return Object.fromEntries(retrying) as EntityLoaders;
}
