import { callerGaveUp } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import type pg from 'pg';
import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const sql = { limitLockWait: loadSql(import.meta.url, './limit-lock-wait.sql') };

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

const begin = {
  'read committed': 'begin isolation level read committed',
  'repeatable read': 'begin isolation level repeatable read',
  serializable: 'begin isolation level serializable',
} as const satisfies Record<Isolation, string>;

export interface TransactionOptions {
  readonly isolation?: Isolation;
  /** Who makes the changes, for the history; `sql` unless set. */
  readonly changedBy?: string | undefined;
  /**
   * Until when the caller waits for a connection and for locks, by `performance.now()`. A transaction that is not ready to
   * commit by then is rolled back. A commit that has begun is awaited.
   */
  readonly until_ms?: number;
}

/**
 * Runs `work` in one transaction: commits when it returns, rolls back when it throws. A connection that cannot roll back
 * is closed, so that the next user does not inherit its transaction.
 *
 * @throws CatalogError `unavailable` when `until_ms` is over, and the errors of `work`
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const { until_ms = Number.POSITIVE_INFINITY } = options;
  const client = await connect(pool, until_ms);
  let broken: Error | undefined;
  try {
    await client.query(begin[options.isolation ?? 'read committed']);
    if (options.changedBy !== undefined) await setChangedBy(client, options.changedBy);
    if (until_ms !== Number.POSITIVE_INFINITY) await limitLockWait(client, until_ms);
    const result = await work(client);
    if (performance.now() >= until_ms) throw callerGaveUp();
    await client.query('commit');
    return result;
  } catch (error) {
    try {
      await client.query('rollback');
    } catch (rollbackError) {
      broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError));
    }
    // Another attempt could get the lock, but this caller waits no longer.
    throw performance.now() >= until_ms && isLockTimeout(error) ? callerGaveUp() : error;
  } finally {
    client.release(broken);
  }
}

/** Runs `work` on one connection without a transaction. Waits for the connection as `withTransaction` does. */
export async function withConnection<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  { until_ms = Number.POSITIVE_INFINITY }: Pick<TransactionOptions, 'until_ms'> = {},
): Promise<T> {
  const client = await connect(pool, until_ms);
  let broken: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    // Close it, as `pool.query` does: it may still be busy with the failed query.
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** A connection that comes too late goes back to the pool unused. */
async function connect(pool: pg.Pool, until_ms: number): Promise<pg.PoolClient> {
  let connecting: Promise<pg.PoolClient> | undefined;
  try {
    return await withDeadline(() => (connecting = pool.connect()), { until_ms, late: callerGaveUp });
  } catch (error) {
    connecting?.then((client) => client.release()).catch(() => undefined);
    throw error;
  }
}

/** Limits lock waits for the rest of the transaction to the caller's remaining time, if the pool's own limit is longer. */
async function limitLockWait(client: Queryable, until_ms: number): Promise<void> {
  // Rounded up, so that a wait that ends by this limit is late by `until_ms` too.
  const left_ms = Math.ceil(until_ms - performance.now());
  if (left_ms < 1) throw callerGaveUp();
  await client.query(sql.limitLockWait, [left_ms]);
}

/** lock_not_available, or the CatalogError that has it as its cause. */
function isLockTimeout(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return code === '55P03' || (code === 'busy' && cause?.code === '55P03');
}

/** Tells the history who makes the changes, for the rest of the transaction of `client`. */
export async function setChangedBy(client: Queryable, changedBy: string): Promise<void> {
  await client.query("select set_config('catalog.changed_by', $1, true)", [changedBy]);
}
