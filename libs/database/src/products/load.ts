import { PRODUCT, SKU, type Product } from '@catalog/contracts';
import { rowLoader, textKey, uuidKey } from '../entities/row-loader.ts';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

const sql = {
  load: loadSql(import.meta.url, './load.sql'),
  loadSkus: loadSql(import.meta.url, './load-skus.sql'),
  loadBySku: loadSql(import.meta.url, './load-by-sku.sql'),
};

/** The products of these ids, each with its version or that of its absence. */
export const loadProducts = rowLoader<Product>(PRODUCT.name, sql.load, uuidKey);

/** SKU → product id. A SKU has no version of its own: it is 0. */
export const loadSkus = rowLoader<{ id: string }>(SKU.name, sql.loadSkus, textKey);

/** For the moment when the entries of `sku:` and `product:` disagree: one read of the primary settles it. */
export async function loadProductBySku(db: Queryable, sku: string): Promise<Product | null> {
  if (textKey(sku) === null) return null;
  const rows = await readRows<Product>(
    db,
    prepared('load product by sku', sql.loadBySku, [sku]),
    PRODUCT.name,
    ({ id }) => id,
  );
  return rows.find(({ isUnreadable }) => !isUnreadable)?.row ?? null;
}
