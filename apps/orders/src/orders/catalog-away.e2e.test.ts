import { problemSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type RunningOrders } from '../testing/running-orders.ts';

let orders: RunningOrders;
let seen: string;
let unseen: string;
beforeAll(async () => {
  orders = await runningOrders();
  seen = await orders.sell({ sku: 'SEEN-1' }, 10);
  unseen = await orders.sell({ sku: 'UNSEEN-1' }, 10);
  await order(seen, 'before');
  // The copy has both products, and the one that was never ordered too.
  await eventually(async () => {
    const { rows } = await orders.owner.query(
      `select from catalog.copied_products, catalog.copy_position where sku in ('SEEN-1', 'UNSEEN-1') and finished_round > 0`,
    );
    return rows.length === 2;
  });
  await orders.catalog.read.kill('SIGKILL');
});
afterAll(() => orders[Symbol.asyncDispose]());

const order = (sku: string, key: string, headers: Record<string, string> = {}) =>
  orders.call('POST', '/v1/orders', {
    body: { customerId: 'c-1', lines: [{ sku, quantity: 1 }] },
    headers: { 'Idempotency-Key': key, ...headers },
  });

test('an order is refused with 503 and Retry-After, and its Idempotency-Key stays free', async () => {
  const before = await orders.onHand(seen);
  const res = await order(seen, 'refused');
  expect(problemSchema.parse(await res.json())).toMatchObject({ status: 503, code: 'unavailable' });
  expect(Number(res.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await orders.onHand(seen)).toBe(before);
});

test('a product of the copy can be ordered if the caller accepts stale data, and the answer says that it is stale', async () => {
  const res = await order(seen, 'allowed', { 'Cache-Control': 'no-cache, stale-if-error=600' });
  expect([res.status, res.headers.get('cache-status')]).toEqual([201, 'orders; hit; detail=stale']);
  expect(Number(res.headers.get('age'))).toBeGreaterThan(0);
  expect(await res.json()).toMatchObject({ totalMinor: 1999 });
});

test('a product that was never ordered is in the copy too', async () => {
  expect((await order(unseen, 'unseen', { 'Cache-Control': 'stale-if-error=600' })).status).toBe(201);
});

test('no product can be ordered when the copy is too old, or when the caller asks for a version', async () => {
  expect((await order(seen, 'too-old', { 'Cache-Control': 'stale-if-error=0' })).status).toBe(503);
  const versioned = { 'Cache-Control': 'stale-if-error=600', 'Min-Version': '1' };
  expect((await order(seen, 'versioned', versioned)).status).toBe(503);
});

test('repeated requests, reads and completions still work', async () => {
  const again = await order(seen, 'before');
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  const { id } = (await again.json()) as { id: string };
  expect((await orders.call('GET', `/v1/orders/${id}`)).status).toBe(200);
  expect((await orders.call('GET', `/v1/stock/${seen}`)).status).toBe(200);
  expect((await orders.call('POST', `/v1/orders/${id}/complete`)).status).toBe(200);
  expect((await fetch(`${orders.service.url}/readyz`)).status).toBe(200);
});

test('the order is answered within the deadline of the caller', async () => {
  const began_ms = performance.now();
  expect((await order(seen, 'deadline', { 'Request-Timeout-Ms': '100' })).status).toBe(503);
  // Without the deadline the client would retry for 5 seconds, on a fast and on a slow machine.
  expect(performance.now() - began_ms).toBeLessThan(4_000);
});
