import { createPool, type Pool } from '@catalog/database';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { Outbox, type OutboxRow, outboxPoolOptions } from '../outbox/outbox.ts';

export interface FeedDatabase extends AsyncDisposable {
  readonly database: TestDatabase;
  /** As the superuser: what a person in psql does. */
  readonly owner: Pool;
  /** As the worker. */
  readonly pool: Pool;
  readonly outbox: Outbox;
  readonly workerUrl: string;
  /** Inserts as many products, in one transaction; answers their ids. */
  insertProducts(count: number): Promise<string[]>;
  unapplied(): Promise<number>;
}

let serial = 0;

export async function feedDatabase(options: { serverUrl?: string } = {}): Promise<FeedDatabase> {
  const database = await createTestDatabase({ migrated: true, ...options });
  const owner = createPool({ url: database.url, applicationName: 'test', statementTimeout_ms: 60_000 });
  const workerUrl = database.urlFor('invalidation_worker');
  const pool = createPool({ ...outboxPoolOptions, url: workerUrl, applicationName: 'worker' });
  // What the migration wrote is no change of a test.
  await owner.query('delete from catalog.outbox');
  return {
    database,
    owner,
    pool,
    outbox: new Outbox(pool),
    workerUrl,
    async insertProducts(count) {
      serial += 1;
      const { rows } = await owner.query<{ id: string }>(
        `insert into catalog.products (sku, name, brand, category, price_minor, currency)
         select 'S' || $2::text || '-' || n, 'Lamp', 'Acme', 'Lighting', 100, 'EUR' from generate_series(1, $1) n
         returning id`,
        [count, serial],
      );
      return rows.map(({ id }) => id);
    },
    async unapplied() {
      const { rows } = await owner.query<{ count: number }>(
        'select count(*) from catalog.outbox where applied_at is null',
      );
      return rows[0]?.count ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([owner.end(), pool.end()]);
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Acknowledged at once. */
export const applied = (rows: readonly OutboxRow[]) =>
  rows.map(({ seq, transaction }) => ({ seq, transaction, queued_ms: 0, applied_ms: 0 }));
