/** When a write rings the doorbell, and when it must not. */
import { createTestDatabase, eventually, startPostgres } from '@catalog/testing';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { withTransaction } from '../postgres/transaction.ts';
import { insertRow } from '../testing/products.ts';

/** As in catalog.ring_doorbell and in the relay's AwakeLock. */
const awakeLock = 7_236_001;

async function listening(serverUrl?: string) {
  const database = await createTestDatabase({
    migrated: true,
    ...(serverUrl !== undefined && { serverUrl }),
  });
  const pool = createPool({ url: database.url, applicationName: 'test' });
  const listener = new Client({ connectionString: database.url });
  await listener.connect();
  await listener.query('listen catalog_outbox');
  let rings = 0;
  listener.on('notification', () => (rings += 1));
  return {
    pool,
    url: database.url,
    /** How many rings have arrived for the changes committed so far. */
    async rings(): Promise<number> {
      // Earlier notifications arrive before the answer to a query.
      await listener.query('select 1');
      const count = rings;
      rings = 0;
      return count;
    },
    async [Symbol.asyncDispose]() {
      await listener.end();
      await pool.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

test('a transaction rings once for all its changes, and only when it commits', async () => {
  await using bell = await listening();
  await withTransaction(bell.pool, async (client) => {
    await insertRow(client);
    await insertRow(client);
    await client.query('update catalog.products set price_minor = 5');
    expect(await bell.rings()).toBe(0);
  });
  expect(await bell.rings()).toBe(1);
  await insertRow(bell.pool);
  await insertRow(bell.pool);
  expect(await bell.rings()).toBe(2);
});

test('no commit rings while the relay is awake', async () => {
  await using bell = await listening();
  const relay = await bell.pool.connect();
  try {
    await relay.query('select pg_advisory_lock($1)', [awakeLock]);
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(0);
    await relay.query('select pg_advisory_unlock($1)', [awakeLock]);
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(1);
  } finally {
    relay.release();
  }
});

test('the write decides whether to ring, not the commit: a write while the relay is awake stays silent', async () => {
  await using bell = await listening();
  const relay = await bell.pool.connect();
  try {
    await relay.query('select pg_advisory_lock($1)', [awakeLock]);
    await withTransaction(bell.pool, async (client) => {
      await insertRow(client);
      await relay.query('select pg_advisory_unlock($1)', [awakeLock]);
    });
    expect(await bell.rings()).toBe(0);
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(1);
  } finally {
    relay.release();
  }
});

test('a relay that still waits for its lock already silences the doorbell', async () => {
  await using bell = await listening();
  const writer = await bell.pool.connect();
  const relay = await bell.pool.connect();
  try {
    // A writer between its ring and the end of its commit.
    await writer.query('begin');
    await writer.query('select pg_try_advisory_xact_lock_shared($1)', [awakeLock]);
    const waiting = relay.query('select pg_advisory_lock($1)', [awakeLock]);
    await eventually(async () => {
      const { rowCount } = await bell.pool.query(
        "select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())",
      );
      return rowCount === 1;
    });
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(0);
    await writer.query('rollback');
    await waiting;
  } finally {
    writer.release();
    relay.release(true);
  }
});

test('a change that a savepoint undid does not ring; the next change of the transaction does', async () => {
  await using bell = await listening();
  await withTransaction(bell.pool, async (client) => {
    await client.query('savepoint here');
    await insertRow(client);
    await client.query('rollback to here');
    await insertRow(client);
  });
  expect(await bell.rings()).toBe(1);
});

test('a full notification queue fails no commit: the doorbell is silent from half full on', async () => {
  await using server = await startPostgres({ config: { max_notify_queue_pages: '64' } });
  await using bell = await listening(server.url);
  const stuck = new Client({ connectionString: bell.url });
  await stuck.connect();
  try {
    // A listener inside a transaction reads nothing, and the queue keeps all that it has not read.
    await stuck.query('listen anything');
    await stuck.query('begin');
    const usage = async () => {
      const { rows } = await bell.pool.query<{ usage: number }>(
        'select pg_notification_queue_usage() as usage',
      );
      return rows[0]?.usage ?? 0;
    };
    const fill = (payload: string) => bell.pool.query('select pg_notify($1, $2)', ['other', payload]);
    while ((await usage()) < 0.5) await fill('x'.repeat(7_000));
    await bell.rings();
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(0);
    // Filled to the last byte, where any NOTIFY fails its commit.
    let full: unknown;
    for (let size = 7_000; size > 0;) {
      try {
        await fill(`${Math.random()}`.padEnd(size, 'x'));
      } catch (error) {
        full = error;
        size = Math.floor(size / 2);
      }
    }
    expect(full).toMatchObject({ message: expect.stringContaining('too many notifications') as string });
    await insertRow(bell.pool);
    await stuck.query('rollback');
    await eventually(async () => (await usage()) < 0.5);
    await insertRow(bell.pool);
    expect(await bell.rings()).toBe(1);
  } finally {
    await stuck.end();
  }
}, 60_000);
