import {
  createServiceApp,
  requireScope,
  type Logger,
  type Metrics,
  type Readiness,
} from '@catalog/service-kit';
import { OPERATE_SCOPE } from '@catalog/contracts';
import express, { type Express, type RequestHandler } from 'express';
import { auditRoutes } from './audit/routes.ts';
import { openApi } from './openapi.ts';
import { purgeRoutes } from './purge/routes.ts';
import { traceRoutes } from './traces/routes.ts';
import type { InvalidationWorker } from './worker.ts';

export const serviceName = 'invalidation-worker';

export interface Dependencies {
  readonly worker: InvalidationWorker;
  readonly authenticate: RequestHandler;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly trustedProxies?: readonly string[];
}

/** The HTTP interface for operators and probes. */
export function createApp(deps: Dependencies): Express {
  const { worker, log, metrics, readiness } = deps;
  const mayOperate = express.Router().use(deps.authenticate, requireScope(OPERATE_SCOPE));
  return createServiceApp({
    service: serviceName,
    log,
    metrics,
    readiness,
    openapi: openApi(),
    ...(deps.trustedProxies !== undefined && { trustedProxies: deps.trustedProxies }),
    routes: (app) => {
      traceRoutes(app, { traces: worker.traces, broadcast: worker.broadcast, mayOperate });
      auditRoutes(app, { auditor: worker.auditor, mayOperate });
      purgeRoutes(app, { purger: worker.purger, mayOperate, log });
    },
  });
}
