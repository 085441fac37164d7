import type { Order, OrderItem, OrderSummary } from '@catalog/contracts';
import { loadSql, type PoolClient, type Queryable } from '@catalog/database';

const sql = {
  insert: loadSql(import.meta.url, './sql/insert-order.sql'),
  load: loadSql(import.meta.url, './sql/load-order.sql'),
  list: loadSql(import.meta.url, './sql/list-orders.sql'),
  complete: loadSql(import.meta.url, './sql/complete-order.sql'),
  cancel: loadSql(import.meta.url, './sql/cancel-order.sql'),
};

export interface NewOrder {
  readonly customerId: string;
  readonly placedBy: string;
  readonly currency: string;
  readonly items: readonly OrderItem[];
}

export interface OrderFilter {
  readonly customerId?: string | undefined;
  readonly status?: OrderSummary['status'] | undefined;
}

export async function insertOrder(
  client: PoolClient,
  { customerId, placedBy, currency, items }: NewOrder,
): Promise<Order> {
  const totalMinor = items.reduce((sum, { priceMinor, quantity }) => sum + priceMinor * quantity, 0);
  const { rows } = await client.query<{ id: string; createdAt: string }>(sql.insert, [
    customerId,
    currency,
    totalMinor,
    placedBy,
    items.map(({ productId }) => productId),
    items.map(({ productVersion }) => productVersion),
    items.map(({ sku }) => sku),
    items.map(({ name }) => name),
    items.map(({ priceMinor }) => priceMinor),
    items.map(({ weightGrams }) => weightGrams),
    items.map(({ quantity }) => quantity),
  ]);
  const [placed] = rows;
  if (placed === undefined) throw new Error('inserting an order answered no row');
  return withWeight({
    ...placed,
    customerId,
    status: 'placed',
    currency,
    totalMinor,
    completedAt: null,
    cancelledAt: null,
    items: [...items],
  });
}

export async function loadOrder(db: Queryable, id: string): Promise<Order | null> {
  const { rows } = await db.query<OrderSummary & OrderItem>(sql.load, [id]);
  const [first] = rows;
  if (first === undefined) return null;
  const { customerId, status, currency, totalMinor, createdAt, completedAt, cancelledAt } = first;
  const items = rows.map(({ sku, productId, productVersion, name, priceMinor, weightGrams, quantity }) => ({
    sku,
    productId,
    productVersion,
    name,
    priceMinor,
    weightGrams,
    quantity,
  }));
  return withWeight({
    id,
    customerId,
    status,
    currency,
    totalMinor,
    createdAt,
    completedAt,
    cancelledAt,
    items,
  });
}

/** Newest first. */
export async function listOrders(
  db: Queryable,
  { customerId, status }: OrderFilter,
  page: { readonly beforeId: string | undefined; readonly limit: number },
): Promise<{ orders: OrderSummary[]; hasMore: boolean }> {
  const { rows } = await db.query<OrderSummary>(sql.list, [
    customerId ?? null,
    status ?? null,
    page.beforeId ?? null,
    page.limit + 1,
  ]);
  return { orders: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}

/** @returns true if the order was in the state "placed" and is now completed or cancelled */
export async function endOrder(db: Queryable, id: string, how: 'complete' | 'cancel'): Promise<boolean> {
  const { rows } = await db.query(sql[how], [id]);
  return rows.length > 0;
}

function withWeight({ items, ...summary }: Omit<Order, 'totalWeightGrams' | 'totalWeightIsComplete'>): Order {
  return {
    ...summary,
    totalWeightGrams: items.reduce(
      (sum, { weightGrams, quantity }) => sum + (weightGrams ?? 0) * quantity,
      0,
    ),
    totalWeightIsComplete: items.every(({ weightGrams }) => weightGrams !== null),
    items,
  };
}
