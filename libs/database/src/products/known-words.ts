import type { Queryable } from '../postgres/pool.ts';

/**
 * Looks at the next words of `known_words`, and forgets those that no product has had for an hour.
 *
 * @param most words
 * @param most_ms it looks at no other word after this time
 */
export async function forgetWords(db: Queryable, most: number, most_ms: number): Promise<void> {
  await db.query('select catalog.forget_words($1, $2)', [most, most_ms]);
}
