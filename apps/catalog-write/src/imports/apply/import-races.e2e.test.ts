import { afterAll, beforeEach, expect, test } from 'vitest';
import { counts, csv, csvRow, imported } from '../../testing/import-calls.ts';
import { runningService, validProduct } from '../../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  await service.owner.query('delete from catalog.products');
});

const skus = Array.from({ length: 500 }, (_, index) => `SKU-${index}`);
const rotated = (by: number): string[] => [...skus.slice(by), ...skus.slice(0, by)];

async function names(): Promise<string[]> {
  const { rows } = await service.owner.query<{ name: string }>('select distinct name from catalog.products');
  return rows.map(({ name }) => name);
}

/** How many statements of the service wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await service.owner.query(
    "select from pg_stat_activity where datname = current_database() and usename = 'catalog_write' and wait_event_type = 'Lock'",
  );
  return rows.length;
}

async function untilWaiting(): Promise<void> {
  await expect.poll(waiting, { timeout: 5_000, interval: 5 }).toBeGreaterThan(0);
}

test('imports of the same new SKUs at once create each SKU once, and the last import wins every row', async () => {
  for (let round = 0; round < 5; round++) {
    await service.owner.query('delete from catalog.products');
    const results = await Promise.all(
      [0, 100, 200, 300].map((by) =>
        imported(service, csv(...rotated(by).map((sku) => csvRow(sku, `import ${by}`)))),
      ),
    );
    expect(results.reduce((sum, { created }) => sum + created, 0)).toBe(skus.length);
    for (const { created, updated, unchanged } of results) {
      expect(created + updated + unchanged).toBe(skus.length);
    }
    expect(await names()).toHaveLength(1);
  }
}, 60_000);

test('imports of the same existing SKUs in different orders do not deadlock, even during single changes', async () => {
  await imported(service, csv(...skus.map((sku) => csvRow(sku))));
  const { rows } = await service.owner.query<{ id: string }>('select id from catalog.products limit 20');
  for (let round = 0; round < 5; round++) {
    const patches = rows.map(({ id }) =>
      service.call('PATCH', `/v1/products/${id}`, {
        body: { description: `round ${round}` },
        headers: { 'If-Match': '*' },
        type: 'application/merge-patch+json',
      }),
    );
    const results = await Promise.all(
      [50, 150, 250].map((by) =>
        imported(service, csv(...rotated(by).map((sku) => csvRow(sku, `round ${round} import ${by}`)))),
      ),
    );
    for (const result of results) expect(result).toMatchObject({ state: 'succeeded', created: 0, failed: 0 });
    for (const res of await Promise.all(patches)) expect(res.status).toBe(200);
    expect(await names()).toHaveLength(1);
  }
}, 60_000);

test('a POST and an import that create the same product at once lose nothing, whichever comes first', async () => {
  const [posts, result] = await Promise.all([
    Promise.all(
      skus
        .slice(0, 50)
        .map((sku) => service.call('POST', '/v1/products', { body: { ...validProduct, sku, name: 'post' } })),
    ),
    imported(service, csv(...skus.map((sku) => csvRow(sku, 'import')))),
  ]);
  const created = posts.filter((res) => res.status === 201).length;
  for (const res of posts) expect([201, 409]).toContain(res.status);
  expect(result.created + result.updated).toBe(skus.length);
  const { rows } = await service.owner.query<{ products: number }>(
    'select count(*) as products from catalog.products',
  );
  expect(rows[0]?.products).toBe(skus.length);
  // A POST is refused only when the import was first.
  expect(created).toBeGreaterThanOrEqual(result.updated);
});

test('a product that a POST creates while the import updates others takes the values of the file', async () => {
  await imported(service, csv(csvRow('SKU-0')));
  // Holds the import in its update.
  await service.owner.query(`
    create function public.held_update() returns trigger language plpgsql security definer as $$
      begin perform pg_advisory_xact_lock(4712); return null; end $$;
    create trigger held_update before update on catalog.products
      for each statement execute function public.held_update()`);
  const holder = await service.owner.connect();
  try {
    await holder.query('select pg_advisory_lock(4712)');
    const result = imported(service, csv(csvRow('SKU-0', 'import'), csvRow('SKU-1', 'import')));
    await untilWaiting();
    const body = { ...validProduct, sku: 'SKU-1', name: 'post' };
    const post = service.call('POST', '/v1/products', { body });
    let answered = false;
    void post.then(() => (answered = true));
    await expect
      .poll(async () => answered || (await waiting()) > 1, { timeout: 5_000, interval: 5 })
      .toBe(true);
    await holder.query('select pg_advisory_unlock(4712)');
    const { created, updated } = await result;
    expect([created + updated, (await post).status]).toEqual([2, created === 1 ? 409 : 201]);
    expect(await names()).toEqual(['import']);
  } finally {
    holder.release(true);
    await service.owner.query('drop function public.held_update() cascade');
  }
});

test('a SKU that another transaction creates while the import waits for it is updated by a second attempt', async () => {
  await using other = await service.otherTransaction(
    "insert into catalog.products (sku, name, brand, category, price_minor, currency) values ('SKU-1', 'other', 'b', 'c', 1, 'EUR')",
  );
  const result = imported(service, csv(csvRow('SKU-0'), csvRow('SKU-1', 'import')));
  await untilWaiting();
  await other.commit();
  expect(counts(await result)).toEqual([1, 1, 0, 0]);
  const { rows } = await service.owner.query("select name from catalog.products where sku = 'SKU-1'");
  expect(rows).toEqual([{ name: 'import' }]);
});

test('an import waits for a row that another transaction changes, and then changes it', async () => {
  await imported(service, csv(csvRow('SKU-0'), csvRow('SKU-1')));
  await using other = await service.otherTransaction(
    "update catalog.products set name = 'other' where sku = 'SKU-0'",
  );
  const result = imported(service, csv(csvRow('SKU-0', 'import'), csvRow('SKU-1')));
  await untilWaiting();
  await other.commit();
  expect(counts(await result)).toEqual([0, 1, 1, 0]);
  const { rows } = await service.owner.query('select sku, name from catalog.products order by sku');
  expect(rows).toEqual([
    { sku: 'SKU-0', name: 'import' },
    { sku: 'SKU-1', name: 'Lamp' },
  ]);
});
