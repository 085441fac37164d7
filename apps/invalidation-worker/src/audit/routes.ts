import { auditResultSchema, CatalogError, OPERATE_SCOPE } from '@catalog/contracts';
import { route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { unavailableWithoutCache } from '../http/unavailable-without-cache.ts';
import type { Auditor } from './auditor.ts';

interface AuditRouteOptions {
  readonly auditor: Pick<Auditor, 'pass'>;
  /** Aborts when the service begins to stop. */
  readonly stopping: AbortSignal;
}

export function auditRoute({ auditor, stopping }: AuditRouteOptions): Route {
  let running = false;
  // A pass over a large cache takes minutes, longer than a service may take to stop.
  const cutOff = new AbortController();
  stopping.addEventListener('abort', () =>
    cutOff.abort(new CatalogError('unavailable', 'The service is stopping.')),
  );

  return route({
    method: 'post',
    path: '/v1/audits',
    summary: 'Compare every cached entry with Postgres, and repair what differs',
    description: 'Answers when the pass is done. The pass ends early when the caller disconnects.',
    scope: OPERATE_SCOPE,
    query: z.strictObject({}),
    answers: { 200: { description: 'What the pass found.', schema: auditResultSchema } },
    errors: ['conflict'],
    async handle(_input, res) {
      if (running) throw new CatalogError('conflict', 'Another audit is running.');
      running = true;
      const gone = new AbortController();
      res.on('close', () => gone.abort());
      try {
        const result = await unavailableWithoutCache(() =>
          auditor.pass(AbortSignal.any([gone.signal, cutOff.signal])),
        );
        res.set('Cache-Control', 'no-store').json(result);
      } catch (error) {
        if (!gone.signal.aborted) throw error;
      } finally {
        running = false;
      }
    },
  });
}
