import type { Queryable } from '../postgres/pool.ts';

/**
 * Makes the partitions that the history of products lacks: those of today and of the coming days, and one past day whose rows
 * are in the default partition. Returns how many it made; call again while that is not 0. A DatabaseError with the code 55P03
 * says that another session holds a lock that it needs.
 */
export async function makeHistoryPartitions(db: Queryable, daysAhead: number): Promise<number> {
  const { rows } = await db.query<{ made: number }>('select catalog.make_history_partitions($1) as made', [
    daysAhead,
  ]);
  return rows[0]?.made ?? 0;
}

/**
 * Drops the oldest day of the history of products, if all its rows are older than `age_s`; Postgres refuses less than a day.
 *
 * @returns whether it dropped one; call it again while it did
 * @throws DatabaseError with the code 55P03: another session holds a lock that it needs, for instance pg_dump
 */
export async function dropExpiredHistory(db: Queryable, age_s: number): Promise<boolean> {
  const { rows } = await db.query<{ dropped: number }>(
    'select catalog.drop_expired_history(make_interval(secs => $1)) as dropped',
    [age_s],
  );
  return rows[0]?.dropped === 1;
}
