/** The plans of lists. A million products are too many for a test; the planner weighs the same costs at fifty thousand. */
import { type ProductListQuery, productListQuerySchema } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../postgres/pool.ts';
import { ListOrder, usualSort } from './order.ts';
import { listProducts, pageStatement } from './page.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({ url: database.url, applicationName: 'test', statementTimeout_ms: 120_000 });
  await pool.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, weight_grams, currency, status)
    select 'P-' || n, 'Lamp ' || n % 7919, 'Brand ' || n % 211, 'Category ' || n % 47, n * 7919 % 100000, n * 31 % 5000,
      'EUR', case when n % 10 = 0 then 'draft' else 'active' end
    from generate_series(1, 50000) n`);
  await pool.query('select catalog.join_product_counts(1000000)');
  await pool.query('vacuum analyze');
}, 120_000);
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Node[];
}

async function planOf(query: ProductListQuery): Promise<Node[]> {
  const request = productListQuerySchema.parse(query);
  const order = new ListOrder(request.sort ?? usualSort);
  const { text, values } = pageStatement(request, order, { position: undefined, similar: undefined });
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Node }] }>({
    text: ['explain (analyze, buffers, timing off, format json)', text].join(' '),
    values,
  });
  const all = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(all)];
  return all(rows[0]?.['QUERY PLAN'][0].Plan as Node);
}

const blocksOf = ([top]: readonly Node[]) =>
  (top?.['Shared Hit Blocks'] ?? 0) + (top?.['Shared Read Blocks'] ?? 0);

test.each<ProductListQuery>([
  {},
  { sort: 'price' },
  { sort: '-price' },
  { sort: 'name' },
  { sort: '-name' },
  { sort: '-updatedAt' },
  { sort: '-createdAt' },
  { sort: 'price,-name' },
  { category: 'Category 1' },
  { category: 'Category 1,Category 2,Category 3' },
  { brand: 'Brand 1,Brand 2' },
  { brand: 'Brand 1', sort: '-price' },
  { status: 'active,draft' },
  { status: 'active,draft', sort: 'price' },
  { minPrice: '100', maxPrice: '120' },
  { minPrice: '100' },
  { minWeight: '100', maxWeight: '101' },
  { updatedSince: '2001-01-01T00:00:00Z' },
  { updatedSince: '2999-01-01T00:00:00Z' },
  { q: 'lamp 1234' },
])('the list of %o reads an index and never the whole table', async (query) => {
  const plan = await planOf(query);
  expect(plan.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  // The table has some 2,000 blocks. A page of 50 rows that lie anywhere takes a few hundred, with those of the indexes.
  expect(blocksOf(plan)).toBeLessThan(1_500);
});

test.each<ProductListQuery>([
  { sort: 'price' },
  { sort: '-updatedAt' },
  { sort: 'name' },
  { category: 'Category 1,Category 2,Category 3' },
  { status: 'active,draft' },
])('the list of %o reads no more rows than its pages show', async (query) => {
  const plan = await planOf({ ...query, limit: '50' });
  const sets = (query.category ?? query.status ?? '').split(',').length;
  const rows = plan
    .filter((node) => /Index/.test(node['Node Type']))
    .map((node) => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']);
  expect(Math.max(...rows)).toBeLessThanOrEqual(51 * sets);
});

test.each<ProductListQuery>([
  { q: 'lampp' },
  { q: 'lampp', brand: 'Brand 1', minPrice: '50000', maxPrice: '60000' },
])('the words that are like those of %o are looked for once, and not for each row', async (query) => {
  const client = await pool.connect();
  const calls = async () => {
    const { rows } = await client.query<{ calls: number | null }>(
      `select pg_stat_get_xact_function_calls('catalog.similar_query(text)'::regprocedure)::int as calls`,
    );
    return rows[0]?.calls ?? 0;
  };
  try {
    await client.query("begin; set local track_functions = 'all'");
    const before = await calls();
    const { page } = await listProducts(client, productListQuerySchema.parse(query));
    expect(page.match).toBe('similar');
    expect(await calls()).toBe(before + 1);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('an index of each sort is used both ways, through all pages', async () => {
  for (const sort of ['price', '-price', 'name', '-updatedAt', 'price,-name', '-name,createdAt']) {
    const request = productListQuerySchema.parse({ sort, category: 'Category 5', limit: '100' });
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const { data, page } = await listProducts(pool, { ...request, cursor });
      for (const { id } of data) seen.add(id ?? '');
      cursor = page.nextCursor ?? undefined;
      expect(page.estimatedTotal).toBe(958);
    } while (cursor !== undefined);
    expect(seen.size, sort).toBe(958);
  }
}, 60_000);
