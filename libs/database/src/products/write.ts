import type { Product, ProductCreate, ProductPatch } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { throwToClient } from './violations.ts';

const sql = {
  insert: loadSql(import.meta.url, './insert.sql'),
  update: loadSql(import.meta.url, './update.sql'),
  delete: loadSql(import.meta.url, './delete.sql'),
  version: loadSql(import.meta.url, './version.sql'),
};

/** A version, or `*` for any version. */
export type ExpectedVersion = number | '*';

/** Why nothing was changed: there is no such row, or it has this other version. */
export type NotChanged = 'missing' | { readonly changed: number };

/** The column of each field that a client may write, in the order of insert.sql. */
const columns = {
  sku: 'sku',
  name: 'name',
  description: 'description',
  brand: 'brand',
  category: 'category',
  gtin: 'gtin',
  weightGrams: 'weight_grams',
  lengthMm: 'length_mm',
  widthMm: 'width_mm',
  heightMm: 'height_mm',
  priceMinor: 'price_minor',
  currency: 'currency',
  status: 'status',
  attributes: 'attributes',
} as const satisfies Record<keyof ProductCreate, string>;
const fields = Object.keys(columns) as (keyof ProductCreate)[];

/** Throws CatalogError: `sku_taken`, `invalid_request` naming the field, `busy`. */
export async function insertProduct(client: Queryable, product: ProductCreate): Promise<Product> {
  const values = fields.map((field) => product[field]);
  const { rows } = await client.query<Product>(sql.insert, values).catch(throwToClient);
  const [inserted] = rows;
  if (inserted === undefined)
    throw new Error('the insert of a product returned no row: a trigger dropped it');
  return inserted;
}

/**
 * Merges a patch into a product (RFC 7396; `attributes` key by key). A patch that changes nothing keeps the version.
 * Throws CatalogError as `insertProduct`; a transaction is then aborted.
 */
export async function updateProduct(
  client: Queryable,
  id: string,
  patch: ProductPatch,
  expected: ExpectedVersion,
): Promise<Product | NotChanged> {
  const patchOfColumns = Object.fromEntries(
    fields.filter((field) => patch[field] !== undefined).map((field) => [columns[field], patch[field]]),
  );
  const { rows } = await client
    .query<Product>(sql.update, [id, JSON.stringify(patchOfColumns), versionOf(expected)])
    .catch(throwToClient);
  return rows[0] ?? (await whyNotChanged(client, id));
}

/** Returns the version of the tombstone. */
export async function deleteProduct(
  client: Queryable,
  id: string,
  expected: ExpectedVersion,
): Promise<{ readonly version: number } | NotChanged> {
  const { rows } = await client
    .query<{ version: number }>(sql.delete, [id, versionOf(expected)])
    .catch(throwToClient);
  return rows[0] ?? (await whyNotChanged(client, id));
}

function versionOf(expected: ExpectedVersion): number | null {
  return expected === '*' ? null : expected;
}

async function whyNotChanged(client: Queryable, id: string): Promise<NotChanged> {
  const { rows } = await client.query<{ version: number }>(sql.version, [id]);
  return rows[0] === undefined ? 'missing' : { changed: rows[0].version };
}
