import type { Change } from '@catalog/contracts';
import { createPool, type Pool } from '@catalog/database';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { RegisteredIncarnation } from '../incarnation/registered-incarnation.ts';
import { Outbox, outboxPoolOptions } from '../outbox/outbox.ts';
import { OutboxRetention } from '../outbox/outbox-retention.ts';
import { ChangeTraces } from '../traces/change-traces.ts';

export interface FeedDatabase extends AsyncDisposable {
  readonly database: TestDatabase;
  /** As the superuser, like a person in psql. */
  readonly owner: Pool;
  /** As the worker. */
  readonly pool: Pool;
  readonly outbox: Outbox;
  readonly registered: RegisteredIncarnation;
  readonly retention: OutboxRetention;
  readonly traces: ChangeTraces;
  readonly workerUrl: string;
  /** Inserts `count` products in one transaction. Returns their ids. */
  insertProducts(count: number): Promise<string[]>;
  /** Inserts `count` changes straight into the outbox. */
  insertChanges(count: number): Promise<void>;
  unapplied(): Promise<number>;
}

let serial = 0;

export async function feedDatabase(options: { serverUrl?: string } = {}): Promise<FeedDatabase> {
  const database = await createTestDatabase({ migrated: true, ...options });
  const owner = createPool({ url: database.url, applicationName: 'test', statementTimeout_ms: 60_000 });
  const workerUrl = database.urlFor('invalidation_worker');
  const pool = createPool({ ...outboxPoolOptions, url: workerUrl, applicationName: 'worker' });
  // The migrations wrote changes too.
  await owner.query('delete from catalog.outbox');
  return {
    database,
    owner,
    pool,
    outbox: new Outbox(pool),
    registered: new RegisteredIncarnation(pool),
    retention: new OutboxRetention({ db: pool, onError: () => undefined }),
    traces: new ChangeTraces(pool),
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
    async insertChanges(count) {
      await owner.query(
        `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, $1) n`,
        [count],
      );
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

/** The acknowledgement of a worker that has just applied these changes. */
export const applied = (changes: readonly Change[]) =>
  changes.map((change) => ({ ...change, queued_ms: 0, applied_ms: 0 }));
