import { createCatalogClient } from '@catalog/catalog-client';
import {
  openApiChecker,
  type RunningCatalog,
  type ServiceProcess,
  startCatalog,
  startService,
} from '@catalog/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

// It starts the catalog and its stores.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let catalog: RunningCatalog;
let service: ServiceProcess;
beforeAll(async () => {
  catalog = await startCatalog();
  service = await start(catalog.read.url);
  await createCatalogClient({
    readUrl: catalog.read.url,
    writeUrl: catalog.write.url,
    identity: { service: 'test', keyFile: catalog.tokens.keyFile },
  }).products.create({
    sku: 'LAMP-1',
    name: 'Lamp',
    brand: 'Acme',
    category: 'Lighting',
    priceMinor: 1999,
    currency: 'EUR',
    status: 'active',
  });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await catalog?.[Symbol.asyncDispose]();
});

const start = (readUrl: string): Promise<ServiceProcess> =>
  startService('service-template', {
    SERVICE_JWKS_FILE: catalog.tokens.jwksFile,
    SERVICE_KEY_FILE: catalog.tokens.keyFile,
    CATALOG_READ_URL: readUrl,
  });

function ask(path: string, { scope = 'quotes:read', from = service } = {}): Promise<Response> {
  const token = catalog.tokens.sign({ aud: 'service-template', sub: 'shop', scope });
  return fetch(from.url + path, { headers: { Authorization: `Bearer ${token}` } });
}

test('every operation answers as the OpenAPI document describes it', async () => {
  const api = await openApiChecker(`${service.url}/openapi.json`);
  const quote = 'get /v1/quotes/{sku}';
  expect(api.operations).toEqual([quote]);
  for (const [path, status] of [
    ['/v1/quotes/LAMP-1?quantity=3', 200],
    ['/v1/quotes/LAMP-1?quantity=0', 400],
    ['/v1/quotes/NONE', 404],
  ] as const) {
    const answer = await ask(path);
    expect([path, answer.status]).toEqual([path, status]);
    await api.check(quote, answer);
  }
  expect((await ask('/v1/quotes/LAMP-1', { scope: 'orders:read' })).status).toBe(403);
});

test('a quote is the price of the catalog times the quantity', async () => {
  expect(await (await ask('/v1/quotes/LAMP-1?quantity=3')).json()).toEqual({
    sku: 'LAMP-1',
    quantity: 3,
    totalMinor: 5997,
    currency: 'EUR',
  });
});

test('while the catalog is away, the answer is 503, and not that there is no such product', async () => {
  await using lost = await start('http://127.0.0.1:9');
  const answer = await ask('/v1/quotes/LAMP-1', { from: lost });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
});
