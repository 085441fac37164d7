import type { Pool } from '@catalog/database';
import { type ApiDependencies, type Clock, createApi } from '@catalog/service-kit';
import type { Express } from 'express';
import { ProductLookup, type ProductSources } from './catalog-copy/product-lookup.ts';
import { orderRoutes } from './orders/routes.ts';
import { salesRoute } from './sales/routes.ts';
import type { SalesCache } from './sales/sales-cache.ts';
import { stockRoutes } from './stock/routes.ts';

export const serviceName = 'orders';

export interface Dependencies extends ApiDependencies, ProductSources {
  readonly pool: Pool;
  readonly sales: Pick<SalesCache, 'months'>;
  readonly clock: Clock;
}

export function createApp(deps: Dependencies): Express {
  const products = new ProductLookup(deps);
  return createApi({
    ...deps,
    connections: deps.pool.options.max,
    service: serviceName,
    description: 'Orders with their items, stock on hand, and the sales report.',
    routes: [...orderRoutes({ ...deps, products }), ...stockRoutes({ ...deps, products }), salesRoute(deps)],
  });
}
