/** Pages of changes with large products. See docs/security.md, row 63. */
import { maxPage_bytes } from '@catalog/contracts';
import { createPool, createServicePool, type ChangesStart, type Pool } from '@catalog/database';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { QueryConfig, QueryResult } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFollowedPage } from './followed-page.ts';

let database: TestDatabase;
let owner: Pool;
let pool: Pool;
/** The products of each query. */
let queries: number[];
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  pool = createServicePool({ url: database.urlFor('catalog_read'), applicationName: 'read' });
  const query = pool.query.bind(pool) as (sent: QueryConfig) => Promise<QueryResult>;
  const counted = async (sent: QueryConfig) => {
    const result = await query(sent);
    queries.push(result.rows.length);
    return result;
  };
  Object.assign(pool, { query: counted });
});
afterAll(async () => {
  await Promise.all([owner?.end(), pool?.end()]);
  await database?.[Symbol.asyncDispose]();
});

/** Attributes of 80 kB. */
const large = `(select jsonb_object_agg('k' || k, repeat('x', 1000)) from generate_series(1, 80) k)`;
const largest_bytes = 82_000;

async function readAll(start: ChangesStart, withProducts = true) {
  const pages = [];
  for (let from = start; ;) {
    queries = [];
    const page = await readFollowedPage(pool, from, 500, { withProducts });
    pages.push({ ...page, bytes: Buffer.byteLength(JSON.stringify(page.changes)), queries });
    if (!page.hasMore) return pages;
    from = page.next;
  }
}

test('a page ends at a megabyte, Postgres reads little more for it, and the next page continues there', async () => {
  const [begin] = await readAll('latest');
  await owner.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency, attributes)
    select 'LARGE-' || n, 'x', 'x', 'x', 1, 'EUR', ${large} from generate_series(1, 50) n`);
  for (const start of ['snapshot', begin?.next ?? 'latest'] as const) {
    const pages = await readAll(start);
    const changes = pages.flatMap((page) => page.changes);
    expect(new Set(changes.map(({ key }) => key)).size).toBe(50);
    expect(changes).toHaveLength(50);
    for (const { product } of changes) expect(Object.keys(product?.attributes ?? {})).toHaveLength(80);
    for (const page of pages) {
      expect(page.bytes).toBeLessThan(maxPage_bytes + 1_000);
      expect(page.queries.every((products) => products <= 20)).toBe(true);
      expect(page.queries.length).toBeLessThanOrEqual(1);
    }
    const full = pages.filter(({ bytes }) => bytes > maxPage_bytes - largest_bytes);
    expect(full.length).toBeGreaterThanOrEqual(4);
  }
});

test('many changes of one large product fill several pages, and each page reads the product once', async () => {
  const [begin] = await readAll('latest');
  for (let price = 100; price < 130; price += 1)
    await owner.query(`update catalog.products set price_minor = $1 where sku = 'LARGE-1'`, [price]);
  const pages = await readAll(begin?.next ?? 'latest');
  expect(pages.flatMap(({ changes }) => changes)).toHaveLength(30);
  expect(pages.length).toBeGreaterThan(2);
  for (const { bytes, queries } of pages) {
    expect(bytes).toBeLessThan(maxPage_bytes + 1_000);
    expect(queries.length).toBeLessThanOrEqual(1);
  }
});

test('small changes fill a page to its limit, with one query for every twenty products', async () => {
  const [begin] = await readAll('latest');
  await owner.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    select 'SMALL-' || n, 'x', 'x', 'x', 1, 'EUR' from generate_series(1, 60) n`);
  const [page] = await readAll(begin?.next ?? 'latest');
  expect(page?.changes).toHaveLength(60);
  expect(page?.queries).toEqual([20, 20, 20]);
  const [without] = await readAll(begin?.next ?? 'latest', false);
  expect(without?.changes).toHaveLength(60);
  expect(without?.changes[0]).not.toHaveProperty('product');
  expect(without?.queries).toEqual([]);
});

test('a page reads a deleted product once, however many changes it had', async () => {
  await owner.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    values ('DELETED', 'x', 'x', 'x', 1, 'EUR')`);
  const [begin] = await readAll('latest');
  for (let price = 100; price < 130; price += 1)
    await owner.query(`update catalog.products set price_minor = $1 where sku = 'DELETED'`, [price]);
  await owner.query(`delete from catalog.products where sku = 'DELETED'`);
  const [page] = await readAll(begin?.next ?? 'latest');
  expect(page?.changes).toHaveLength(31);
  expect(page?.changes.every(({ product }) => product === null)).toBe(true);
  expect(page?.queries).toHaveLength(1);
});

test('a query reads only products that the page does not have yet, each once', async () => {
  const [begin] = await readAll('latest');
  await owner.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    select 'AGAIN-' || n, 'x', 'x', 'x', 1, 'EUR' from generate_series(1, 21) n`);
  await owner.query(`update catalog.products set name = 'y' where sku like 'AGAIN-%' and sku <> 'AGAIN-21'`);
  const [page] = await readAll(begin?.next ?? 'latest');
  expect(page?.changes).toHaveLength(41);
  expect(page?.queries).toEqual([20, 1]);
  const [last] = await readAll('latest');
  for (let price = 100; price < 125; price += 1)
    await owner.query(`update catalog.products set price_minor = $1 where sku = 'AGAIN-1'`, [price]);
  await owner.query(`update catalog.products set price_minor = 100 where sku = 'AGAIN-2'`);
  const [few] = await readAll(last?.next ?? 'latest');
  expect(few?.queries).toEqual([2]);
});
