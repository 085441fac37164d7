import type { Pool } from '@catalog/database';

/**
 * The ids of `count` products of the demo catalog, in a random order. The load does not change them.
 *
 * @throws if there are fewer: a row without products would find nothing wrong
 */
export async function demoProducts(sql: Pool, count: number): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    "select id from catalog.products where category <> 'checked' order by random() limit $1",
    [count],
  );
  if (rows.length < count)
    throw new Error(`the row needs ${count} demo products, and there are ${rows.length}`);
  return rows.map(({ id }) => id);
}

export async function countDemoProducts(sql: Pool): Promise<number> {
  const { rows } = await sql.query<{ products: number }>(
    "select count(*)::int as products from catalog.products where category <> 'checked'",
  );
  return rows[0]?.products ?? 0;
}

/** One product of the demo catalog. */
export async function demoProduct(sql: Pool): Promise<string> {
  const [id = ''] = await demoProducts(sql, 1);
  return id;
}

/** Deletes every product, runs the work, and puts the demo catalog back. */
export async function whileTruncated(sql: Pool, work: () => Promise<void>): Promise<void> {
  const session = await sql.connect();
  try {
    await session.query(
      "create temp table kept as select * from catalog.products where category <> 'checked'",
    );
    await session.query('truncate catalog.products');
    try {
      await work();
    } finally {
      await session.query('insert into catalog.products select * from kept');
    }
  } finally {
    // Also drops the temporary table.
    session.release(true);
  }
}
