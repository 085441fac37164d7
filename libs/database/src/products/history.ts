import { writableProductFields, type ProductChange } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows, type ReadRow } from '../postgres/unreadable.ts';
import { jsonBytes, PageRoom } from './page-room.ts';

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

export interface ProductHistory {
  readonly changes: readonly ProductChange[];
  /** `beforeVersion` of the next page; undefined on the last one. */
  readonly nextBefore: number | undefined;
}

interface Row extends Omit<ProductChange, 'fields'> {
  readonly old: Readonly<Record<string, unknown>>;
  readonly new: Readonly<Record<string, unknown>>;
}

/** Changes in one query: 2.3 MB if each has the old and new values of the largest product. */
const changesInQuery = 10;

/**
 * The changes of a product, newest first, as far back as retention keeps them. null if no such product is known. The page ends
 * before it is larger than `maxPage_bytes`, but has at least one change if there is any.
 */
export async function readProductHistory(
  db: Queryable,
  { productId, beforeVersion, limit }: HistoryRequest,
): Promise<ProductHistory | null> {
  const changes: ProductChange[] = [];
  const room = new PageRoom();
  let rows = 0;
  let last: number | undefined;
  for await (const { row, isUnreadable } of rowsBefore(db, productId, beforeVersion)) {
    const change = isUnreadable ? undefined : changeOf(row);
    const fits = change === undefined || room.takes(jsonBytes(change));
    if (rows === limit || !fits) return { changes, nextBefore: last };
    if (change !== undefined) changes.push(change);
    rows += 1;
    last = row.version;
  }
  if (rows === 0) {
    const known = await db.query<{ known: boolean }>(sql.isKnown, [productId]);
    if (known.rows[0]?.known !== true) return null;
  }
  return { changes, nextBefore: undefined };
}

async function* rowsBefore(
  db: Queryable,
  productId: string,
  beforeVersion: number | undefined,
): AsyncGenerator<ReadRow<Row>> {
  for (let before = beforeVersion ?? null; ;) {
    const rows = await readRows<Row>(
      db,
      { text: sql.history, values: [productId, before, changesInQuery] },
      'product_history',
      ({ version }) => `${productId} ${version}`,
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < changesInQuery) return;
    before = last.row.version;
  }
}

function changeOf({ old, new: written, ...change }: Row): ProductChange {
  return {
    ...change,
    fields: writableProductFields
      .filter((field) => field in old || field in written)
      .map((field) => ({ field, old: old[field] ?? null, new: written[field] ?? null })),
  };
}
