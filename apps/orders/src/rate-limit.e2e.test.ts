/** One caller cannot keep the others from ordering. See docs/security.md, rows 11 and 67. */
import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from './testing/running-orders.ts';

const limit = 5;
const orders = await runningOrders({ requestsPerWindow: limit });
afterAll(() => orders[Symbol.asyncDispose]());

test('a caller can place only the allowed number of orders at once, and another caller is not affected', async () => {
  const sku = await orders.sell({ sku: 'LAMP-1' }, 100);
  const body = { customerId: 'c-1', lines: [{ sku, quantity: 1 }] };
  const place = () => orders.call('POST', '/v1/orders', { body, subject: 'busy' });
  const answers = await Promise.all(Array.from({ length: 4 * limit }, place));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(limit);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(3 * limit);
  for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await orders.onHand(sku)).toBe(100 - limit);
  expect((await orders.call('POST', '/v1/orders', { body, subject: 'idle' })).status).toBe(201);
});

test('every route counts', async () => {
  const calls = [
    ['GET', '/v1/orders'],
    ['GET', `/v1/orders/${randomUUID()}`],
    ['POST', `/v1/orders/${randomUUID()}/cancel`],
    ['GET', '/v1/stock/LAMP-1'],
    ['GET', '/v1/reports/sales?from=2026-01&to=2026-01'],
  ] as const;
  expect(calls).toHaveLength(limit);
  const statuses = async () => {
    const found = [];
    for (const [method, path] of calls)
      found.push((await orders.call(method, path, { subject: 'curious' })).status);
    return found;
  };
  expect(await statuses()).not.toContain(429);
  expect(await statuses()).toEqual(Array(limit).fill(429));
});

test('a caller that orders unknown SKUs uses up its limit, and another caller is not affected', async () => {
  const lines = Array.from({ length: 100 }, () => ({ sku: randomUUID(), quantity: 1 }));
  const place = (subject: string) =>
    orders.call('POST', '/v1/orders', { body: { customerId: 'c-1', lines }, subject });
  expect((await place('guessing')).status).toBe(400);
  expect((await place('guessing')).status).toBe(429);
  expect((await place('another')).status).toBe(400);
});
