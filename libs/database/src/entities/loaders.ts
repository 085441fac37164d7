import {
  PRODUCT,
  SALES_MONTH,
  SETTINGS,
  SETTINGS_KEY,
  SKU,
  USER_PROFILE,
  type Product,
  type SalesMonth,
  type Settings,
  type UserProfile,
} from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadProducts, loadSkus } from '../products/load.ts';
import { loadSalesMonths } from '../sales/load.ts';
import { loadSettings } from '../settings/settings.ts';
import { loadUserProfiles } from '../users/load.ts';
import { readAgainIfCut } from '../postgres/read-again.ts';
import type { Loaded } from './loaded.ts';

/** Loads all these keys of one entity with one query, in one snapshot. The answer has every key asked for. */
export type EntityLoader<Body> = (keys: readonly string[]) => Promise<Map<string, Loaded<Body>>>;

export type EntityLoaders = {
  readonly [PRODUCT.name]: EntityLoader<Product>;
  readonly [SKU.name]: EntityLoader<{ id: string }>;
  readonly [SETTINGS.name]: EntityLoader<Settings>;
  readonly [SALES_MONTH.name]: EntityLoader<SalesMonth>;
  readonly [USER_PROFILE.name]: EntityLoader<UserProfile>;
};

/**
 * The one place that says how each cached entity is read, for the services that serve it and the worker alike.
 *
 * @param db a pool: a read whose connection is cut is asked for again on another one
 */
export function entityLoaders(db: Queryable): EntityLoaders {
  return {
    [PRODUCT.name]: (ids) => readAgainIfCut(() => loadProducts(db, ids)),
    [SKU.name]: (skus) => readAgainIfCut(() => loadSkus(db, skus)),
    [SETTINGS.name]: async (keys) => {
      const settings = await readAgainIfCut(() => loadSettings(db));
      return new Map(keys.map((key) => [key, key === SETTINGS_KEY ? settings : { version: 0, body: null }]));
    },
    [SALES_MONTH.name]: (months) => readAgainIfCut(() => loadSalesMonths(db, months)),
    [USER_PROFILE.name]: (ids) => readAgainIfCut(() => loadUserProfiles(db, ids)),
  };
}
