import type { RateLimiter } from '@catalog/redis';
import {
  authenticate,
  createServiceApp,
  limitRate,
  type Logger,
  type Metrics,
  type Readiness,
  requireScope,
} from '@catalog/service-kit';
import type { Express } from 'express';
import type { Pool } from 'pg';
import type { CatalogCache } from './cache/catalog-cache.ts';
import { BypassLimit } from './http/bypass-limit.ts';
import { openapi } from './openapi.ts';
import { productRoutes } from './products/routes.ts';
import type { ViewCounters } from './products/view-counters.ts';
import { settingsRoutes } from './settings/routes.ts';

export interface AppDeps {
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly views: ViewCounters;
  readonly rateLimiter: RateLimiter;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly auth: {
    readonly jwksFile: string;
    readonly audience: string;
    readonly allowAnonymousReads: boolean;
  };
  readonly bypassesPerSecond: number;
  readonly trustedProxies: readonly string[];
}

export function createApp(deps: AppDeps): Express {
  const { cache, pool, views, rateLimiter, log, metrics, readiness, auth } = deps;
  const guards = [
    authenticate({
      jwksFile: auth.jwksFile,
      audience: auth.audience,
      log,
      anonymousScopes: auth.allowAnonymousReads ? ['catalog:read'] : [],
    }),
    requireScope('catalog:read'),
    limitRate(rateLimiter),
  ];
  const bypassLimit = new BypassLimit(deps.bypassesPerSecond, () => performance.now());
  return createServiceApp({
    service: 'catalog-read',
    log,
    metrics,
    readiness,
    openapi,
    trustedProxies: deps.trustedProxies,
    routes(app) {
      productRoutes(app, { cache, pool, views, bypassLimit, guards });
      settingsRoutes(app, { cache, bypassLimit, guards });
    },
  });
}
