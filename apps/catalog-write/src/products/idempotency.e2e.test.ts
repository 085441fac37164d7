import { problemSchema, type Product } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningService, validProduct } from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());

const post = (key: string, body: unknown, subject = 'test'): Promise<Response> =>
  service.call('POST', '/v1/products', {
    body,
    headers: { 'Idempotency-Key': key, Authorization: `Bearer ${service.token({ sub: subject })}` },
  });

async function codeOf(res: Response): Promise<[number, string]> {
  const { status, code } = problemSchema.parse(await res.json());
  return [status, code];
}

test('the same key and body get the same answer, byte by byte, even after the product has changed', async () => {
  const first = await post('one', { ...validProduct, sku: 'ONE', attributes: { b: 1, a: 2 } });
  const text = await first.text();
  const product = JSON.parse(text) as Product;
  await service.owner.query("update catalog.products set name = 'changed' where id = $1", [product.id]);
  // The same request with fields in another order and with an explicit default.
  const again = await post('one', {
    status: 'draft',
    attributes: { a: 2, b: 1 },
    ...validProduct,
    sku: 'ONE',
  });
  expect(again.status).toBe(201);
  expect(await again.text()).toBe(text);
  for (const header of ['location', 'etag', 'catalog-version'])
    expect(again.headers.get(header)).toBe(first.headers.get(header));
  expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
    null,
    'true',
  ]);
});

test('the same key with another body is refused', async () => {
  expect((await post('two', { ...validProduct, sku: 'TWO' })).status).toBe(201);
  expect(await codeOf(await post('two', { ...validProduct, sku: 'TWO-B' }))).toEqual([
    422,
    'idempotency_key_reused',
  ]);
});

test('two callers may use the same key', async () => {
  expect((await post('three', { ...validProduct, sku: 'THREE' }, 'a')).status).toBe(201);
  expect((await post('three', { ...validProduct, sku: 'THREE-B' }, 'b')).status).toBe(201);
});

test('a failed request leaves its key free', async () => {
  expect((await post('four', { ...validProduct, sku: 'ONE' })).status).toBe(409);
  expect((await post('four', { ...validProduct, sku: 'FOUR' })).status).toBe(201);
});

test.each(['a b', 'x'.repeat(256), 'ü'])('the key %j is refused', async (key) => {
  expect(await codeOf(await post(key, validProduct))).toEqual([400, 'invalid_request']);
});

test('20 requests at once with the same key create one product', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post('five', { ...validProduct, sku: 'FIVE' })),
  );
  const created = answers.filter((res) => res.status === 201);
  const ids = new Set(await Promise.all(created.map(async (res) => ((await res.json()) as Product).id)));
  expect(ids.size).toBe(1);
  for (const res of answers.filter((res) => res.status !== 201))
    expect(await codeOf(res)).toEqual([409, 'conflict']);
  const { rows } = await service.owner.query(
    "select count(*) as products from catalog.products where sku = 'FIVE'",
  );
  expect(rows).toEqual([{ products: 1 }]);
});

test('a key whose request is still running is a conflict', async () => {
  await using _other = await service.otherTransaction(
    "select pg_advisory_xact_lock(hashtextextended('catalog_write' || chr(31) || 'create_product' || chr(31) || 'test' || chr(31) || 'six', 7236003))",
  );
  expect(await codeOf(await post('six', { ...validProduct, sku: 'SIX' }))).toEqual([409, 'conflict']);
});
