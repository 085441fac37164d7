import type { Queryable } from '../../postgres/pool.ts';

/** Rows in a transaction: a tenth of a second. */
const rowsAtOnce = 20_000;
/** For the backlog of a mass change. The next call goes on with the rest. */
const mostTransactions = 10;

/** Joins rows of `product_counts` that count the same products. */
export async function joinProductCounts(db: Queryable): Promise<void> {
  for (let transaction = 0; transaction < mostTransactions; transaction++) {
    const { rows } = await db.query<{ fewer: number }>('select catalog.join_product_counts($1) as fewer', [
      rowsAtOnce,
    ]);
    if (rows[0]?.fewer === 0) return;
  }
}
