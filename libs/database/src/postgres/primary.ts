import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const confirm = loadSql(import.meta.url, './primary.sql');
const begin = loadSql(import.meta.url, './begin-incarnation.sql');

/** What a primary says about itself. */
export interface Primary {
  /** Another one begins when Postgres has gone back to an earlier state, or may have. */
  readonly incarnation: string;
  /** System identifier, database and timeline. */
  readonly facts: string;
  /** Whether this question began the incarnation. */
  readonly began: boolean;
}

/**
 * Every session of a service asks this before anything else.
 *
 * @throws on a standby, with SQLSTATE 57P03
 */
export async function confirmPrimary(db: Queryable): Promise<Primary> {
  // A network that was cut silently must not hold the caller for longer than a connection attempt.
  const { rows } = await db.query<Primary>({ text: confirm, query_timeout: confirm_ms } as { text: string });
  const [primary] = rows;
  if (primary === undefined) throw new Error('Postgres did not say which incarnation it is');
  return primary;
}

/**
 * Begins another incarnation, because Postgres went back on the same timeline.
 *
 * @param seenVersion versions continue beyond it
 * @param incarnation the one that the caller found
 * @returns false if another one had begun meanwhile
 */
export async function beginIncarnation(
  db: Queryable,
  seenVersion: number,
  incarnation: string,
): Promise<boolean> {
  const { rows } = await db.query<{ began: boolean }>(begin, [seenVersion, incarnation]);
  return rows[0]?.began === true;
}

const confirm_ms = 2_000;
