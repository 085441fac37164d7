import { Pool, type ClientBase } from 'pg';
import { typeParsers } from './types.ts';

/** What a pool has to say: a pino logger fits. */
export interface DatabaseLog {
  error(details: object, message: string): void;
}

export interface PoolOptions {
  readonly url: string;
  /** Connections at most. The sum over all processes must stay below Postgres' max_connections. */
  readonly max?: number;
  /** What pg_stat_activity shows. */
  readonly applicationName: string;
  readonly statementTimeout_ms?: number;
  /** Waiting longer for a row that somebody else is changing answers nobody in time. */
  readonly lockTimeout_ms?: number;
  /** Bounds the wait for a free connection of the pool as well as the making of a new one. */
  readonly connectTimeout_ms?: number;
  readonly idleTimeout_ms?: number;
  /** A transaction that its client forgot holds locks, and keeps vacuum from cleaning the outbox. */
  readonly idleInTransactionTimeout_ms?: number;
  /** `off` where what a crash of Postgres undoes is simply done again. */
  readonly synchronousCommit?: 'on' | 'off';
  /**
   * `off` where a table is empty at one moment and has a million rows at the next: a plan that was made for the
   * one and is kept for the other must not read it from end to end. Where there is no other way it still does.
   */
  readonly sequentialScans?: 'on' | 'off';
  /** `generic` where every statement is best planned once, whatever its values. */
  readonly plans?: 'auto' | 'generic';
  readonly log?: DatabaseLog;
  /**
   * Runs on each new session before anybody gets it, and may return a promise. If it fails, the session is closed, and the
   * caller who waits for it gets the error.
   */
  readonly onConnect?: (client: ClientBase) => unknown;
}

/** Anything that takes a query: the pool, or a client inside a transaction. */
export type Queryable = Pick<ClientBase, 'query'>;

/**
 * A pool whose answers are plain JSON: int8 as number (throws beyond 2^53 - 1), timestamptz as ISO-8601 text in
 * UTC with milliseconds. Connects lazily; the owner calls `end()`.
 */
export function createPool(options: PoolOptions): Pool {
  const statementTimeout_ms = options.statementTimeout_ms ?? 5_000;
  const pool = new Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName,
    statement_timeout: statementTimeout_ms,
    lock_timeout: options.lockTimeout_ms ?? 2_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeout_ms ?? 30_000,
    connectionTimeoutMillis: options.connectTimeout_ms ?? 2_000,
    idleTimeoutMillis: options.idleTimeout_ms ?? 30_000,
    // Postgres ends a slow statement; this ends the wait for a Postgres that is gone without a word. 0 is no limit.
    ...(statementTimeout_ms > 0 && { query_timeout: statementTimeout_ms + 1_000 }),
    options: [
      ...(options.synchronousCommit === 'off' ? ['-c synchronous_commit=off'] : []),
      ...(options.sequentialScans === 'off' ? ['-c enable_seqscan=off'] : []),
      ...(options.plans === 'generic' ? ['-c plan_cache_mode=force_generic_plan'] : []),
    ].join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: typeParsers,
    ...(options.onConnect && { onConnect: options.onConnect }),
  });
  // Without a listener a broken idle connection ends the process. The pool has already dropped it.
  pool.on('error', (error) => options.log?.error({ err: error }, 'an idle connection to Postgres broke'));
  // The same for one that breaks while somebody holds it between two queries: the next query reports it.
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}
