import { lastChangesSchema, productIdListSchema } from '@catalog/contracts';
import { readLastChanges, withConnection, type Pool } from '@catalog/database';
import { requestTimeout, route, type Route } from '@catalog/service-kit';
import { z } from 'zod';

export function lastChangesRoute(pool: Pool): Route {
  return route({
    method: 'get',
    path: '/v1/products/last-changes',
    summary: 'Who changed each of several products last, when and in what',
    description:
      'In any order. A product is missing if it does not exist, or if its last change is older than the history that is kept.',
    scope: 'catalog:write',
    query: z.strictObject({ ids: productIdListSchema }),
    headers: { until_ms: requestTimeout },
    answers: { 200: { description: 'The changes.', schema: lastChangesSchema } },
    async handle({ query: { ids }, headers: { until_ms } }, res) {
      const data = await withConnection(pool, (client) => readLastChanges(client, ids), { until_ms });
      res.set('Cache-Control', 'no-store').json({ data });
    },
  });
}
