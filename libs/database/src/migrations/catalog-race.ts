import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { MigrationError } from './error.ts';

const attempts = 20;
const longestWait_ms = 100;

/**
 * Roles belong to the whole server, and our lock only to one database: two databases that are migrated at once
 * may write the same row of pg_authid, which Postgres answers with an internal error ("tuple concurrently
 * updated"), a duplicate key or a deadlock. The work is one transaction, so it can simply be done again.
 */
export async function retryOnCatalogRace<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attempts || !isCatalogRace(error)) throw error;
      await wait(Math.random() * longestWait_ms);
    }
  }
}

function isCatalogRace(error: unknown): boolean {
  const cause = error instanceof MigrationError ? error.cause : error;
  if (!(cause instanceof DatabaseError)) return false;
  if (cause.code === 'XX000') return /^tuple concurrently (?:updated|deleted)/.test(cause.message);
  if (cause.code === '23505') return cause.schema === 'pg_catalog';
  return cause.code === '40P01';
}
