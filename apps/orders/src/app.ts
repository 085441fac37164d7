import type { CatalogClient } from '@catalog/catalog-client';
import type { Pool } from '@catalog/database';
import type { RateLimiter } from '@catalog/redis';
import {
  createServiceApp,
  limitRate,
  requireScope,
  type Clock,
  type Logger,
  type Metrics,
  type Readiness,
} from '@catalog/service-kit';
import express, { type Express, type RequestHandler } from 'express';
import { openApi } from './openapi.ts';
import { orderRoutes } from './orders/routes.ts';
import { reportRoutes } from './sales/routes.ts';
import type { SalesCache } from './sales/sales-cache.ts';
import { stockRoutes } from './stock/routes.ts';

export const serviceName = 'orders';

export interface Dependencies {
  readonly pool: Pool;
  readonly catalog: CatalogClient;
  readonly sales: Pick<SalesCache, 'months'>;
  readonly authenticate: RequestHandler;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly trustedProxies?: readonly string[];
}

export function createApp(deps: Dependencies): Express {
  const { authenticate, rateLimiter } = deps;
  const guard = (...scopes: [string, ...string[]]) =>
    express.Router().use(authenticate, requireScope(...scopes), limitRate(rateLimiter));
  const guards = { mayRead: guard('orders:read', 'orders:write'), mayWrite: guard('orders:write') };
  return createServiceApp({
    service: serviceName,
    log: deps.log,
    metrics: deps.metrics,
    readiness: deps.readiness,
    openapi: openApi(),
    ...(deps.trustedProxies !== undefined && { trustedProxies: deps.trustedProxies }),
    routes: (app) => {
      orderRoutes(app, { ...deps, guards });
      stockRoutes(app, { ...deps, guards });
      reportRoutes(app, { ...deps, guards });
    },
  });
}
