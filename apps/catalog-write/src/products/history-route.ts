import { CatalogError } from '@catalog/contracts';
import { readProductHistory, withConnection, type Pool } from '@catalog/database';
import { parse, waitsUntil } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { productParams } from './routes.ts';

export const historyQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 100, { error: 'must be from 1 to 100' })
    .default(50),
  /** The version of the last change of the page before. */
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'is not a cursor that this service gave' })
    .transform(Number)
    .optional(),
});

export function historyRoute(
  app: Express,
  { pool, mayWrite }: { pool: Pool; mayWrite: RequestHandler },
): void {
  app.get('/v1/products/:id/history', mayWrite, async (req, res) => {
    const { id } = parse(productParams, req.params, 'params');
    const { limit, cursor } = parse(historyQuery, req.query, 'query');
    const history = await withConnection(
      pool,
      (client) => readProductHistory(client, { productId: id, beforeVersion: cursor, limit }),
      { until_ms: waitsUntil(req) },
    );
    if (history === null) throw new CatalogError('not_found', 'There is no product with this id.');
    const { changes, hasMore } = history;
    const last = changes.at(-1);
    res.set('Cache-Control', 'no-store').json({
      data: changes,
      page: { nextCursor: hasMore && last !== undefined ? String(last.version) : null },
    });
  });
}
