import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './delete-expired.sql');

/** How long each kind of row is kept. `dropExpiredHistory` drops the history of products, a whole day at a time. */
export interface RetentionAges {
  /** A day at least, like the others: a tombstone keeps older versions from coming back. */
  readonly tombstones_s: number;
  readonly idempotencyKeys_s: number;
  readonly imports_s: number;
  /** What people did in the console. */
  readonly actions_s: number;
}

export interface Deleted {
  readonly tombstones: number;
  readonly idempotencyKeys: number;
  readonly imports: number;
  readonly actions: number;
}

/** Deletes rows beyond their age. Deletes at most `atMost` of each kind, so that no call holds locks for long. Postgres refuses shorter ages. */
export async function deleteExpired(db: Queryable, ages: RetentionAges, atMost: number): Promise<Deleted> {
  const { tombstones_s, idempotencyKeys_s, imports_s, actions_s } = ages;
  const { rows } = await db.query<Deleted>(sql, [
    tombstones_s,
    idempotencyKeys_s,
    imports_s,
    actions_s,
    atMost,
  ]);
  if (rows[0] === undefined) throw new Error('catalog.delete_expired answered no row');
  return rows[0];
}
