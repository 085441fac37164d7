/** A row in which TRUNCATE would lose the deletion of rows that its transaction cannot see. */
import type { Pool } from '@catalog/database';
import { countDemoProducts } from '../system/demo-products.ts';
import type { Row } from './row.ts';

const isolations = ['repeatable read', 'serializable'] as const;

/** @returns what Postgres says; undefined if it truncated. Then nothing is committed, so that the suite keeps its products */
async function truncateIn(
  sql: Pool,
  isolation: (typeof isolations)[number],
  afterSnapshot: () => Promise<void>,
): Promise<string | undefined> {
  const session = await sql.connect();
  try {
    await session.query(`begin isolation level ${isolation}`);
    // The snapshot of the transaction is taken here.
    await session.query('select from catalog.products limit 1');
    await afterSnapshot();
    const refusal = await session.query('truncate catalog.products').then(
      () => undefined,
      (error: unknown) => String(error),
    );
    await session.query('rollback');
    return refusal;
  } finally {
    session.release();
  }
}

export const truncateRow: Row = {
  id: '48',
  fault: 'TRUNCATE in a transaction that cannot see the newest rows',
  injected: 'under repeatable read and serializable, with a product committed since the snapshot',
  async inject({ system, observe, expect }) {
    const { sql } = system;
    const before = await countDemoProducts(sql);
    for (const isolation of isolations) {
      let added = '';
      const refusal = await truncateIn(sql, isolation, async () => {
        const { rows } = await sql.query<{ id: string }>(
          `insert into catalog.products (sku, name, brand, category, price_minor, currency)
           values ('UNSEEN-' || gen_random_uuid(), 'Unseen', 'Acme', 'unseen', 1, 'EUR') returning id`,
        );
        added = rows[0]?.id ?? '';
      });
      observe(`${isolation}: ${refusal ?? 'truncated'}`);
      expect(refusal?.includes('needs READ COMMITTED') === true, `it is refused under ${isolation}`);
      const { rowCount } = await sql.query('delete from catalog.products where id = $1', [added]);
      expect(rowCount === 1, 'the product that it could not see is still there');
    }
    expect((await countDemoProducts(sql)) === before, 'all products are still there');
  },
};
