import { createHash } from 'node:crypto';
import {
  CatalogError,
  maxOrderTotalMinor,
  maxOrderWeightGrams,
  type Order,
  type OrderCreate,
  type OrderItem,
} from '@catalog/contracts';
import { answerOnce, findAnswer, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { takeStock } from '../stock/stock-store.ts';
import { insertOrder } from './order-store.ts';
import { priceLines, type PricedLines, type PriceSources, type PricingOptions } from './priced-lines.ts';

export interface OrderRequest extends PricingOptions {
  readonly order: OrderCreate;
  readonly subject: string;
  readonly idempotencyKey: string | undefined;
}

export interface PlacedOrder {
  readonly order: Order;
  /** True when the answer repeats an earlier one, because of the Idempotency-Key. */
  readonly repeated: boolean;
  readonly staleFor_ms: number | undefined;
}

/**
 * Writes stock, order, items and Idempotency-Key in one transaction, so that a crash leaves all of it or nothing. The
 * catalog is asked before the transaction begins, so that no lock waits for another service. The stock is taken last, so
 * that its rows are locked for the shortest time.
 *
 * @throws CatalogError `stock_short` with the lines, and the errors of `priceLines` and `answerOnce`
 */
export async function placeOrder(
  { pool, ...sources }: { readonly pool: Pool } & PriceSources,
  request: OrderRequest,
): Promise<PlacedOrder> {
  const { order, subject, idempotencyKey: key, until_ms } = request;
  const keyed =
    key === undefined
      ? undefined
      : { operation: 'create_order', subject, key, requestHash: hashOf(order), until_ms };
  if (keyed !== undefined) {
    // A repeated request gets its answer even when the products have changed since.
    const answered = await findAnswer<Order>(pool, keyed);
    if (answered !== undefined) return { order: answered, repeated: true, staleFor_ms: undefined };
  }
  const priced = await priceLines(sources, order.lines, request);
  const place = (client: PoolClient) => insertAndTake(client, order, subject, priced);
  const { staleFor_ms } = priced;
  if (keyed === undefined)
    return { order: await withTransaction(pool, place, { until_ms }), repeated: false, staleFor_ms };
  const { answer, repeated } = await answerOnce(pool, keyed, place);
  return { order: answer, repeated, staleFor_ms };
}

async function insertAndTake(
  client: PoolClient,
  { customerId }: OrderCreate,
  placedBy: string,
  { currency, items }: PricedLines,
): Promise<Order> {
  const value = sumOf(items, ({ priceMinor }) => priceMinor);
  if (value > maxOrderTotalMinor)
    throw tooBig(
      'is worth too much',
      `must be worth at most ${maxOrderTotalMinor} in the smallest unit of ${currency}`,
    );
  const weight = sumOf(items, ({ weightGrams }) => weightGrams ?? 0);
  if (weight > maxOrderWeightGrams)
    throw tooBig('weighs too much', `must weigh at most ${maxOrderWeightGrams} grams`);
  const placed = await insertOrder(client, { customerId, placedBy, currency, items });
  const short = await takeStock(client, piecesOf(items));
  if (short.size === 0) return placed;
  const errors = items.flatMap(({ productId, sku }, line) => {
    const onHand = short.get(productId);
    if (onHand === undefined) return [];
    return [
      { pointer: `/lines/${line}/quantity`, code: 'stock_short', message: `${onHand} of ${sku} are on hand` },
    ];
  });
  throw new CatalogError(
    'stock_short',
    `${errors
      .map(({ message }) => message)
      .slice(0, 3)
      .join('; ')}.`,
    { errors },
  );
}

/** Two lines may have the same product. */
export function piecesOf(
  items: readonly { readonly productId: string; readonly quantity: number }[],
): Map<string, number> {
  const pieces = new Map<string, number>();
  for (const { productId, quantity } of items) pieces.set(productId, (pieces.get(productId) ?? 0) + quantity);
  return pieces;
}

/** Equal orders give equal JSON, because the schema has put the fields in a fixed order. */
function hashOf(order: OrderCreate): Buffer {
  return createHash('sha256').update(JSON.stringify(order)).digest();
}

function sumOf(items: readonly OrderItem[], ofOne: (item: OrderItem) => number): bigint {
  return items.reduce((sum, item) => sum + BigInt(ofOne(item)) * BigInt(item.quantity), 0n);
}

function tooBig(reason: string, message: string): CatalogError {
  return new CatalogError('invalid_request', `The order ${reason}: /lines ${message}.`, {
    errors: [{ pointer: '/lines', code: 'too_big', message }],
  });
}
