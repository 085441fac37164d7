import { createHash } from 'node:crypto';
import { CatalogError, skuSchema, stockAdjustmentSchema, type Stock } from '@catalog/contracts';
import { answerOnce, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { jsonBody, parse, parseIdempotencyKey, waitsUntil } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Guards } from '../http/guards.ts';
import { adjustStock, readStock } from './stock-store.ts';

export const stockParams = z.strictObject({ sku: skuSchema });

export function stockRoutes(app: Express, { pool, guards }: { pool: Pool; guards: Guards }): void {
  app.get('/v1/stock/:sku', guards.mayRead, async (req, res) => {
    const { sku } = parse(stockParams, req.params, 'params');
    const stock = await readStock(pool, sku);
    if (stock === null) throw new CatalogError('not_found', 'Nothing of this SKU was ever received.');
    res.set('Cache-Control', 'no-store').json(stock);
  });

  app.post('/v1/stock/:sku/adjustments', guards.mayWrite, jsonBody(), async (req, res) => {
    const { sku } = parse(stockParams, req.params, 'params');
    const adjustment = parse(stockAdjustmentSchema, req.body, 'body');
    const subject = req.caller?.subject ?? '';
    const adjust = async (client: PoolClient): Promise<Stock> => {
      const adjusted = await adjustStock(client, sku, adjustment, subject);
      if (!('refused' in adjusted)) return adjusted;
      const { refused, onHand } = adjusted;
      const message = `${onHand} are on hand`;
      const errors = [{ pointer: '/delta', code: refused, message }];
      if (refused === 'below_zero') throw new CatalogError('stock_short', `Only ${message}.`, { errors });
      throw new CatalogError('invalid_request', `More than can be counted: ${message}.`, { errors });
    };
    const key = parseIdempotencyKey(req.get('Idempotency-Key'));
    const until_ms = waitsUntil(req);
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
  });
}
