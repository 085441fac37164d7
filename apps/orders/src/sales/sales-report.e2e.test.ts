import { problemSchema, salesReportSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type RunningOrders } from '../testing/running-orders.ts';
import { monthOf, monthsBetween } from './sales-report.ts';

let orders: RunningOrders;
let sku: string;
const thisMonth = monthOf(Date.now());
beforeAll(async () => {
  orders = await runningOrders();
  sku = await orders.sell({ sku: 'SOLD-1', priceMinor: 500 }, 1_000_000);
});
afterAll(() => orders[Symbol.asyncDispose]());

async function report(query = '') {
  const res = await orders.call('GET', `/v1/reports/sales${query}`, { scope: 'orders:read' });
  expect(res.status).toBe(200);
  return { ...salesReportSchema.parse(await res.json()), source: res.headers.get('cache-status') };
}

async function complete(): Promise<void> {
  const { id } = await orders.place([{ sku, quantity: 2 }]);
  expect((await orders.call('POST', `/v1/orders/${id}/complete`)).status).toBe(200);
}

const row = (month: string, count: number, currency = 'EUR') => ({
  month,
  currency,
  revenueMinor: count * 1_000,
  orders: count,
});

test('each completed order counts at once, and without a change the report comes from the cache', async () => {
  expect((await report()).data).toEqual([]);
  for (let count = 1; count <= 10; count++) {
    await complete();
    await eventually(async () => (await report()).data[0]?.orders === count, { timeout_ms: 2_000 });
  }
  expect(await report()).toEqual({ data: [row(thisMonth, 10)], source: 'orders; hit; detail=near' });
  // Orders that are placed or cancelled do not count.
  const { id } = await orders.place([{ sku, quantity: 2 }]);
  await orders.call('POST', `/v1/orders/${id}/cancel`);
  await orders.place([{ sku, quantity: 2 }]);
  expect((await report()).data).toEqual([row(thisMonth, 10)]);
});

test('a change by hand counts in its UTC month and in its currency', async () => {
  await report('?from=2025-01&to=2025-03');
  await orders.owner.query(`
    insert into catalog.orders (customer_id, status, currency, total_minor, placed_by, completed_at) values
      ('c', 'completed', 'EUR', 1000, 'sql', '2025-01-31T23:59:59.999Z'),
      ('c', 'completed', 'EUR', 1000, 'sql', '2025-02-01T00:00:00Z'),
      ('c', 'completed', 'USD', 1000, 'sql', '2025-02-28T23:59:59Z')`);
  const expected = [row('2025-01', 1), row('2025-02', 1), row('2025-02', 1, 'USD')];
  await eventually(async () => (await report('?from=2025-01&to=2025-03')).data.length === 3);
  expect((await report('?from=2025-01-15&to=2025-03-01')).data).toEqual(expected);
  await orders.owner.query(
    "update catalog.orders set completed_at = '2025-03-05T00:00:00Z' where currency = 'USD'",
  );
  await eventually(async () => (await report('?from=2025-01&to=2025-03')).data.at(-1)?.month === '2025-03');
  await orders.owner.query("delete from catalog.orders where currency = 'USD'");
  await eventually(async () => (await report('?from=2025-01&to=2025-03')).data.length === 2);
  expect((await report('?from=2025-02&to=2025-02')).data).toEqual([row('2025-02', 1)]);
});

test('a month whose revenue exceeds the largest safe number is shown as null, and other months are right', async () => {
  await orders.owner.query(`
    insert into catalog.orders (customer_id, status, currency, total_minor, placed_by, completed_at) values
      ('c', 'completed', 'EUR', 9007199254740991, 'sql', '2024-05-01T00:00:00Z'),
      ('c', 'completed', 'EUR', 9007199254740991, 'sql', '2024-05-02T00:00:00Z'),
      ('c', 'completed', 'EUR', 1000, 'sql', '2024-06-01T00:00:00Z')`);
  expect((await report('?from=2024-05&to=2024-06')).data).toEqual([
    { month: '2024-05', currency: 'EUR', revenueMinor: null, orders: 2 },
    row('2024-06', 1),
  ]);
});

test('without the cache Redis the report is still correct', async () => {
  await orders.catalog.cacheRedis.kill('SIGKILL');
  try {
    await complete();
    const { data, source } = await eventually(
      async () => {
        const read = await report();
        return read.data[0]?.orders === 11 && read;
      },
      { timeout_ms: 10_000 },
    );
    expect(data).toEqual([row(thisMonth, 11)]);
    expect(source).toBe('orders; fwd=bypass');
  } finally {
    await orders.catalog.cacheRedis.restart();
  }
});

test.each([
  '?from=2025-13',
  '?from=January',
  '?from=2025-02&to=2025-01',
  '?from=2000-01&to=2025-01',
  '?from=2025-01&from=2025-02',
  '?month=2025-01',
])('the report of %s is refused', async (query) => {
  const res = await orders.call('GET', `/v1/reports/sales${query}`);
  expect(problemSchema.parse(await res.json())).toMatchObject({ status: 400, code: 'invalid_request' });
});

test('the list of months continues across years', () => {
  expect(monthsBetween('2025-11', '2026-02')).toEqual(['2025-11', '2025-12', '2026-01', '2026-02']);
  expect(monthsBetween('2026-02', '2026-01')).toEqual([]);
});
