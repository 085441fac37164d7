import type { ProductFacets } from '@catalog/contracts';
import type { Queryable } from '../../postgres/pool.ts';
import { fillIn, loadSql } from '../../postgres/sql.ts';
import { Bound, conditionsOf, isCounted, type ProductFilter } from './filter.ts';
import { expectedRows } from './expected-rows.ts';

const sql = {
  facets: loadSql(import.meta.url, './facets.sql'),
  facetsOfRows: loadSql(import.meta.url, './facets-of-rows.sql'),
};

/** Values of a facet in an answer. Those of the filter come first. */
const mostValues = 100;
/** Up to this many products are counted one by one. If more match, a sample of about this many rows of the table is counted. */
const countedExactly = 10_000;
const facetFields = ['category', 'brand', 'status'] as const;

/**
 * How many of the products that match have which brand, category and status. Each facet ignores the filter by its own
 * field. The numbers are exact, unless a filter other than the three matches too many products: then they come from a
 * sample.
 */
export async function countFacets(db: Queryable, filter: ProductFilter): Promise<ProductFacets> {
  if (filter.q === '') return { data: { brand: [], category: [], status: [] }, isEstimated: false };
  const bound = new Bound();
  // The statement names these by their numbers, $1 to $4.
  for (const field of facetFields) bound.add(filter[field] ?? null, 'text[]');
  bound.add(mostValues, 'bigint');
  const { text, isEstimated } = isCounted(filter)
    ? { text: sql.facets, isEstimated: false }
    : await countingRows(db, filter, bound);
  const { rows } = await db.query<{ name: string; value: string; count: number }>(text, bound.values);
  const facet = (name: string) =>
    rows.filter((row) => row.name === name).map(({ value, count }) => ({ value, count }));
  return {
    data: { brand: facet('brand'), category: facet('category'), status: facet('status') },
    isEstimated,
  };
}

async function countingRows(db: Queryable, filter: ProductFilter, bound: Bound) {
  const expected = await expectedRows(db, filter, { without: facetFields });
  const isEstimated = expected > countedExactly;
  const share = isEstimated ? Math.min(1, countedExactly / (await expectedRows(db, {}))) : 1;
  const { tables, conditions } = conditionsOf(filter, bound, { without: facetFields });
  const sampled = isEstimated ? ` tablesample system (${bound.add(share * 100, 'real')})` : '';
  const marks = {
    weight: bound.add(1 / share, 'numeric'),
    tables: tables.replace('catalog.products p', `catalog.products p${sampled}`),
    conditions,
  };
  return { text: fillIn(sql.facetsOfRows, marks), isEstimated };
}
