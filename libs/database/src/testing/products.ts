import type { Queryable } from '../postgres/pool.ts';

/** Inserts a valid product. `columns` replace its columns or add to them. */
export async function insertRow(
  db: Queryable,
  columns: Readonly<Record<string, unknown>> = {},
): Promise<{ id: string; sku: string; version: number }> {
  const row = {
    sku: `S-${(nextSku += 1)}`,
    name: 'a thing',
    brand: 'Acme',
    category: 'things',
    price_minor: 100,
    currency: 'EUR',
    ...columns,
  };
  const { rows } = await db.query<{ id: string; sku: string; version: number }>(
    `insert into catalog.products (${Object.keys(row).join(', ')})
     values (${Object.keys(row)
       .map((_, index) => `$${index + 1}`)
       .join(', ')})
     returning id, sku, version`,
    Object.values(row),
  );
  const [inserted] = rows;
  if (inserted === undefined) throw new Error('the insert answered no row');
  return inserted;
}

let nextSku = 0;
