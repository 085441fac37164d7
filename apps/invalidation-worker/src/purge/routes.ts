import { OPERATE_SCOPE, purgeRequestSchema, purgeResultSchema } from '@catalog/contracts';
import { type Logger, route, type Route } from '@catalog/service-kit';
import { unavailableWithoutCache } from '../http/unavailable-without-cache.ts';
import type { Purger } from './purger.ts';

interface PurgeRouteOptions {
  readonly purger: Pick<Purger, 'purge'>;
  readonly log: Logger;
}

export function purgeRoute({ purger, log }: PurgeRouteOptions): Route {
  return route({
    method: 'post',
    path: '/v1/purges',
    summary: 'Invalidate one key, the keys of one entity, or all',
    description: 'The log records the caller and the reason.',
    scope: OPERATE_SCOPE,
    body: { schema: purgeRequestSchema, example: { entity: 'product', reason: 'wrong prices at noon' } },
    answers: { 200: { description: 'The number of purged entries.', schema: purgeResultSchema } },
    errors: ['conflict'],
    async handle({ body: purge, caller }, res) {
      const record = { who: caller.subject, purge };
      // Logged before and after, because a purge that fails half-way has purged some keys.
      log.warn(record, 'a purge begins');
      const result = await unavailableWithoutCache(() => purger.purge(purge));
      log.warn({ ...record, ...result }, 'purged');
      res.set('Cache-Control', 'no-store').json(result);
    },
  });
}
