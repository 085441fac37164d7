import { PRODUCT, type Product } from '@catalog/contracts';
import type { EntityRow } from '../entities/entity-row.ts';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

const sql = {
  load: loadSql(import.meta.url, './load.sql'),
  loadIds: loadSql(import.meta.url, './load-ids.sql'),
  loadBySku: loadSql(import.meta.url, './load-by-sku.sql'),
};

type LoadedRow = Product & { key: string; absentVersion: number | null };
const never: EntityRow<never> = { version: 0, body: null };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The products of these ids, each with its version or that of its absence, in one query and one snapshot. The answer has
 * every key as the caller spelled it. A key that is no UUID is missing: one bad key must not fail the others.
 */
export async function loadProducts(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, EntityRow<Product>>> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()).filter((id) => uuid.test(id)))];
  const found = new Map<string, EntityRow<Product>>();
  if (wanted.length > 0) {
    const rows = await readRows<LoadedRow>(
      db,
      prepared('products/load', sql.load, [wanted]),
      PRODUCT.name,
      ({ key }) => key,
    );
    for (const { row, isUnreadable } of rows) {
      const { key, absentVersion, ...product } = row;
      const body = absentVersion === null && !isUnreadable ? product : null;
      found.set(key, { version: absentVersion ?? product.version, body });
    }
  }
  return new Map(ids.map((id) => [id, found.get(id.toLowerCase()) ?? never]));
}

/** SKU → product id. A SKU has no version of its own: it is 0. */
export async function loadSkus(
  db: Queryable,
  skus: readonly string[],
): Promise<Map<string, EntityRow<{ id: string }>>> {
  // Postgres refuses NUL in any text; no SKU has one.
  const wanted = [...new Set(skus)].filter((sku) => !sku.includes('\0'));
  const found = new Map<string, EntityRow<{ id: string }>>();
  if (wanted.length > 0) {
    const { rows } = await db.query<{ sku: string; id: string }>(
      prepared('products/loadIds', sql.loadIds, [wanted]),
    );
    for (const { sku, id } of rows) found.set(sku, { version: 0, body: { id } });
  }
  return new Map(skus.map((sku) => [sku, found.get(sku) ?? never]));
}

/** For the moment when the entries of `sku:` and `product:` disagree: one read of the primary settles it. */
export async function loadProductBySku(db: Queryable, sku: string): Promise<Product | null> {
  if (sku.includes('\0')) return null;
  const rows = await readRows<Product>(
    db,
    prepared('products/loadBySku', sql.loadBySku, [sku]),
    PRODUCT.name,
    ({ id }) => id,
  );
  return rows.find(({ isUnreadable }) => !isUnreadable)?.row ?? null;
}
