import { type ApiDependencies, createApi } from '@catalog/service-kit';
import type { Express } from 'express';
import { auditRoute } from './audit/routes.ts';
import { purgeRoute } from './purge/routes.ts';
import { traceRoutes } from './traces/routes.ts';
import type { InvalidationWorker } from './worker.ts';

export const serviceName = 'invalidation-worker';

export interface Dependencies extends ApiDependencies {
  readonly worker: Pick<InvalidationWorker, 'traces' | 'broadcast' | 'auditor' | 'purger'>;
}

/** What operators, the console and scripts ask of the worker. */
export function createApp(deps: Dependencies): Express {
  const { worker, log } = deps;
  const { stopping } = deps.readiness;
  return createApi({
    ...deps,
    service: serviceName,
    description: 'Shows the change feed, and purges and audits the cache.',
    routes: [
      ...traceRoutes({ traces: worker.traces, broadcast: worker.broadcast, stopping }),
      auditRoute({ auditor: worker.auditor, stopping }),
      purgeRoute({ purger: worker.purger, log }),
    ],
  });
}
