/** What the triggers of tracked tables record, no matter who changes a row. */
import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadProducts } from '../products/load.ts';
import { createPool, type Queryable } from '../postgres/pool.ts';
import { withTransaction } from '../postgres/transaction.ts';
import { insertRow } from '../testing/products.ts';
import { takeRecorded, writeToSlot } from '../testing/recorded-changes.ts';

/** The version of SKU changes: above every other, since versions do not order the changes of one SKU. */
const unconditional = Number.MAX_SAFE_INTEGER;

describe.each(['outbox', 'slot'] as const)('from the %s', (source) => {
  let database: TestDatabase;
  let pool: ReturnType<typeof createPool>;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: true });
    pool = createPool({ url: database.url, applicationName: 'test', lockTimeout_ms: 10_000 });
    if (source === 'slot') await writeToSlot(pool);
  });
  beforeEach(async () => {
    await pool.query('delete from catalog.products');
    await takeRecorded(pool);
  });
  afterAll(async () => {
    await pool.end();
    await database[Symbol.asyncDispose]();
  });

  const product = (key: string, version: number) => ({ entity: 'product', key, version });
  const sku = (key: string) => ({ entity: 'sku', key, version: unconditional });

  async function tombstoneOf(id: string): Promise<number | undefined> {
    const { rows } = await pool.query<{ version: number }>(
      "select version from catalog.tombstones where entity = 'product' and key = $1",
      [id],
    );
    return rows[0]?.version;
  }

  test('an insert records the product and its SKU', async () => {
    const row = await insertRow(pool);
    const changes = await takeRecorded(pool);
    expect(changes).toHaveLength(2);
    expect(changes).toEqual(expect.arrayContaining([product(row.id, row.version), sku(row.sku)]));
  });

  test('a change writes to one source only', async () => {
    await insertRow(pool);
    await pool.query('update catalog.products set price_minor = 7');
    await pool.query('delete from catalog.products');
    const { rowCount } = await pool.query('select from catalog.outbox');
    expect(rowCount === 0).toBe(source === 'slot');
    expect(await takeRecorded(pool)).toHaveLength(5);
  });

  test('an update draws a later version and records only the product', async () => {
    const row = await insertRow(pool);
    await takeRecorded(pool);
    const { rows } = await pool.query<{ version: number }>(
      'update catalog.products set price_minor = 7 where id = $1 returning version',
      [row.id],
    );
    expect(rows[0]?.version).toBeGreaterThan(row.version);
    expect(await takeRecorded(pool)).toEqual([product(row.id, rows[0]?.version ?? 0)]);
  });

  test('an update that changes nothing draws no version and records nothing', async () => {
    const row = await insertRow(pool);
    await takeRecorded(pool);
    const { rows } = await pool.query<{ version: number }>(
      'update catalog.products set price_minor = price_minor where id = $1 returning version',
      [row.id],
    );
    expect(rows[0]?.version).toBe(row.version);
    expect(await takeRecorded(pool)).toEqual([]);
  });

  test('a version that a writer sets by hand is replaced by the next one', async () => {
    const row = await insertRow(pool, { version: 9_000_000_000 });
    expect(row.version).toBeLessThan(9_000_000_000);
    const { rows } = await pool.query<{ version: number }>(
      'update catalog.products set version = 1 where id = $1 returning version',
      [row.id],
    );
    expect(rows[0]?.version).toBeGreaterThan(row.version);
  });

  test('a delete leaves a tombstone with a later version; the row inserted again has a still later one', async () => {
    const row = await insertRow(pool);
    await takeRecorded(pool);
    await pool.query('delete from catalog.products where id = $1', [row.id]);
    const deleted = (await tombstoneOf(row.id)) ?? 0;
    expect(deleted).toBeGreaterThan(row.version);
    const changes = await takeRecorded(pool);
    expect(changes).toHaveLength(2);
    expect(changes).toEqual(expect.arrayContaining([product(row.id, deleted), sku(row.sku)]));
    expect(await loadProducts(pool, [row.id])).toEqual(new Map([[row.id, { version: deleted, body: null }]]));

    const again = await insertRow(pool, { id: row.id });
    expect(again.version).toBeGreaterThan(deleted);
    expect(await tombstoneOf(row.id)).toBeUndefined();
  });

  test('a changed SKU records the old and the new one', async () => {
    const row = await insertRow(pool);
    await takeRecorded(pool);
    await pool.query("update catalog.products set sku = 'NEW' where id = $1", [row.id]);
    expect(await takeRecorded(pool)).toEqual(expect.arrayContaining([sku(row.sku), sku('NEW')]));
  });

  test('one statement swaps the SKUs of two products', async () => {
    const [one, two] = [await insertRow(pool), await insertRow(pool)];
    await takeRecorded(pool);
    await pool.query(
      'update catalog.products set sku = case sku when $1 then $2 else $1 end where sku in ($1, $2)',
      [one.sku, two.sku],
    );
    const { rows } = await pool.query('select id, sku from catalog.products order by id');
    expect(rows).toEqual([
      { id: one.id, sku: two.sku },
      { id: two.id, sku: one.sku },
    ]);
    const changed = (await takeRecorded(pool)).filter(({ entity }) => entity === 'sku').map(({ key }) => key);
    expect(new Set(changed)).toEqual(new Set([one.sku, two.sku]));
  });

  test('the same SKU twice is refused at the end of the statement', async () => {
    const row = await insertRow(pool);
    await expect(insertRow(pool, { sku: row.sku })).rejects.toMatchObject({
      constraint: 'products_sku_unique',
    });
  });

  test('one statement over many rows records each', async () => {
    await Promise.all(Array.from({ length: 20 }, () => insertRow(pool)));
    await takeRecorded(pool);
    await pool.query('update catalog.products set price_minor = price_minor + 1');
    const { rows } = await pool.query<{ id: string; version: number }>(
      'select id, version from catalog.products',
    );
    const changes = await takeRecorded(pool);
    expect(changes).toHaveLength(20);
    expect(new Set(changes.map((change) => JSON.stringify(change)))).toEqual(
      new Set(rows.map(({ id, version }) => JSON.stringify(product(id, version)))),
    );
  });

  test('TRUNCATE leaves a tombstone for each row, and records each product and SKU', async () => {
    const inserted = [await insertRow(pool), await insertRow(pool)];
    await takeRecorded(pool);
    await pool.query('truncate catalog.products restart identity');
    const changes = await takeRecorded(pool);
    expect(changes).toHaveLength(4);
    for (const row of inserted) {
      const version = (await tombstoneOf(row.id)) ?? 0;
      expect(version).toBeGreaterThan(row.version);
      expect(changes).toEqual(expect.arrayContaining([product(row.id, version), sku(row.sku)]));
    }
    const later = await insertRow(pool);
    expect(later.version).toBeGreaterThan(Math.max(...inserted.map(({ version }) => version)));
  });

  test.each(
    ['products', 'settings', 'orders', 'console_users'].flatMap(
      (table): [string, 'repeatable read' | 'serializable'][] => [
        [table, 'repeatable read'],
        [table, 'serializable'],
      ],
    ),
  )(
    'TRUNCATE of %s under %s is refused, since it would lose rows committed since the snapshot',
    async (table, isolation) => {
      const truncating = withTransaction(
        pool,
        async (client) => {
          // The snapshot of the transaction begins here: the row below is invisible to the triggers.
          await client.query('select from catalog.products');
          await insertRow(pool);
          await client.query(`truncate catalog.${table} cascade`);
        },
        { isolation },
      );
      await expect(truncating).rejects.toMatchObject({
        code: '25000',
        message: `TRUNCATE of catalog.${table} needs READ COMMITTED, this transaction is ${isolation.toUpperCase()}`,
      });
      await withTransaction(pool, (client) => client.query(`truncate catalog.${table} cascade`), {
        isolation: 'read committed',
      });
      await pool.query(
        "insert into catalog.settings (store_name, default_currency, low_stock_threshold, orders_enabled) values ('s', 'EUR', 1, true) on conflict do nothing",
      );
    },
  );

  test('a change that is rolled back, also to a savepoint, is not recorded', async () => {
    const row = await insertRow(pool);
    await takeRecorded(pool);
    await withTransaction(pool, async (client) => {
      await client.query('savepoint here');
      await client.query('update catalog.products set price_minor = 8');
      await client.query('rollback to here');
    });
    expect(await takeRecorded(pool)).toEqual([]);
    await expect(
      withTransaction(pool, async (client) => {
        await client.query('delete from catalog.products where id = $1', [row.id]);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await takeRecorded(pool)).toEqual([]);
    expect(await tombstoneOf(row.id)).toBeUndefined();
  });

  test('the id of a row cannot be changed', async () => {
    const row = await insertRow(pool);
    await expect(
      pool.query('update catalog.products set id = $2 where id = $1', [row.id, randomUUID()]),
    ).rejects.toMatchObject({ code: '23001' });
  });

  test('versions of one row grow in the order of its commits, with several writers at once', async () => {
    const row = await insertRow(pool);
    const commits: { version: number; price: number }[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let edit = 0; edit < 10; edit++) {
          await withTransaction(pool, async (client) => {
            const { rows } = await client.query<{ version: number; price: number }>(
              'update catalog.products set price_minor = price_minor + 1 where id = $1 returning version, price_minor as price',
              [row.id],
            );
            if (rows[0]) commits.push(rows[0]);
          });
        }
      }),
    );
    // The price counts the commits, since each writer waited for the lock of the previous one.
    const inOrder = commits.sort((a, b) => a.price - b.price).map(({ version }) => version);
    expect(inOrder).toHaveLength(80);
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
  });

  /** Inserts `id` while another transaction has deleted it. The delete commits after the insert has begun to wait. */
  async function insertWhileDeleting(
    id: string,
    isolation: 'read committed' | 'repeatable read',
  ): Promise<unknown> {
    const deleter = await pool.connect();
    try {
      await deleter.query('begin');
      await deleter.query('delete from catalog.products where id = $1', [id]);
      const inserting = withTransaction(pool, (client: Queryable) => insertRow(client, { id }), {
        isolation,
      }).catch((error: unknown) => error);
      await untilASessionWaits();
      // A later version than the one that the insert has drawn already.
      await deleter.query('select nextval($1)', ['catalog.versions']);
      await deleter.query(
        "update catalog.tombstones set version = nextval('catalog.versions') where entity = 'product' and key = $1",
        [id],
      );
      await deleter.query('commit');
      return await inserting;
    } finally {
      deleter.release();
    }
  }

  async function untilASessionWaits(): Promise<void> {
    for (;;) {
      const { rowCount } = await pool.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      if (rowCount) return;
    }
  }

  test.each(['read committed', 'repeatable read'] as const)(
    'an insert that waited for a delete of the same id (%s) is refused rather than given an older version',
    async (isolation) => {
      const row = await insertRow(pool);
      expect(await insertWhileDeleting(row.id, isolation)).toMatchObject({ code: '40001' });
      expect((await loadProducts(pool, [row.id])).get(row.id)?.body).toBeNull();
    },
  );

  test('the sequence of versions has no cache, ends where numbers are exact, and belongs to no table', async () => {
    const { rows } = await pool.query(
      `select seqcache as cache, seqmax as max, seqcycle as cycles, exists (
       select from pg_depend where objid = seqrelid and deptype in ('a', 'i')) as owned
     from pg_sequence where seqrelid = 'catalog.versions'::regclass`,
    );
    expect(rows).toEqual([{ cache: 1, max: Number.MAX_SAFE_INTEGER, cycles: false, owned: false }]);
  });

  test('settings are tracked as products are', async () => {
    const { rows } = await pool.query<{ version: number }>(
      "update catalog.settings set store_name = 'Another' returning version",
    );
    expect(await takeRecorded(pool)).toEqual([{ entity: 'settings', key: 'app', version: rows[0]?.version }]);
  });

  test('every trigger on TRUNCATE requires READ COMMITTED', async () => {
    const { rows } = await pool.query(
      `select t.tgrelid::regclass::text as "table", t.tgname as trigger
     from pg_trigger t join pg_proc f on f.oid = t.tgfoid
     where t.tgtype & 32 <> 0 and f.pronamespace = 'catalog'::regnamespace
       and f.prosrc not like '%perform catalog.require_read_committed(%'`,
    );
    expect(rows).toEqual([]);
  });
});
