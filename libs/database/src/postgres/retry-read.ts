import { pause } from '@catalog/runtime';
import { DatabaseError, type QueryConfig } from 'pg';

/** When one connection is cut, other idle ones of the pool may be cut too without the pool knowing it yet. */
const attempts = 3;
/** Long enough for the pool to hear of the other cuts, and short compared with the time that a reader has. */
const pause_ms = 10;

/**
 * Sends a read again if it failed for a reason that another connection or a new plan removes:
 *
 * - Its connection was cut before the answer came. When a failover or an operator ends all sessions, no caller has to
 *   notice. If Postgres accepts no connection, the circuit breaker acts instead.
 * - A migration changed the type of a column, so that the plan of the prepared statement answers another shape.
 * - A pooler in transaction mode led to a session that does not know the prepared statement, or has it from another client.
 *   PgBouncer 1.21 and later keep the names of each client apart.
 *
 * @param read only reads, and takes its connection from a pool
 */
export async function retryRead<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const generation = planGeneration;
    try {
      return await read();
    } catch (error) {
      if (attempt === attempts) throw error;
      if (isStalePlan(error)) {
        // Each warm connection has the stale plan. A new name makes all of them plan anew, so one retry is enough.
        if (planGeneration === generation) planGeneration += 1;
      } else if (lostStatement(error)) {
        keepsStatements = false;
      } else if (wasCut(error)) {
        await pause(attempt * pause_ms);
      } else {
        throw error;
      }
    }
  }
}

let planGeneration = 0;
/** Whether a prepared statement is there when its connection is used again. */
let keepsStatements = true;

/** A statement that each connection plans once. Call it for each query: `retryRead` changes the names. */
export function prepared(name: string, text: string, values: unknown[] = []): QueryConfig {
  if (!keepsStatements) return { text, values };
  return { name: planGeneration === 0 ? name : `${name}/${planGeneration}`, text, values };
}

/**
 * "cached plan must not change result type" has no SQLSTATE of its own: 0A000 is feature_not_supported. The function that
 * raises it is part of the answer, and no language setting translates that.
 */
function isStalePlan(error: unknown): boolean {
  return (
    error instanceof DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery'
  );
}

/**
 * Postgres cannot read a value of the statement, or compute with it: SQLSTATE class 22. The value is to blame, and Postgres
 * works.
 */
export const isDataException = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code?.startsWith('22') === true;

/** PostgreSQL manual, appendix A: invalid_sql_statement_name, duplicate_prepared_statement. */
const lostStatement = (error: unknown): boolean =>
  error instanceof DatabaseError && (error.code === '26000' || error.code === '42P05');

// PostgreSQL manual, appendix A: admin_shutdown, crash_shutdown. The driver gives its own errors no code.
const codes = new Set(['57P01', '57P02', 'ECONNRESET', 'EPIPE']);
const messages = ['Connection terminated', 'Client has encountered a connection error'];

function wasCut(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: string };
  return code === undefined ? messages.some((text) => error.message.startsWith(text)) : codes.has(code);
}
