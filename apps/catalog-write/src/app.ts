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
import type { Redis } from 'ioredis';
import { ApplyTurns } from './imports/apply/apply-turns.ts';
import { DryRuns } from './imports/progress/dry-runs.ts';
import { importLimits } from './imports/limits.ts';
import { importRoutes } from './imports/routes.ts';
import { openApi } from './openapi.ts';
import { historyRoute } from './products/history-route.ts';
import { productRoutes } from './products/routes.ts';
import { settingsRoutes } from './settings/routes.ts';

export const serviceName = 'catalog-write';

export interface Dependencies {
  /** For everything but imports. */
  readonly pool: Pool;
  /** Straight to Postgres, without limits on how long a statement or a wait for a lock takes. */
  readonly importPool: Pool;
  /** For what may be lost: the results of dry runs, and whose turn it is to apply an import. */
  readonly stateRedis: Redis;
  /** How long an import waits for its turn; as `importLimits` says unless set. */
  readonly turnWait_ms?: number;
  readonly authenticate: RequestHandler;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly trustedProxies?: readonly string[];
}

/** Commits changes to Postgres and knows no cache: the triggers of the tables tell the rest of the system. */
export function createApp(deps: Dependencies): Express {
  const mayWrite = express
    .Router()
    .use(deps.authenticate, requireScope('catalog:write'), limitRate(deps.rateLimiter));
  return createServiceApp({
    service: serviceName,
    log: deps.log,
    metrics: deps.metrics,
    readiness: deps.readiness,
    openapi: openApi(),
    ...(deps.trustedProxies !== undefined && { trustedProxies: deps.trustedProxies }),
    routes: (app) => {
      productRoutes(app, { ...deps, mayWrite });
      historyRoute(app, { ...deps, mayWrite });
      settingsRoutes(app, { ...deps, mayWrite });
      importRoutes(app, {
        ...deps,
        mayWrite,
        dryRuns: new DryRuns({ ...deps, redis: deps.stateRedis }),
        applyTurns: new ApplyTurns({
          ...deps,
          redis: deps.stateRedis,
          lock_ms: importLimits.turnLock_ms,
          wait_ms: deps.turnWait_ms ?? importLimits.turnWait_ms,
          poll_ms: importLimits.turnPoll_ms,
          retryAfter_s: importLimits.turnRetryAfter_s,
        }),
      });
    },
  });
}
