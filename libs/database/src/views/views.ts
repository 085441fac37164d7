import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = {
  lock: loadSql(import.meta.url, './lock.sql'),
  add: loadSql(import.meta.url, './add.sql'),
  deleteUnknown: loadSql(import.meta.url, './delete-unknown.sql'),
  mostViewed: loadSql(import.meta.url, './most-viewed.sql'),
  views: loadSql(import.meta.url, './views.sql'),
};

export interface ProductViewCount {
  readonly id: string;
  readonly views: number;
}

/**
 * Locks the view counts until the transaction of `client` ends.
 *
 * @returns the batch that was added last; undefined while another worker has the lock
 */
export async function lockViews(client: Queryable): Promise<{ lastBatch: string | null } | undefined> {
  const { rows } = await client.query<{ last_batch: string | null }>(sql.lock);
  return rows[0] && { lastBatch: rows[0].last_batch };
}

/** Adds a batch to the totals. Its products must be uuids, each once. Ids of no product are left out. Needs `lockViews`. */
export async function addViews(
  client: Queryable,
  batch: string,
  counts: readonly ProductViewCount[],
): Promise<void> {
  await client.query(sql.add, [batch, counts.map(({ id }) => id), counts.map(({ views }) => views)]);
}

/** Deletes the counts of deleted products among the next `atMost` counts. Needs `lockViews`. */
export async function deleteViewsOfDeletedProducts(client: Queryable, atMost: number): Promise<void> {
  await client.query(sql.deleteUnknown, [atMost]);
}

/** How often the product was read; 0 if never. */
export async function viewsOfProduct(db: Queryable, id: string): Promise<number> {
  const { rows } = await db.query<{ views: number }>(sql.views, [id]);
  return rows[0]?.views ?? 0;
}

/** The most viewed active products, the most viewed first. */
export async function mostViewedProducts(db: Queryable, limit: number): Promise<ProductViewCount[]> {
  const { rows } = await db.query<ProductViewCount>(sql.mostViewed, [limit]);
  return rows;
}
