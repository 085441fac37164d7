import {
  type ApiDependencies,
  type Authenticate,
  createApi,
  putInFront,
  type ImmediateLimit,
} from '@catalog/service-kit';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { changesRoute, type ChangesRouteDeps } from './changes/routes.ts';
import type { CatalogCache } from './cache/catalog-cache.ts';
import { ProductFront } from './front/product-front.ts';
import { createBypassLimit } from './http/bypass-limit.ts';
import { LoadBudget } from './http/load-budget.ts';
import { ProductLists } from './products/lists.ts';
import { ProductLookup } from './products/product-lookup.ts';
import { productRoutes } from './products/routes.ts';
import type { ViewCounters } from './products/view-counters.ts';
import { settingsRoutes } from './settings/routes.ts';

export const serviceName = 'catalog-read';

export interface Dependencies extends ApiDependencies, Omit<ChangesRouteDeps, 'budget' | 'stopping'> {
  readonly authenticate: Authenticate;
  readonly rateLimiter: ImmediateLimit;
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly views: ViewCounters;
  /** How many reads a second one caller may send past the caches. */
  readonly bypassesPerSecond: number;
  /** How many keys a second may be loaded from Postgres for one caller. */
  readonly loadsPerSecond: number;
}

/** Answers reads from the caches. It never writes to Postgres. */
export function createApp(deps: Dependencies): Express {
  const countBypass = createBypassLimit(deps.bypassesPerSecond);
  const budget = new LoadBudget(deps.loadsPerSecond);
  const lookup = new ProductLookup(deps.cache, deps.pool, budget);
  const lists = new ProductLists({ ...deps, budget, lookup });
  const app = createApi({
    ...deps,
    service: serviceName,
    description: 'Products and settings from the cache. An answer older than the bound is marked as stale.',
    routes: [
      ...productRoutes({ ...deps, lookup, lists, countBypass, budget }),
      ...settingsRoutes({ ...deps, countBypass, budget }),
      changesRoute({ ...deps, budget, stopping: deps.readiness.stopping }),
    ],
  });
  putInFront(app, new ProductFront({ ...deps, lookup, lists }));
  return app;
}
