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
  /** Whom the history names for what the transaction changes; `sql` unless set. */
  readonly changedBy?: string | undefined;
  /**
   * Until when the caller waits, by `performance.now()`: for a connection and for locks. What is not ready to commit by
   * then is rolled back; a commit that has begun is waited for.
   */
  readonly until_ms?: number;
}

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws. A connection that cannot
 * even roll back is thrown away, so that nobody inherits its transaction.
 *
 * @throws CatalogError `unavailable` when `until_ms` is over, and what `work` throws
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
    // A lock that was not had by then would be had by trying again, but not by this caller.
    throw performance.now() >= until_ms && isLockTimeout(error) ? callerGaveUp() : error;
  } finally {
    client.release(broken);
  }
}

/** A connection for something that needs no transaction; waits for it as `withTransaction` does. */
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
    // As `pool.query` does: it may still be busy with what failed.
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** One that comes too late goes back to the pool unused. */
async function connect(pool: pg.Pool, until_ms: number): Promise<pg.PoolClient> {
  let connecting: Promise<pg.PoolClient> | undefined;
  try {
    return await withDeadline(() => (connecting = pool.connect()), { until_ms, late: callerGaveUp });
  } catch (error) {
    connecting?.then((client) => client.release()).catch(() => undefined);
    throw error;
  }
}

/** For the rest of the transaction: the pool's own limit, or what is left of the caller's time if that is less. */
async function limitLockWait(client: Queryable, until_ms: number): Promise<void> {
  // Rounded up, so that what is late by this limit is late by `until_ms`.
  const left_ms = Math.ceil(until_ms - performance.now());
  if (left_ms < 1) throw callerGaveUp();
  await client.query(sql.limitLockWait, [left_ms]);
}

/** lock_not_available; what translates it keeps it as the cause. */
function isLockTimeout(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return code === '55P03' || (code === 'busy' && cause?.code === '55P03');
}

/** For the rest of the transaction that `client` is in. */
export async function setChangedBy(client: Queryable, changedBy: string): Promise<void> {
  await client.query("select set_config('catalog.changed_by', $1, true)", [changedBy]);
}
