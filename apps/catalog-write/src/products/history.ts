import { CatalogError, pageLimitSchema, productHistoryPageSchema } from '@catalog/contracts';
import { readProductHistory, withConnection, type Pool } from '@catalog/database';
import { callerKey, CallerTurns, requestTimeout, route, type Route } from '@catalog/service-kit';
import { z } from 'zod';

const query = z.strictObject({
  limit: pageLimitSchema,
  /** The version of the last change of the page before. */
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'is not a cursor that this service gave' })
    .transform(Number)
    .optional(),
});

/**
 * Of one caller. The page of a large product that was changed often takes Postgres thirty times as long as a save. With all requests that
 * run at once for a caller, it would slow down the saves of others.
 */
const pages = { what: 'pages of histories', atOnce: 2, waiting: 100, wait_ms: 2_000 } as const;

export function historyRoute(pool: Pool, params: z.ZodObject<{ id: z.ZodType<string> }>): Route {
  const turns = new CallerTurns(pages);
  return route({
    method: 'get',
    path: '/v1/products/{id}/history',
    summary: 'Who changed which fields of a product, when, newest first',
    description:
      'As far back as history is kept. Deleted products have one too. A page has fewer changes than `limit` if it would be larger than a megabyte. `changedBy` is "sql" for a change made by hand. A create has all fields, unless thousands of changes follow it.',
    scope: 'catalog:write',
    params,
    query,
    headers: { until_ms: requestTimeout },
    answers: { 200: { description: 'The changes.', schema: productHistoryPageSchema } },
    errors: ['not_found'],
    async handle({ params: { id }, query: { limit, cursor }, headers: { until_ms } }, res, req) {
      using _turn = await turns.take(callerKey(req), until_ms);
      const history = await withConnection(
        pool,
        (client) => readProductHistory(client, { productId: id, beforeVersion: cursor, limit }),
        { until_ms },
      );
      if (history === null) throw new CatalogError('not_found', 'There is no product with this id.');
      const { changes, nextBefore } = history;
      res.set('Cache-Control', 'no-store').json({
        data: changes,
        page: { nextCursor: nextBefore === undefined ? null : String(nextBefore) },
      });
    },
  });
}
