import { createHash } from 'node:crypto';
import { CatalogError, skuSchema, stockAdjustmentSchema, stockSchema, type Stock } from '@catalog/contracts';
import { answerOnce, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { idempotencyKey, requestTimeout, route, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { mayRead, mayWrite } from '../scopes.ts';
import { adjustStock, readStock } from './stock-store.ts';

const params = z.strictObject({ sku: skuSchema });

export function stockRoutes({ pool }: { readonly pool: Pool }): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/stock/{sku}',
      summary: 'Stock on hand',
      scope: mayRead,
      params,
      answers: { 200: { description: 'The stock.', schema: stockSchema } },
      errors: ['not_found'],
      async handle({ params: { sku } }, res) {
        const stock = await readStock(pool, sku);
        if (stock === null) throw new CatalogError('not_found', 'No stock of this SKU was ever received.');
        res.set('Cache-Control', 'no-store').json(stock);
      },
    }),

    route({
      method: 'post',
      path: '/v1/stock/{sku}/adjustments',
      summary: 'Receive or correct stock',
      scope: mayWrite,
      params,
      headers: { key: idempotencyKey, until_ms: requestTimeout },
      body: { schema: stockAdjustmentSchema },
      answers: {
        200: {
          description: 'The stock as it is now.',
          schema: stockSchema,
          sometimes: { 'Idempotency-Replayed': 'true: adjusted before, under the same key.' },
        },
      },
      errors: ['conflict', 'busy', 'stock_short'],
      async handle({ params: { sku }, body: adjustment, headers: { key, until_ms }, caller }, res) {
        const { subject } = caller;
        const adjust = async (client: PoolClient): Promise<Stock> => {
          const adjusted = await adjustStock(client, sku, adjustment, subject);
          if (!('refused' in adjusted)) return adjusted;
          const { refused, onHand } = adjusted;
          const message = `${onHand} are on hand`;
          const errors = [{ pointer: '/delta', code: refused, message }];
          if (refused === 'below_zero') throw new CatalogError('stock_short', `Only ${message}.`, { errors });
          throw new CatalogError('invalid_request', `/delta exceeds what can be counted: ${message}.`, {
            errors,
          });
        };
        if (key === undefined) {
          res.json(await withTransaction(pool, adjust, { until_ms }));
          return;
        }
        const requestHash = createHash('sha256')
          .update(JSON.stringify([sku, adjustment]))
          .digest();
        const request = { operation: 'adjust_stock', subject, key, requestHash, until_ms };
        const { answer, repeated } = await answerOnce(pool, request, adjust);
        if (repeated) res.set('Idempotency-Replayed', 'true');
        res.json(answer);
      },
    }),
  ];
}
