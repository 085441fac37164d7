/** Inputs that attackers send. docs/security.md lists them. */
import { randomUUID } from 'node:crypto';
import { productSchema } from '@catalog/contracts';
import { databaseWords, hostileRequests } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { csv, csvRow } from './testing/import-calls.ts';
import { runningService, validProduct } from './testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());

test('hostile input is harmless in every parameter of every route and in every body', async () => {
  const created = await service.call('POST', '/v1/products', { body: validProduct });
  const { id } = productSchema.parse(await created.json());
  const product = {
    ...validProduct,
    sku: 'LAMP-2',
    description: 'Bright',
    gtin: '4006381333931',
    weightGrams: 250,
    status: 'active',
    attributes: { colour: 'red', watts: 4.5, dimmable: true },
  };
  const settings = { storeName: 'Shop', supportEmail: 'help@shop.example', defaultCurrency: 'EUR' };
  const requests = await hostileRequests(`http://127.0.0.1:${service.port}/openapi.json`, {
    path: { id },
    headers: { 'If-Match': '*' },
    bodies: {
      'post /v1/products': product,
      'patch /v1/products/{id}': product,
      'patch /v1/settings': settings,
      'post /v1/imports': csv(csvRow('IMPORTED')),
    },
  });
  let succeeded = 0;
  let state = await service.state();
  for (const { what, method, path, headers, body } of requests) {
    const res = await service.call(method, path, { headers, ...(body !== undefined && { raw: body }) });
    const text = await res.text();
    expect([what, res.status < 500 || text]).toEqual([what, true]);
    expect(text, what).not.toMatch(databaseWords);
    const after = await service.state();
    if (res.ok) {
      succeeded += 1;
      state = after;
    }
    expect([what, after]).toEqual([what, state]);
  }
  // Some hostile strings are valid names of products.
  expect(succeeded).toBeGreaterThan(0);
  expect(succeeded).toBeLessThan(requests.length / 2);
  expect((await service.call('GET', `/v1/products/${id}/history`)).status).toBe(200);
  expect((await service.call('GET', `/v1/products/${randomUUID()}/history`)).status).toBe(404);
  // Some hundred requests one after another: 20 s are too short on a busy machine.
}, 60_000);
