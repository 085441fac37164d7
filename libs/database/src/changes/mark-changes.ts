import type { Queryable } from '../postgres/pool.ts';

/**
 * Marks how far the changes of products are now, and forgets marks that are older than `keep_s`. Followers whose cursor is
 * older than the oldest mark have to begin again. Needs a session without an open transaction.
 */
export async function markChanges(db: Queryable, keep_s: number): Promise<void> {
  await db.query('select catalog.mark_changes(make_interval(secs => $1))', [keep_s]);
}
