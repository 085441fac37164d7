/** Pages of large products. See docs/security.md, row 71. */
import { maxPage_bytes, productListQuerySchema, type ProductListQuery } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { QueryConfig } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool, type Queryable } from '../../postgres/pool.ts';
import { listProducts } from './page.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
/** How many products each statement of the last page has sent. */
let sent: number[];
const counted = {
  async query(statement: string | QueryConfig, values?: unknown[]) {
    const result = await pool.query(statement, values);
    if (result.fields.some(({ name }) => name === 'pageId')) sent.push(result.rows.length);
    return result;
  },
} as Queryable;

const kinds = 4;
const ofKind = 15;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({ url: database.url, applicationName: 'test' });
  // Postgres compresses the first two kinds, and not the third one. A quote takes two bytes in JSON.
  await pool.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency, description, attributes)
    select 'LARGE-' || kind || '-' || n, 'Lamp ' || n, 'x', 'x', n, 'EUR', repeat('"', 10000), (
      select jsonb_object_agg('k' || k, case kind
        when 0 then repeat('x', 1000)
        when 1 then repeat(chr(20000 + k), 1000)
        when 2 then (select string_agg(md5(random()::text || n || k || part), '') from generate_series(1, 31) part)
        else 'small' end)
      from generate_series(1, 80) k)
    from generate_series(0, ${kinds - 1}) kind, generate_series(1, ${ofKind}) n`);
});
afterAll(async () => {
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
});

async function readAll(query: ProductListQuery) {
  const request = productListQuerySchema.parse({ status: 'draft', limit: '100', ...query });
  const pages = [];
  for (let cursor: string | undefined; ;) {
    sent = [];
    const { data, page } = await listProducts(counted, { ...request, cursor });
    pages.push({ data, page, sent, bytes: Buffer.byteLength(JSON.stringify(data)) });
    if (page.nextCursor === null) return pages;
    cursor = page.nextCursor;
  }
}

test.each<ProductListQuery>([{}, { sort: '-name,price' }, { q: 'lamp' }, { fields: 'id,attributes' }])(
  'each page of %o ends at a megabyte, Postgres sends little more for it, and the pages join without gaps',
  async (query) => {
    const pages = await readAll(query);
    const ids = pages.flatMap(({ data }) => data.map(({ id }) => id));
    expect(ids).toHaveLength(kinds * ofKind);
    expect(new Set(ids).size).toBe(kinds * ofKind);
    for (const { data, bytes, sent: rows, page } of pages) {
      // A page also has commas between its rows.
      expect(bytes).toBeLessThan(maxPage_bytes + 200);
      expect(Math.max(...rows)).toBeLessThanOrEqual(2 * data.length + 2);
      expect(page.estimatedTotal).toBe(kinds * ofKind);
    }
    expect(pages.length).toBeGreaterThan(4);
    expect(pages.length).toBeLessThan(20);
  },
);

test('a page without the large fields has as many products as it may have', async () => {
  const [page, ...others] = await readAll({ fields: 'id,sku,name' });
  expect(page?.data).toHaveLength(kinds * ofKind);
  expect(others).toEqual([]);
});
