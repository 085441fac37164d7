import { pause } from '@catalog/runtime';
import { DatabaseError } from 'pg';
import { MigrationError } from './error.ts';

const attempts = 20;
const longestPause_ms = 100;

/**
 * Roles belong to the whole server, and our lock only to one database. Two databases that are migrated at once may write
 * the same row of pg_authid. Postgres answers that with an internal error ("tuple concurrently updated"), a duplicate key
 * or a deadlock. The work is one transaction, so it can be repeated.
 */
export async function retryOnCatalogRace<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attempts || !isCatalogRace(error)) throw error;
      await pause(Math.random() * longestPause_ms);
    }
  }
}

function isCatalogRace(error: unknown): boolean {
  const cause = error instanceof MigrationError ? error.cause : error;
  if (!(cause instanceof DatabaseError)) return false;
  // An internal error has no SQLSTATE of its own, and lc_messages may translate its text. Its source file identifies it.
  if (cause.code === 'XX000') return cause.file === 'heapam.c';
  if (cause.code === '23505') return cause.schema === 'pg_catalog';
  return cause.code === '40P01';
}
