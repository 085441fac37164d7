import type { CatalogClient } from '@catalog/catalog-client';
import {
  CatalogError,
  customerIdSchema,
  orderCreateSchema,
  orderStatuses,
  type Order,
} from '@catalog/contracts';
import { withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { jsonBody, parse, parseIdempotencyKey, waitsUntil } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Guards } from '../http/guards.ts';
import { staleIfErrorOf } from '../http/stale-if-error.ts';
import { returnStock } from '../stock/stock-store.ts';
import { endOrder, listOrders, loadOrder } from './order-store.ts';
import { piecesOf, placeOrder } from './place-order.ts';

export const orderParams = z.strictObject({ id: z.uuid({ error: 'must be a UUID' }).toLowerCase() });
export const orderQuery = z.strictObject({
  customerId: customerIdSchema.optional(),
  status: z.enum(orderStatuses).optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 100, { error: 'must be from 1 to 100' })
    .default(50),
  /** The id of the last order of the page before. */
  cursor: z.uuid({ error: 'is not a cursor that this service gave' }).optional(),
});

export function orderRoutes(
  app: Express,
  { pool, catalog, guards }: { pool: Pool; catalog: CatalogClient; guards: Guards },
): void {
  app.post('/v1/orders', guards.mayWrite, jsonBody(), async (req, res) => {
    const order = parse(orderCreateSchema, req.body, 'body');
    const placed = await placeOrder(
      { pool, catalog },
      {
        order,
        subject: req.caller?.subject ?? '',
        idempotencyKey: parseIdempotencyKey(req.get('Idempotency-Key')),
        until_ms: waitsUntil(req),
        staleIfError_ms: staleIfErrorOf(req),
      },
    );
    if (placed.repeated) res.set('Idempotency-Replayed', 'true');
    if (placed.staleFor_ms !== undefined) {
      res
        .set('Cache-Status', 'orders; hit; detail=stale')
        .set('Age', String(Math.ceil(placed.staleFor_ms / 1_000)));
    }
    res.status(201).set('Location', `/v1/orders/${placed.order.id}`).json(placed.order);
  });

  app.get('/v1/orders', guards.mayRead, async (req, res) => {
    const { limit, cursor, ...filter } = parse(orderQuery, req.query, 'query');
    const { orders, hasMore } = await listOrders(pool, filter, { beforeId: cursor, limit });
    const nextCursor = hasMore ? (orders.at(-1)?.id ?? null) : null;
    res.set('Cache-Control', 'no-store').json({ data: orders, page: { nextCursor } });
  });

  app.get('/v1/orders/:id', guards.mayRead, async (req, res) => {
    const { id } = parse(orderParams, req.params, 'params');
    res.set('Cache-Control', 'no-store').json(found(await loadOrder(pool, id)));
  });

  // Ending it twice in the same way is ending it once; the other way round is too late.
  app.post('/v1/orders/:id/complete', guards.mayWrite, async (req, res) => {
    const { id } = parse(orderParams, req.params, 'params');
    await withTransaction(pool, (client) => endOrder(client, id, 'complete'), { until_ms: waitsUntil(req) });
    res.json(ended(found(await loadOrder(pool, id)), 'completed'));
  });

  app.post('/v1/orders/:id/cancel', guards.mayWrite, async (req, res) => {
    const { id } = parse(orderParams, req.params, 'params');
    const cancel = async (client: PoolClient) => {
      const wasPlaced = await endOrder(client, id, 'cancel');
      const loaded = found(await loadOrder(client, id));
      if (wasPlaced) await returnStock(client, piecesOf(loaded.items));
      return loaded;
    };
    const order = await withTransaction(pool, cancel, { until_ms: waitsUntil(req) });
    res.json(ended(order, 'cancelled'));
  });
}

function found(order: Order | null): Order {
  if (order === null) throw new CatalogError('not_found', 'There is no order with this id.');
  return order;
}

function ended(order: Order, status: Order['status']): Order {
  if (order.status === status) return order;
  throw new CatalogError('conflict', `The order is ${order.status} already.`);
}
