import { problemSchema, productHistoryPageSchema, productSchema } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningService, validProduct } from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());

const as = (sub: string) => ({ Authorization: `Bearer ${service.token({ sub })}` });

async function history(id: string, query = '') {
  const res = await service.call('GET', `/v1/products/${id}/history${query}`);
  expect(res.status).toBe(200);
  return productHistoryPageSchema.parse(await res.json());
}

test('the history names the caller of each change, and "sql" for a change by hand', async () => {
  const create = (key?: string) =>
    service.call('POST', '/v1/products', {
      body: { ...validProduct, sku: `HISTORY-${key ?? ''}` },
      headers: { ...as('creator'), ...(key !== undefined && { 'Idempotency-Key': key }) },
    });
  const { id } = productSchema.parse(await (await create()).json());
  const patch = { body: { priceMinor: 5 }, headers: { ...as('pricing'), 'If-Match': '*' } };
  expect((await service.call('PATCH', `/v1/products/${id}`, patch)).status).toBe(200);
  await service.owner.query("update catalog.products set name = 'by hand' where id = $1", [id]);
  const line = JSON.stringify({ ...validProduct, sku: 'HISTORY-', name: 'Imported' });
  const imported = await service.call('POST', '/v1/imports', {
    raw: line,
    type: 'application/x-ndjson',
    headers: as('importer'),
  });
  expect(await imported.json()).toMatchObject({ updated: 1 });
  expect(
    (await service.call('DELETE', `/v1/products/${id}`, { headers: { ...as('cleaner'), 'If-Match': '*' } }))
      .status,
  ).toBe(204);

  const { data, page } = await history(id);
  expect(page.nextCursor).toBeNull();
  expect(data.map(({ operation, changedBy }) => [operation, changedBy])).toEqual([
    ['delete', 'cleaner'],
    ['update', 'importer'],
    ['update', 'sql'],
    ['update', 'pricing'],
    ['create', 'creator'],
  ]);
  expect(data[3]?.fields).toEqual([{ field: 'priceMinor', old: 1999, new: 5 }]);

  const keyed = productSchema.parse(await (await create('key')).json());
  await create('key');
  expect((await history(keyed.id)).data.map(({ changedBy }) => changedBy)).toEqual(['creator']);
});

test('the pages of the history join without gaps', async () => {
  const res = await service.call('POST', '/v1/products', { body: { ...validProduct, sku: 'PAGES' } });
  const { id } = productSchema.parse(await res.json());
  for (let price = 1; price <= 4; price++) {
    await service.owner.query('update catalog.products set price_minor = $1 where id = $2', [price, id]);
  }
  const first = await history(id, '?limit=3');
  const second = await history(id, `?limit=3&cursor=${first.page.nextCursor}`);
  expect([...first.data, ...second.data].map(({ operation }) => operation)).toEqual([
    'update',
    'update',
    'update',
    'update',
    'create',
  ]);
  expect(second.page.nextCursor).toBeNull();
});

test.each([
  ['/v1/products/nonsense/history', 400, 'invalid_request'],
  ['/v1/products/0190c0de-0000-7000-8000-000000000000/history', 404, 'not_found'],
  ['/v1/products/0190c0de-0000-7000-8000-000000000000/history?limit=0', 400, 'invalid_request'],
  ['/v1/products/0190c0de-0000-7000-8000-000000000000/history?cursor=x', 400, 'invalid_request'],
  ['/v1/products/0190c0de-0000-7000-8000-000000000000/history?surprise=1', 400, 'invalid_request'],
])('GET %s is refused with %i', async (path, status, code) => {
  const problem = problemSchema.parse(await (await service.call('GET', path)).json());
  expect([problem.status, problem.code]).toEqual([status, code]);
});
