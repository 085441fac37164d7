import { Pool, type ClientBase } from 'pg';
import { optionsOf, sessionOptions } from './session.ts';
import { typeParsers } from './types.ts';

/** Where a pool reports errors; a pino logger fits. */
export interface DatabaseLog {
  error(details: object, message: string): void;
}

export interface PoolOptions {
  readonly url: string;
  /** The limit of connections. The sum over all processes must stay below max_connections of Postgres. */
  readonly max?: number;
  /** pg_stat_activity shows it. */
  readonly applicationName: string;
  readonly statementTimeout_ms?: number;
  /** How long a statement waits for a row that another transaction is changing. A longer wait answers no caller in time. */
  readonly lockTimeout_ms?: number;
  /** Limits the wait for a free connection of the pool, and that for a new one. */
  readonly connectTimeout_ms?: number;
  readonly idleTimeout_ms?: number;
  /** A transaction that its client forgot holds locks and keeps vacuum from cleaning the outbox. */
  readonly idleInTransactionTimeout_ms?: number;
  /** `off` where the process simply repeats work that a crash of Postgres undoes. */
  readonly synchronousCommit?: 'on' | 'off';
  /**
   * `off` for a table that is empty at one moment and has a million rows at the next. A plan made for the empty table and
   * kept for the full one would read it from end to end. Postgres still does so where there is no other plan.
   */
  readonly sequentialScans?: 'on' | 'off';
  /** `generic` where the best plan of each statement does not depend on its values. */
  readonly plans?: 'auto' | 'generic';
  readonly log?: DatabaseLog;
  /**
   * Runs on each new session before anybody gets it, and may return a promise. If it fails, the session is closed, and the
   * caller who waits for it gets the error.
   */
  readonly onConnect?: (client: ClientBase) => unknown;
}

const logs = new WeakMap<object, DatabaseLog>();

/** The log of a pool of `createPool`, also for its clients. */
export function logOf(db: Queryable): DatabaseLog | undefined {
  return logs.get(db);
}

/** The pool, or a client inside a transaction. */
export type Queryable = Pick<ClientBase, 'query'>;

/**
 * A pool whose answers are plain JSON: int8 as number, timestamptz as ISO-8601 text in UTC with milliseconds. A value
 * without such a form fails its query. The pool connects when it is first used; the caller calls `end()`.
 */
export function createPool(options: PoolOptions): Pool {
  const statementTimeout_ms = options.statementTimeout_ms ?? 5_000;
  const pool = new Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeout_ms ?? 2_000,
    idleTimeoutMillis: options.idleTimeout_ms ?? 30_000,
    // Postgres ends a slow statement. This ends the wait for a Postgres that vanished without closing the connection.
    // 0 sets no limit.
    ...(statementTimeout_ms > 0 && { query_timeout: statementTimeout_ms + 1_000 }),
    options: [
      sessionOptions,
      optionsOf({
        statement_timeout: String(statementTimeout_ms),
        lock_timeout: String(options.lockTimeout_ms ?? 2_000),
        idle_in_transaction_session_timeout: String(options.idleInTransactionTimeout_ms ?? 30_000),
      }),
      ...(options.synchronousCommit === 'off' ? [optionsOf({ synchronous_commit: 'off' })] : []),
      ...(options.sequentialScans === 'off' ? [optionsOf({ enable_seqscan: 'off' })] : []),
      ...(options.plans === 'generic' ? [optionsOf({ plan_cache_mode: 'force_generic_plan' })] : []),
    ].join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: typeParsers,
    ...(options.onConnect && { onConnect: options.onConnect }),
  });
  // Without a listener, a broken idle connection ends the process. The pool has already dropped the connection.
  pool.on('error', logTogether(options.log));
  // The same for a connection that breaks between two queries of its holder: the next query reports it.
  pool.on('connect', (client) => {
    client.on('error', () => {});
    if (options.log !== undefined) logs.set(client, options.log);
  });
  if (options.log !== undefined) logs.set(pool, options.log);
  return pool;
}

/** One line for all idle connections that break together: when Postgres goes away, each of them does. */
function logTogether(log: DatabaseLog | undefined): (error: Error) => void {
  let connections = 0;
  return (err) => {
    connections += 1;
    if (connections > 1) return;
    setTimeout(() => {
      log?.error({ err, connections }, 'idle connections to Postgres broke');
      connections = 0;
    }, together_ms).unref();
  };
}

const together_ms = 500;
