import type { Pool } from '@catalog/database';
import { type ApiDependencies, type Clock, createApi } from '@catalog/service-kit';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import { ApplyTurns } from './imports/apply/apply-turns.ts';
import { DryRuns } from './imports/progress/dry-runs.ts';
import { importLimits } from './imports/limits.ts';
import { importRoutes } from './imports/routes.ts';
import { productRoutes } from './products/routes.ts';
import { settingsRoute } from './settings/routes.ts';

export const serviceName = 'catalog-write';

export interface Dependencies extends ApiDependencies {
  /** For everything but imports. */
  readonly pool: Pool;
  /** Straight to Postgres, without limits on how long a statement or a wait for a lock takes. */
  readonly importPool: Pool;
  /** For what may be lost: the results of dry runs, and the turns of imports that are ready to be applied. */
  readonly stateRedis: Redis;
  /** How long an import waits for its turn; as `importLimits` says unless set. */
  readonly turnWait_ms?: number;
  readonly clock: Clock;
}

/** Commits changes to Postgres and knows no cache. The triggers of the tables tell the rest of the system. */
export function createApp(deps: Dependencies): Express {
  const dryRuns = new DryRuns({ ...deps, redis: deps.stateRedis });
  const applyTurns = new ApplyTurns({
    ...deps,
    redis: deps.stateRedis,
    lock_ms: importLimits.turnLock_ms,
    wait_ms: deps.turnWait_ms ?? importLimits.turnWait_ms,
    poll_ms: importLimits.turnPoll_ms,
    retryAfter_s: importLimits.turnRetryAfter_s,
  });
  return createApi({
    ...deps,
    connections: deps.pool.options.max,
    service: serviceName,
    description: 'Changes products and settings. catalog-read answers reads.',
    routes: [...productRoutes(deps), settingsRoute(deps), ...importRoutes({ ...deps, dryRuns, applyTurns })],
  });
}
