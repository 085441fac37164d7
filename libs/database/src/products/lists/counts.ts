import type { Queryable } from '../../postgres/pool.ts';

/** Joins rows of `product_counts` that count the same products. */
export async function joinProductCounts(db: Queryable): Promise<void> {
  await db.query('select catalog.join_product_counts()');
}
