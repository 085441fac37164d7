import { randomUUID } from 'node:crypto';
import { openApiChecker, type OpenApiChecker } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from './testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
let api: OpenApiChecker;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  api = await openApiChecker(`http://127.0.0.1:${reader.port}/openapi.json`);
  await reader.ready();
});
afterAll(() => stores?.[Symbol.asyncDispose]());

test('every answer is as the document describes it, and every operation was asked', async () => {
  const product = await stores.insert({
    sku: 'DESCRIBED-1',
    gtin: '4006381333931',
    weightGrams: 3,
    attributes: { colour: 'red', watts: 4.5, dimmable: true },
  });
  const guarded = await stores.reader({ allowAnonymousReads: false });
  const limited = await stores.reader({ requestsPerMinute: 1 });
  const asked: [operation: string, status: number, ask: () => Promise<Response>][] = [];
  const add = (path: string, status: number, at: string, headers?: Record<string, string>, from = reader) =>
    asked.push([`get ${path}`, status, () => from.get(at, headers)]);

  const byId = '/v1/products/{id}';
  const at = `/v1/products/${product.id}`;
  add(byId, 200, at);
  add(byId, 304, at, { 'If-None-Match': '*' });
  add(byId, 400, '/v1/products/1');
  add(byId, 404, `/v1/products/${randomUUID()}`);
  add(byId, 412, at, { 'Min-Version': '9007199254740991' });
  add(byId, 401, at, {}, guarded);
  const token = stores.tokens.sign({ aud: 'catalog-read', scope: 'orders:write', sub: 'x' });
  add(byId, 403, at, { Authorization: `Bearer ${token}` }, guarded);
  const reads = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub: 'once' });
  add(byId, 200, at, { Authorization: `Bearer ${reads}` }, limited);
  add(byId, 429, at, { Authorization: `Bearer ${reads}` }, limited);
  add('/v1/products/by-sku/{sku}', 200, '/v1/products/by-sku/DESCRIBED-1');
  add('/v1/products/by-sku/{sku}', 404, '/v1/products/by-sku/NONE');
  add('/v1/products', 200, '/v1/products?limit=1');
  add('/v1/products', 200, `/v1/products?ids=${product.id},${randomUUID()}`);
  add('/v1/products', 400, '/v1/products?limit=x');
  add('/v1/products/facets', 200, '/v1/products/facets?q=lamp');
  add('/v1/products/export', 200, '/v1/products/export?brand=none');
  add('/v1/products/popular', 200, '/v1/products/popular');
  add('/v1/products/{id}/views', 200, `${at}/views`);
  add('/v1/products/{id}/cache', 200, `${at}/cache`);
  add('/v1/products/by-sku/{sku}/cache', 200, '/v1/products/by-sku/NO-SUCH-SKU/cache');
  add('/v1/settings', 200, '/v1/settings');
  add('/v1/settings/cache', 200, '/v1/settings/cache');
  const follows = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:changes', sub: 'follower' });
  const follower = { Authorization: `Bearer ${follows}` };
  add('/v1/changes', 200, '/v1/changes?include=product', follower);
  add('/v1/changes', 200, '/v1/changes?after=snapshot&include=product', follower);
  add('/v1/changes', 400, '/v1/changes?after=x', follower);

  for (const [operation, status, ask] of asked) {
    const response = await ask();
    expect([operation, response.status]).toEqual([operation, status]);
    await api.check(operation, response);
  }
  expect(new Set(asked.map(([operation]) => operation))).toEqual(new Set(api.operations));

  // By now `once` has no request left, so every operation answers 429.
  for (const operation of api.operations) {
    const path = operation.replace('get ', '').replace('{id}', product.id).replace('{sku}', product.sku);
    const token = operation === 'get /v1/changes' ? follows : reads;
    const headers = { Authorization: `Bearer ${token}` };
    // The first request of another caller is within its limit.
    if (token === follows) await limited.get(path, headers);
    const response = await limited.get(path, headers);
    expect([operation, response.status]).toEqual([operation, 429]);
    await api.check(operation, response);
  }
});
