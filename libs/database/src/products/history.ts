import { writableProductFields, type ProductChange } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

const sql = {
  history: loadSql(import.meta.url, './history.sql'),
  isKnown: loadSql(import.meta.url, './is-known.sql'),
};

export interface HistoryRequest {
  readonly productId: string;
  /** The version of the last change on the previous page. */
  readonly beforeVersion?: number | undefined;
  readonly limit: number;
}

interface Row extends Omit<ProductChange, 'fields'> {
  readonly old: Readonly<Record<string, unknown>>;
  readonly new: Readonly<Record<string, unknown>>;
}

/** The changes of a product, newest first, as far back as retention keeps them. null if no such product is known. */
export async function readProductHistory(
  db: Queryable,
  { productId, beforeVersion, limit }: HistoryRequest,
): Promise<{ changes: ProductChange[]; hasMore: boolean } | null> {
  const rows = await readRows<Row>(
    db,
    { text: sql.history, values: [productId, beforeVersion ?? null, limit + 1] },
    'product_history',
    ({ version }) => `${productId} ${version}`,
  );
  if (rows.length === 0) {
    const known = await db.query<{ known: boolean }>(sql.isKnown, [productId]);
    if (known.rows[0]?.known !== true) return null;
  }
  const readable = rows.slice(0, limit).filter(({ isUnreadable }) => !isUnreadable);
  const changes = readable.map(({ row: { old, new: written, ...change } }) => ({
    ...change,
    fields: writableProductFields
      .filter((field) => field in old || field in written)
      .map((field) => ({ field, old: old[field] ?? null, new: written[field] ?? null })),
  }));
  return { changes, hasMore: rows.length > limit };
}
