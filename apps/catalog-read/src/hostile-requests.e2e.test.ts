/** Inputs that attackers send. docs/security.md lists them. */
import { randomUUID } from 'node:crypto';
import { databaseWords, eventually, hostileRequests, rawHttp } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from './testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  await reader.ready();
});
afterAll(() => stores?.[Symbol.asyncDispose]());

const countProducts = async () => {
  const { rows } = await stores.owner.query<{ products: number }>(
    'select count(*) as products from catalog.products',
  );
  return rows[0]?.products;
};

const oddSkus = [
  ['a colon', 'A:B'],
  ['another entity’s prefix', 'product:1'],
  ['a glob', '*'],
  ['a path', '../../settings'],
  ['a slash', 'A/B'],
  ['a space inside', 'A B'],
  ['a hash tag of a cluster', '{x}A'],
] as const;
const bySku = (sku: string) => reader.get(`/v1/products/by-sku/${encodeURIComponent(sku)}`);

test.each(oddSkus)('a SKU with %s is a key of its own', async (_, sku) => {
  const product = await stores.insert({ sku, name: `The one of ${sku}` });
  for (let time = 0; time < 2; time++) {
    expect(await (await bySku(sku)).json()).toEqual(product);
  }
  expect((await bySku(`${sku}x`)).status).toBe(404);
});

test('SKUs that differ only in such characters are not confused', async () => {
  const products = await Promise.all(oddSkus.map(([, sku]) => stores.insert({ sku: `${sku}/` })));
  for (let time = 0; time < 2; time++) {
    for (const product of products) expect(await (await bySku(product.sku)).json()).toEqual(product);
  }
});

test('a SKU that looks like the key of another product neither returns that product nor is cached in its place', async () => {
  const plain = await stores.insert({ sku: 'PLAIN-1' });
  const hostile = await stores.insert({ sku: `product:${plain.id}` });
  for (let time = 0; time < 2; time++) {
    expect(await (await bySku(hostile.sku)).json()).toEqual(hostile);
    expect(await (await reader.get(`/v1/products/${plain.id}`)).json()).toEqual(plain);
  }
});

test('filters made of the same words have separate pages', async () => {
  const { id } = await stores.insert({ sku: 'FILTERED-1', category: 'a', brand: 'b:' });
  const idsOf = async (query: Record<string, string>) => {
    const res = await reader.get(`/v1/products?${new URLSearchParams(query).toString()}`);
    return ((await res.json()) as { data: { id: string }[] }).data.map((product) => product.id);
  };
  expect(await idsOf({ category: 'a:b' })).toEqual([]);
  expect(await idsOf({ category: 'a', brand: 'b:' })).toEqual([id]);
});

test.each([
  ['NUL', 'A%00B'],
  ['a newline', 'A%0D%0AB'],
  ['a letter that only looks like A', '%D0%90'],
  ['a full-width letter', '%EF%BC%A1'],
  ['a combining mark', 'A%CC%81'],
  ['a right-to-left override', '%E2%80%AEA'],
  ['a broken escape', '%E0%A4%A'],
  ['bytes that are no UTF-8', '%FF'],
  ['nothing but a space', '%20'],
])('a SKU with %s is refused, and nothing is asked for', async (_, sku) => {
  const before = await reader.metric('cache_loads_total{entity="sku"');
  const res = await reader.get(`/v1/products/by-sku/${sku}`);
  expect([res.status, res.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
  expect(await reader.metric('cache_loads_total{entity="sku"')).toBe(before);
});

test('an error is never the answer to the next request', async () => {
  const { id } = await stores.insert({ sku: 'GOOD-1' });
  const path = `/v1/products/${id}`;
  const bad: [path: string, headers?: Record<string, string>][] = [
    [`${path}0`],
    [path, { 'Min-Version': 'x' }],
    [path, { 'Min-Version': '9007199254740991' }],
    [path, { Authorization: 'Bearer wrong' }],
    [`${path}?unexpected=1`],
    [`/v1/products/${randomUUID()}`],
    ['/v1/products/by-sku/GOOD-0'],
  ];
  for (const [where, headers] of bad) {
    const answer = await reader.get(where, headers);
    expect(answer.headers.get('cache-control'), where).toMatch(/^no-(?:cache|store)$/);
    expect((await reader.get(path)).status).toBe(200);
  }
  const tooLong = await rawHttp(
    reader.port,
    `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`,
  );
  expect(tooLong).toContain(' 431 ');
  expect((await reader.get(path)).status).toBe(200);

  stores.postgres.refuse();
  stores.postgres.cut();
  const { id: other } = await stores.insert({ sku: 'GOOD-2' });
  expect((await reader.get(`/v1/products/${other}`)).status).toBe(503);
  stores.postgres.passThrough();
  await expect.poll(async () => (await reader.get(`/v1/products/${other}`)).status).toBe(200);
});

test('a failure on our side is never the answer to the next request', async () => {
  const { id } = await stores.insert({ sku: 'GOOD-3', category: 'Broken' });
  const paths = [
    `/v1/products/${id}`,
    '/v1/products/by-sku/GOOD-3',
    `/v1/products?ids=${id}`,
    '/v1/products?category=Broken',
  ];
  // Postgres is there, but answers with an unexpected error.
  await stores.owner.query('revoke select on catalog.products from catalog_read');
  try {
    for (const path of paths) {
      const failed = await reader.get(path);
      expect([path, failed.status >= 500]).toEqual([path, true]);
      expect(failed.headers.get('cache-control')).not.toMatch(/max-age=[1-9]/);
      expect(await failed.text()).not.toMatch(/permission denied|products_|select/i);
    }
  } finally {
    await stores.owner.query('grant select on catalog.products to catalog_read');
  }
  for (const path of paths) {
    // The breaker asks Postgres again after a while.
    const answer = await eventually(async () => {
      const response = await reader.get(path);
      return response.status === 200 && response.text();
    });
    expect(answer).toContain(id);
  }
});

test('no parameter reaches Postgres as SQL', async () => {
  await stores.insert({ sku: 'KEPT-1' });
  const before = await countProducts();
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      `' or '1'='1`,
      `'; drop table catalog.products; --`,
      `\\'; select pg_sleep(10); --`,
      `$$;select 1;$$`,
      `1) union select version()--`,
      `%27%20or%201=1`,
      `a' & !('b' <-> `,
      `:* | & ! ( )`,
    ),
  );
  const parameters = fc.constantFrom('q', 'category', 'brand', 'cursor', 'status', 'limit', 'ids');
  await fc.assert(
    fc.asyncProperty(parameters, hostile, async (name, value) => {
      const query = new URLSearchParams([[name, value.toWellFormed()]]);
      const res = await reader.get(`/v1/products?${query.toString()}`);
      expect(res.status).toBeLessThan(500);
      const text = await res.text();
      expect(text).not.toMatch(/syntax error|PostgreSQL|tsquery|pg_/i);
    }),
    { numRuns: 400 },
  );
  expect(await countProducts()).toBe(before);
});

test('hostile values are harmless in every parameter of every route', async () => {
  const { id, sku } = await stores.insert({ sku: 'KEPT-2' });
  const before = await countProducts();
  const document = `http://127.0.0.1:${reader.port}/openapi.json`;
  const requests = await hostileRequests(document, { path: { id, sku } });
  for (const { what, path, headers } of requests) {
    await expectHarmless(`${what} ${path}`, await reader.get(path, headers));
  }
  // A list of ids with one hostile id and one good id.
  for (const { what, path } of requests.filter((request) =>
    request.what.startsWith('get /v1/products: ids'),
  )) {
    await expectHarmless(what, await reader.get(path.replace('ids=', `ids=${id},`)));
  }
  expect(await countProducts()).toBe(before);
});

/** A value that no product has finds no product, and the answer says so. */
async function expectHarmless(what: string, response: Response): Promise<void> {
  const text = await response.text();
  expect([what, response.status < 500]).toEqual([what, true]);
  // `postgres` is a member of the view of a key, so it is no leak.
  expect(text.replaceAll('"postgres":', ''), what).not.toMatch(databaseWords);
  const filtered = /\/v1\/products\?(?:.*&)?(?:category|brand)=/.test(what);
  if (filtered && response.status === 200)
    expect([what, JSON.parse(text)]).toMatchObject([what, { data: [] }]);
  // The head of a CSV file, or nothing.
  if (/\/export\?(?:.*&)?(?:category|brand)=/.test(what) && response.status === 200)
    expect([what, text.trim().split('\n').length]).toEqual([what, 1]);
}
