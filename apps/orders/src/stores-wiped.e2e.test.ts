import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type RunningOrders } from './testing/running-orders.ts';

let orders: RunningOrders;
beforeAll(async () => {
  orders = await runningOrders();
});
afterAll(() => orders[Symbol.asyncDispose]());

async function wipe(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}

/** All that a client of the system can see, but for what says how it was served. */
async function seen(sku: string, orderId: string): Promise<unknown[]> {
  const bodies = [
    `/v1/orders/${orderId}`,
    `/v1/orders?customerId=c-1`,
    `/v1/stock/${sku}`,
    '/v1/reports/sales',
  ];
  const texts = await Promise.all(bodies.map(async (path) => (await orders.call('GET', path)).json()));
  return [...texts, await orders.client.products.getBySku(sku), await orders.client.settings.get()];
}

test('with both Redis servers wiped, again and again, everything is there and goes on', async () => {
  const sku = await orders.sell({ sku: 'WIPED-1' }, 1_000);
  const body = { customerId: 'c-1', lines: [{ sku, quantity: 1 }] };
  const keyed = { body, headers: { 'Idempotency-Key': 'wiped' } };
  const first = (await (await orders.call('POST', '/v1/orders', keyed)).json()) as { id: string };
  await orders.call('POST', `/v1/orders/${first.id}/complete`);
  await eventually(async () => JSON.stringify(await seen(sku, first.id)).includes('"revenueMinor":1999'));
  const before = await seen(sku, first.id);

  for (let round = 1; round <= 3; round++) {
    await Promise.all([wipe(orders.catalog.cacheRedis.url), wipe(orders.catalog.stateRedis.url)]);
    expect(await seen(sku, first.id)).toEqual(before);
    const again = await orders.call('POST', '/v1/orders', keyed);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  }

  // A change whose invalidation was in a queue that is gone still reaches every reader.
  const product = await orders.client.products.getBySku(sku);
  for (let price = 1; price <= 5; price++) {
    const changing = orders.owner.query('update catalog.products set price_minor = $1 where sku = $2', [
      price,
      sku,
    ]);
    await Promise.all([changing, wipe(orders.catalog.cacheRedis.url), wipe(orders.catalog.stateRedis.url)]);
    await eventually(
      async () => (await orders.client.products.get(product?.id ?? ''))?.priceMinor === price,
      {
        timeout_ms: 15_000,
      },
    );
  }
  const { items } = await orders.place([{ sku, quantity: 1 }]);
  expect(items[0]?.priceMinor).toBe(5);
  expect(await orders.onHand(sku)).toBe(998);
});
