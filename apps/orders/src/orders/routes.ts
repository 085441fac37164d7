import {
  CatalogError,
  customerIdSchema,
  exampleSku,
  orderCreateSchema,
  orderPageSchema,
  orderSchema,
  orderStatuses,
  pageLimitSchema,
  type Order,
} from '@catalog/contracts';
import { withTransaction, type Pool, type PoolClient } from '@catalog/database';
import {
  callerKey,
  type HeaderField,
  idempotencyKey,
  minVersion,
  requestTimeout,
  route,
  type Route,
} from '@catalog/service-kit';
import { z } from 'zod';
import { skusOfRequest, unknownSkuCost } from '../catalog-copy/product-lookup.ts';
import { mayRead, mayWrite } from '../scopes.ts';
import { returnStock } from '../stock/stock-store.ts';
import { endOrder, listOrders, loadOrder } from './order-store.ts';
import { piecesOf, placeOrder } from './place-order.ts';
import type { PriceSources } from './priced-lines.ts';

/** Prices change within hours. A longer outage of the catalog stops orders. */
const mostStale_ms = 600_000;

const params = z.strictObject({ id: z.uuid({ error: 'must be a UUID' }).toLowerCase() });

/**
 * `Cache-Control: stale-if-error=SECONDS` of a request (RFC 5861, 4), in milliseconds: how old the catalog's answers may
 * be while the catalog cannot answer. Without it the caller accepts nothing stale. A value above `mostStale_ms` counts as
 * `mostStale_ms`: no caller may extend that limit.
 */
export const staleIfError_ms: HeaderField<number> = {
  name: 'Cache-Control',
  description:
    '`stale-if-error=SECONDS`: how old catalog data may be while the catalog cannot answer; 600 at most.',
  schema: z.string().optional(),
  read(req) {
    const header = req.headers['cache-control'] ?? '';
    const [, seconds] = /(?:^|[\s,])stale-if-error="?(\d{1,9})"?(?:$|[\s,;])/i.exec(header) ?? [];
    return seconds === undefined ? 0 : Math.min(Number(seconds) * 1_000, mostStale_ms);
  },
};

export function orderRoutes({ pool, catalog, products }: { readonly pool: Pool } & PriceSources): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/orders',
      summary: 'Place an order',
      description: `Takes the stock and keeps name, price and weight of this moment, all or nothing. Each line has the version of the product. It is at most 2 s older than the newest commit; with \`Min-Version\`, the version of a write, it is not older than that write. While the catalog is away the order is refused, unless \`Cache-Control: stale-if-error=SECONDS\` accepts what this service last read. For the rate limit an order counts as one request and one more for each ${skusOfRequest} lines, and a line whose SKU no product has as ${unknownSkuCost}.`,
      scope: mayWrite,
      headers: { key: idempotencyKey, until_ms: requestTimeout, staleIfError_ms, minVersion },
      body: {
        schema: orderCreateSchema,
        example: { customerId: 'customer-1', lines: [{ sku: exampleSku, quantity: 2 }] },
      },
      answers: {
        201: {
          description: 'Placed.',
          schema: orderSchema,
          headers: { Location: 'Its address.' },
          sometimes: {
            'Idempotency-Replayed': 'true: placed before, under the same key.',
            'Cache-Status':
              '`detail=stale`: the catalog was away, and prices are what this service last read.',
            Age: 'With that: how many seconds ago.',
          },
        },
      },
      errors: ['conflict', 'busy', 'stock_short', 'orders_closed'],
      async handle({ body: order, headers: { key, ...headers }, caller: { subject } }, res, req) {
        const placed = await placeOrder(
          { pool, catalog, products },
          { order, subject, caller: callerKey(req), idempotencyKey: key, ...headers },
        );
        if (placed.repeated) res.set('Idempotency-Replayed', 'true');
        if (placed.staleFor_ms !== undefined) {
          res
            .set('Cache-Status', 'orders; hit; detail=stale')
            .set('Age', String(Math.ceil(placed.staleFor_ms / 1_000)));
        }
        res.status(201).set('Location', `/v1/orders/${placed.order.id}`).json(placed.order);
      },
    }),

    route({
      method: 'get',
      path: '/v1/orders',
      summary: 'A page of orders, the newest first',
      scope: mayRead,
      query: z.strictObject({
        customerId: customerIdSchema.optional(),
        status: z.enum(orderStatuses).optional(),
        limit: pageLimitSchema,
        /** The id of the last order of the page before. */
        cursor: z.uuid({ error: 'is not a cursor that this service gave' }).optional(),
      }),
      answers: { 200: { description: 'The orders.', schema: orderPageSchema } },
      async handle({ query: { limit, cursor, ...filter } }, res) {
        const { orders, hasMore } = await listOrders(pool, filter, { beforeId: cursor, limit });
        const nextCursor = hasMore ? (orders.at(-1)?.id ?? null) : null;
        res.set('Cache-Control', 'no-store').json({ data: orders, page: { nextCursor } });
      },
    }),

    route({
      method: 'get',
      path: '/v1/orders/{id}',
      summary: 'An order with its items and its weight',
      scope: mayRead,
      params,
      answers: { 200: { description: 'The order.', schema: orderSchema } },
      errors: ['not_found'],
      async handle({ params: { id } }, res) {
        res.set('Cache-Control', 'no-store').json(found(await loadOrder(pool, id)));
      },
    }),

    // A repeated call succeeds without a change. Once an order has ended in one way it cannot end in the other.
    route({
      ...ending('complete', 'Complete an order'),
      async handle({ params: { id }, headers: { until_ms } }, res) {
        await withTransaction(pool, (client) => endOrder(client, id, 'complete'), { until_ms });
        res.json(ended(found(await loadOrder(pool, id)), 'completed'));
      },
    }),

    route({
      ...ending('cancel', 'Cancel an order and give its stock back'),
      async handle({ params: { id }, headers: { until_ms } }, res) {
        const cancel = async (client: PoolClient) => {
          const wasPlaced = await endOrder(client, id, 'cancel');
          const order = found(await loadOrder(client, id));
          if (wasPlaced) await giveBack(client, order);
          return order;
        };
        res.json(ended(await withTransaction(pool, cancel, { until_ms }), 'cancelled'));
      },
    }),
  ];
}

/** What the two ways to end an order have in common. */
const ending = (how: 'complete' | 'cancel', summary: string) =>
  ({
    method: 'post',
    path: `/v1/orders/{id}/${how}`,
    summary,
    scope: mayWrite,
    params,
    headers: { until_ms: requestTimeout },
    answers: { 200: { description: 'The order as it is now.', schema: orderSchema } },
    errors: ['not_found', 'conflict', 'busy'],
  }) as const;

function giveBack(client: PoolClient, { items }: Order): Promise<void> {
  const skus = new Map(items.map(({ productId, sku }) => [productId, sku]));
  return returnStock(client, piecesOf(items), (productId) => skus.get(productId) ?? productId);
}

function found(order: Order | null): Order {
  if (order === null) throw new CatalogError('not_found', 'There is no order with this id.');
  return order;
}

function ended(order: Order, status: Order['status']): Order {
  if (order.status === status) return order;
  throw new CatalogError('conflict', `The order is already ${order.status}.`);
}
