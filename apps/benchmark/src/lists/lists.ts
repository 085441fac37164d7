/** Pages and facets of a large catalog: each filter and sort, and several together, compared with the plain list. */
import { type ProductListQuery, productFilterSchema, productListQuerySchema } from '@catalog/contracts';
import { countFacets, createServicePool, listProducts, loadSql, type Pool } from '@catalog/database';
import { format, markdownTable } from '@catalog/testing';
import { median, percentile } from '../report/percentiles.ts';
import { atMost, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';

const insertProducts = loadSql(import.meta.url, './listed-products.sql');
/** A page may take at most this many times as long as a page of the plain list. */
const goal = 2;

interface Listed {
  readonly name: string;
  readonly read: () => Promise<unknown>;
  readonly took_ms: number[];
}

/** One filter or sort each. The goal is for these. */
const single: readonly ProductListQuery[] = [
  {},
  { sort: 'price' },
  { sort: '-price' },
  { sort: 'name' },
  { sort: '-updatedAt' },
  { sort: '-createdAt' },
  { fields: 'id,sku,priceMinor' },
  { category: 'group-7' },
  { category: 'group-7,group-8,group-9' },
  { brand: 'Maker 7' },
  { brand: 'Maker 7,Maker 8' },
  { status: 'active,draft' },
  { minPrice: '5000', maxPrice: '5100' },
  { minPrice: '5000' },
  { minWeight: '100', maxWeight: '101' },
  { updatedSince: new Date(Date.now() - 3_600_000).toISOString() },
];

/** Searches, and filters together. No index serves each combination, so Postgres reads one and tests the rest row by row. */
const combined: readonly ProductListQuery[] = [
  { q: 'outdoor lamp 123' },
  { category: 'group-7', brand: 'Maker 7' },
  { category: 'group-7', minPrice: '5000', maxPrice: '10000' },
  { category: 'group-7', minPrice: '5000', sort: '-price' },
  { category: 'group-7,group-8', brand: 'Maker 7,Maker 8', status: 'active,draft' },
  { category: 'group-7', minWeight: '100', maxWeight: '1000', sort: '-updatedAt' },
  { minPrice: '5000', maxPrice: '50000', minWeight: '100', maxWeight: '1000' },
  { brand: 'Maker 7', updatedSince: new Date(Date.now() - 30 * 86_400_000).toISOString(), sort: 'name' },
  { q: 'outdoor lamp 123', category: 'group-7', sort: 'price' },
];

const facets: readonly ProductListQuery[] = [
  {},
  { category: 'group-7' },
  { category: 'group-7', brand: 'Maker 7' },
];

export async function measureLists({ catalog, stack, say }: BenchStack, sizes: Sizes): Promise<Section> {
  await addListedProducts(catalog, sizes.listedProducts);
  const pool = createServicePool({
    url: await stack.databaseUrl('catalog_read'),
    applicationName: 'lists',
    max: 1,
  });
  try {
    const page = (query: ProductListQuery): Listed => {
      const request = productListQuerySchema.parse({ ...query, limit: '50' });
      return { name: nameOf(query), read: () => listProducts(pool, request), took_ms: [] };
    };
    const judged: Listed[] = [
      ...single.map(page),
      ...facets.map((query): Listed => {
        const filter = productFilterSchema.parse(query);
        return { name: `facets: ${nameOf(query)}`, read: () => countFacets(pool, filter), took_ms: [] };
      }),
    ];
    const measured = [...judged, ...combined.map(page)];
    for (let round = -1; round < sizes.listRounds; round++) {
      for (const { read, took_ms } of measured) {
        const began_ms = performance.now();
        await read();
        // The first round only warms the caches of Postgres.
        if (round >= 0) took_ms.push(performance.now() - began_ms);
      }
    }
    const [plain] = judged;
    const usual_ms = median(plain?.took_ms ?? []);
    const ratio = ({ took_ms }: Listed) => median(took_ms) / usual_ms;
    const slowest = judged.toSorted((a, b) => ratio(b) - ratio(a))[0];
    if (slowest === undefined) throw new Error('There is no list to measure.');
    say(
      `the plain list takes ${usual_ms.toFixed(2)} ms, the slowest with one filter ${ratio(slowest).toFixed(2)} times that`,
    );
    return {
      name: 'lists',
      title: `Lists of ${sizes.listedProducts.toLocaleString('en')} products`,
      method: `The first 50 products with the estimated total. One client reads them from Postgres, without any cache. Each list in turn, ${sizes.listRounds} times; medians. The goal is for one filter, one sort or facets. Searches and combined filters come last.`,
      table: markdownTable(
        ['list', 'p50', 'p99', '÷ the plain list'],
        measured.map((one) => [
          `\`${one.name}\``,
          `${format(median(one.took_ms))} ms`,
          `${format(percentile(one.took_ms, 0.99))} ms`,
          ratio(one).toFixed(2),
        ]),
      ),
      goals: [atMost(`the slowest, \`${slowest.name}\`, ÷ the plain list`, ratio(slowest), goal)],
      plots: {},
    };
  } finally {
    await pool.end();
  }
}

function nameOf(query: ProductListQuery): string {
  const parts = Object.entries(query).map(([name, value]) => `${name}=${String(value)}`);
  return parts.join('&') || 'all';
}

/** Without the change feed, but with what lists need: the counts and the index of the search. */
async function addListedProducts(catalog: Pool, count: number): Promise<void> {
  const client = await catalog.connect();
  try {
    await client.query('set statement_timeout = 0; set session_replication_role = replica');
    const triggers = ['count_inserted', 'search_inserted'];
    const enabled = (how: string) =>
      client.query(triggers.map((name) => `alter table catalog.products ${how} trigger ${name}`).join(';'));
    await enabled('enable always');
    // The same products in every run.
    await client.query('select setseed(0.5)');
    await client.query(insertProducts, [count]);
    await enabled('enable');
    await client.query('select catalog.join_product_counts(10000000)');
    await client.query('vacuum analyze');
  } finally {
    // The connection is closed, because its settings must not reach the next user.
    client.release(true);
  }
}
