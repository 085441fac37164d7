import { randomUUID } from 'node:crypto';
import { exampleSku } from '@catalog/contracts';
import { openApiChecker, type OpenApiChecker } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type CallOptions, type RunningOrders } from './testing/running-orders.ts';

let orders: RunningOrders;
let api: OpenApiChecker;
beforeAll(async () => {
  orders = await runningOrders();
  api = await openApiChecker(`${orders.service.url}/openapi.json`);
});
afterAll(() => orders[Symbol.asyncDispose]());

test('every operation answers as the OpenAPI document describes it', async () => {
  const sku = await orders.sell({ sku: 'DESCRIBED-1' }, 10);
  const lines = [{ sku, quantity: 1 }];
  const [one, other] = [await orders.place(lines), await orders.place(lines)];
  const keyed = { body: { customerId: 'c', lines }, headers: { 'Idempotency-Key': 'twice' } };
  const received = { body: { delta: 1, reason: 'x' }, headers: { 'Idempotency-Key': 'twice' } };
  await orders.sell({ sku: exampleSku }, 0);
  const adjust = 'post /v1/stock/{sku}/adjustments';
  const asked: [operation: string, status: number, path: string, options?: CallOptions][] = [
    ['post /v1/orders', 201, '/v1/orders', { body: { customerId: 'c', lines } }],
    // The examples of the document succeed, in the order in which a person tries them.
    [adjust, 200, `/v1/stock/${exampleSku}/adjustments`, api.example(adjust)],
    ['post /v1/orders', 201, '/v1/orders', api.example('post /v1/orders')],
    ['post /v1/orders', 201, '/v1/orders', keyed],
    ['post /v1/orders', 201, '/v1/orders', keyed],
    ['post /v1/orders', 400, '/v1/orders', { body: {} }],
    ['post /v1/orders', 409, '/v1/orders', { body: { customerId: 'c', lines: [{ sku, quantity: 100 }] } }],
    ['post /v1/orders', 401, '/v1/orders', { body: {}, headers: { Authorization: '' } }],
    ['post /v1/orders', 403, '/v1/orders', { body: {}, scope: 'orders:read' }],
    ['post /v1/orders', 415, '/v1/orders', { body: {}, headers: { 'Content-Type': 'text/plain' } }],
    ['get /v1/orders', 200, '/v1/orders?limit=1'],
    ['get /v1/orders', 400, '/v1/orders?limit=0'],
    ['get /v1/orders/{id}', 200, `/v1/orders/${one.id}`],
    ['get /v1/orders/{id}', 404, `/v1/orders/${randomUUID()}`],
    ['post /v1/orders/{id}/complete', 200, `/v1/orders/${one.id}/complete`],
    ['post /v1/orders/{id}/cancel', 409, `/v1/orders/${one.id}/cancel`],
    ['post /v1/orders/{id}/cancel', 200, `/v1/orders/${other.id}/cancel`],
    ['get /v1/stock', 200, `/v1/stock?productIds=${randomUUID()}`],
    ['get /v1/stock', 400, '/v1/stock?productIds=x'],
    ['get /v1/stock/{sku}', 200, `/v1/stock/${sku}`],
    ['get /v1/stock/{sku}', 404, '/v1/stock/NONE'],
    [
      'post /v1/stock/{sku}/adjustments',
      200,
      `/v1/stock/${sku}/adjustments`,
      { body: { delta: 1, reason: 'x' } },
    ],
    [
      'post /v1/stock/{sku}/adjustments',
      409,
      `/v1/stock/${sku}/adjustments`,
      { body: { delta: -99, reason: 'x' } },
    ],
    ['post /v1/stock/{sku}/adjustments', 200, `/v1/stock/${sku}/adjustments`, received],
    ['post /v1/stock/{sku}/adjustments', 200, `/v1/stock/${sku}/adjustments`, received],
    ['get /v1/reports/sales', 200, '/v1/reports/sales'],
    ['get /v1/reports/sales', 400, '/v1/reports/sales?from=x'],
  ];
  for (const [operation, status, path, options] of asked) {
    const response = await orders.call(operation.split(' ')[0]?.toUpperCase() ?? '', path, options);
    expect([operation, response.status]).toEqual([operation, status]);
    await api.check(operation, response);
  }
  expect(new Set(asked.map(([operation]) => operation))).toEqual(new Set(api.operations));
  expect(api.describing(429)).toEqual(api.operations);
  // Every route with a body may answer 408 when the body arrives too slowly.
  expect(api.describing(408)).toEqual(['post /v1/orders', 'post /v1/stock/{sku}/adjustments']);
});
