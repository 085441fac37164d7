import { type ApiDependencies, createApi } from '@catalog/service-kit';
import type { Express } from 'express';
import { auditRoutes } from './audit/routes.ts';
import { heldKeyRoute } from './keys/routes.ts';
import { purgeRoute } from './purge/routes.ts';
import { traceRoutes } from './traces/routes.ts';
import type { InvalidationWorker } from './worker.ts';

export const serviceName = 'invalidation-worker';

export interface Dependencies extends ApiDependencies {
  readonly worker: Pick<InvalidationWorker, 'traces' | 'broadcast' | 'auditor' | 'purger' | 'stores'>;
}

/** What operators, the console and scripts ask of the worker. */
export function createApp(deps: Dependencies): Express {
  const { worker, log } = deps;
  const { stopping } = deps.readiness;
  return createApi({
    ...deps,
    service: serviceName,
    description: 'Shows the change feed and single keys, and purges and audits the cache.',
    routes: [
      ...traceRoutes({ traces: worker.traces, broadcast: worker.broadcast, stopping }),
      ...auditRoutes({ auditor: worker.auditor, stopping }),
      heldKeyRoute(worker.stores),
      purgeRoute({ purger: worker.purger, log }),
    ],
  });
}
