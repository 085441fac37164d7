import { lastChangesSchema, problemSchema, productSchema } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningService, validProduct } from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());

const id = '0190c0de-0000-7000-8000-000000000000';

test('the last change of each product names its caller, or "sql" for a change by hand', async () => {
  const create = async (sku: string) => {
    const headers = { Authorization: `Bearer ${service.token({ sub: 'creator' })}` };
    const res = await service.call('POST', '/v1/products', { body: { ...validProduct, sku }, headers });
    return productSchema.parse(await res.json());
  };
  const made = await create('MADE');
  const edited = await create('EDITED');
  await service.owner.query('update catalog.products set price_minor = 5 where id = $1', [edited.id]);
  const res = await service.call('GET', `/v1/products/last-changes?ids=${made.id},${edited.id},${id}`);
  expect([res.status, res.headers.get('cache-control')]).toEqual([200, 'no-store']);
  const { data } = lastChangesSchema.parse(await res.json());
  const changes = Object.fromEntries(data.map(({ sku, ...change }) => [sku, change]));
  expect(changes).toMatchObject({
    MADE: { version: made.version, operation: 'create', changedBy: 'creator', fields: [] },
    EDITED: { operation: 'update', changedBy: 'sql', fields: [{ field: 'priceMinor', old: 1999, new: 5 }] },
  });
});

test.each([
  ['', 'ids'],
  ['?ids=nonsense', 'ids'],
  [`?ids=${id}&surprise=1`, 'surprise'],
])(
  'GET /v1/products/last-changes%s is refused, and the answer names the parameter %s',
  async (query, named) => {
    const problem = problemSchema.parse(
      await (await service.call('GET', `/v1/products/last-changes${query}`)).json(),
    );
    expect([problem.status, problem.errors.map(({ parameter }) => parameter)]).toEqual([400, [named]]);
  },
);
