import { createHash } from 'node:crypto';
import {
  CatalogError,
  addressedSkuSchema,
  productIdListSchema,
  stockAdjustmentSchema,
  stockListSchema,
  stockSchema,
  type Stock,
} from '@catalog/contracts';
import { answerOnce, findAnswer, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import {
  callerKey,
  idempotencyKey,
  minVersion,
  requestTimeout,
  route,
  type Route,
} from '@catalog/service-kit';
import { z } from 'zod';
import { askCatalog } from '../catalog-copy/catalog-away.ts';
import type { LookupOptions, ProductLookup } from '../catalog-copy/product-lookup.ts';
import { mayRead, mayWrite } from '../scopes.ts';
import { adjustStock, readStock, readStockOfProducts } from './stock-store.ts';

const params = z.strictObject({ sku: addressedSkuSchema });

interface StockRoutesDeps {
  readonly pool: Pool;
  readonly products: ProductLookup;
}

export function stockRoutes({ pool, products }: StockRoutesDeps): Route[] {
  const productOf = async (sku: string, options: LookupOptions) => {
    const product = await askCatalog(() => products.find(sku, options));
    if (product === null) throw new CatalogError('not_found', 'No product has this SKU.');
    return { id: product.id, sku };
  };

  return [
    route({
      method: 'get',
      path: '/v1/stock',
      summary: 'Stock on hand of many products',
      scope: mayRead,
      description: 'It asks the catalog for nothing, so it also answers for products that were deleted.',
      query: z.strictObject({ productIds: productIdListSchema }),
      answers: { 200: { description: 'The stock of each product that has any.', schema: stockListSchema } },
      async handle({ query: { productIds } }, res) {
        res.set('Cache-Control', 'no-store').json({ data: await readStockOfProducts(pool, productIds) });
      },
    }),

    route({
      method: 'get',
      path: '/v1/stock/{sku}',
      summary: 'Stock on hand',
      scope: mayRead,
      description:
        'Of the product that bears the SKU now. While the catalog is away, the copy of this service tells which one that is.',
      params,
      headers: { minVersion },
      answers: { 200: { description: 'The stock.', schema: stockSchema } },
      errors: ['not_found'],
      async handle({ params: { sku }, headers: { minVersion } }, res, req) {
        const product = await productOf(sku, {
          caller: callerKey(req),
          minVersion,
          staleIfError_ms: Number.POSITIVE_INFINITY,
        });
        const stock = await readStock(pool, product);
        if (stock === null)
          throw new CatalogError('not_found', 'No stock of this product was ever received.');
        res.set('Cache-Control', 'no-store').json(stock);
      },
    }),

    route({
      method: 'post',
      path: '/v1/stock/{sku}/adjustments',
      summary: 'Receive or correct stock',
      scope: mayWrite,
      params,
      headers: { key: idempotencyKey, until_ms: requestTimeout, minVersion },
      body: { schema: stockAdjustmentSchema, example: { delta: 10, reason: 'delivery 4711' } },
      answers: {
        200: {
          description: 'The stock as it is now.',
          schema: stockSchema,
          sometimes: { 'Idempotency-Replayed': 'true: adjusted before, under the same key.' },
        },
      },
      errors: ['not_found', 'conflict', 'busy', 'stock_short'],
      async handle(
        { params: { sku }, body: adjustment, headers: { key, until_ms, minVersion }, caller },
        res,
        req,
      ) {
        const { subject } = caller;
        const requestHash = createHash('sha256')
          .update(JSON.stringify([sku, adjustment]))
          .digest();
        const keyed =
          key === undefined ? undefined : { operation: 'adjust_stock', subject, key, requestHash, until_ms };
        // A repeated request gets its answer even when the SKU has moved since.
        const answered = keyed === undefined ? undefined : await findAnswer<Stock>(pool, keyed);
        if (answered !== undefined) {
          res.set('Idempotency-Replayed', 'true').json(answered);
          return;
        }
        const product = await productOf(sku, { caller: callerKey(req), minVersion, until_ms });
        const adjust = async (client: PoolClient): Promise<Stock> => {
          const adjusted = await adjustStock(client, product, adjustment, subject);
          if (!('refused' in adjusted)) return adjusted;
          const { refused, onHand } = adjusted;
          const message = `${onHand} are on hand`;
          const errors = [{ pointer: '/delta', code: refused, message }];
          if (refused === 'below_zero') throw new CatalogError('stock_short', `Only ${message}.`, { errors });
          throw new CatalogError('invalid_request', `/delta exceeds what can be counted: ${message}.`, {
            errors,
          });
        };
        if (keyed === undefined) {
          res.json(await withTransaction(pool, adjust, { until_ms }));
          return;
        }
        const { answer, repeated } = await answerOnce(pool, keyed, adjust);
        if (repeated) res.set('Idempotency-Replayed', 'true');
        res.json(answer);
      },
    }),
  ];
}
