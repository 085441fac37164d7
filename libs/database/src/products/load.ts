import type { Product } from '@catalog/contracts';
import type { Loaded } from '../entities/loaded.ts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = {
  load: loadSql(import.meta.url, './load.sql'),
  loadIds: loadSql(import.meta.url, './load-ids.sql'),
  loadBySku: loadSql(import.meta.url, './load-by-sku.sql'),
};

type LoadedRow = Product & { key: string; absentVersion: number | null };
const never: Loaded<never> = { version: 0, body: null };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The products of these ids, each with its version or that of its absence, in one query and one snapshot. The
 * answer has every key that was asked for, as it was spelled. What is no UUID is missing: one bad key must
 * not fail the others.
 */
export async function loadProducts(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, Loaded<Product>>> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()).filter((id) => uuid.test(id)))];
  const found = new Map<string, Loaded<Product>>();
  if (wanted.length > 0) {
    const { rows } = await db.query<LoadedRow>({ name: 'products/load', text: sql.load, values: [wanted] });
    for (const { key, absentVersion, ...product } of rows) {
      found.set(
        key,
        absentVersion === null
          ? { version: product.version, body: product }
          : { version: absentVersion, body: null },
      );
    }
  }
  return new Map(ids.map((id) => [id, found.get(id.toLowerCase()) ?? never]));
}

/** SKU → product id. An SKU has no version of its own: it is 0. */
export async function loadSkus(
  db: Queryable,
  skus: readonly string[],
): Promise<Map<string, Loaded<{ id: string }>>> {
  // Postgres refuses NUL in any text; no SKU has one.
  const wanted = [...new Set(skus)].filter((sku) => !sku.includes('\0'));
  const found = new Map<string, Loaded<{ id: string }>>();
  if (wanted.length > 0) {
    const { rows } = await db.query<{ sku: string; id: string }>({
      name: 'products/loadIds',
      text: sql.loadIds,
      values: [wanted],
    });
    for (const { sku, id } of rows) found.set(sku, { version: 0, body: { id } });
  }
  return new Map(skus.map((sku) => [sku, found.get(sku) ?? never]));
}

/** For the moment when what `sku:` and `product:` say does not match: one look at the primary settles it. */
export async function loadProductBySku(db: Queryable, sku: string): Promise<Product | null> {
  if (sku.includes('\0')) return null;
  const { rows } = await db.query<Product>({
    name: 'products/loadBySku',
    text: sql.loadBySku,
    values: [sku],
  });
  return rows[0] ?? null;
}
