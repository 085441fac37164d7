/** Inputs that attackers send. docs/security.md lists them. */
import { databaseWords, hostileRequests } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from './testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

async function state(): Promise<unknown> {
  const { rows } = await orders.owner.query(`
    select (select json_agg(o order by o.id) from catalog.orders o) as orders,
      (select count(*) from catalog.order_items) as items,
      (select json_agg(s order by s.product_id) from catalog.stock s) as stock,
      (select count(*) from catalog.stock_adjustments) as adjustments,
      (select count(*) from catalog.idempotency_keys) as keys`);
  return rows[0];
}

test('hostile input is harmless in every parameter of every route and in every body', async () => {
  const sku = await orders.sell({ sku: 'KEPT-1' }, 1_000_000);
  const { id } = await orders.place([{ sku, quantity: 1 }]);
  const requests = await hostileRequests(`${orders.service.url}/openapi.json`, {
    path: { id, sku },
    bodies: {
      'post /v1/orders': { customerId: 'c-1', lines: [{ sku, quantity: 1 }] },
      'post /v1/stock/{sku}/adjustments': { delta: 1, reason: 'received' },
    },
  });
  let succeeded = 0;
  let before = await state();
  for (const { what, method, path, headers, body } of requests) {
    const res = await orders.call(method, path, {
      headers,
      ...(body !== undefined && { body: JSON.parse(body) as unknown }),
    });
    const text = await res.text();
    expect([what, res.status < 500 || text]).toEqual([what, true]);
    expect(text, what).not.toMatch(databaseWords);
    const after = await state();
    if (res.ok) {
      succeeded += 1;
      before = after;
    }
    expect([what, after]).toEqual([what, before]);
  }
  expect(succeeded).toBeGreaterThan(0);
  expect(succeeded).toBeLessThan(requests.length / 2);
  expect((await orders.call('GET', `/v1/orders/${id}`)).status).toBe(200);
  // Some hundred requests one after another: 20 s are too short on a busy machine.
}, 60_000);
