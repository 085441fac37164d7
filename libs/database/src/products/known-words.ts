import type { Queryable } from '../postgres/pool.ts';

/** Looks at the next words of `known_words`, at most that many, and forgets those that no product has had for an hour. */
export async function forgetWords(db: Queryable, most: number): Promise<void> {
  await db.query('select catalog.forget_words($1)', [most]);
}
